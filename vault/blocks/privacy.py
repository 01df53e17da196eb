"""What the configuration of a Kubo daemon must say so that nobody outside the swarm hears of a block.

Names and meanings of the settings: Kubo 0.39, docs/config.md. A swarm key closes the swarm; the rest keeps the daemon
from asking or telling anybody else: no public peers, no routing, no announcing, no gateway, no look-ups of versions,
addresses, certificates or telemetry, TCP alone (no other transport knows swarm keys).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vault.errors import StoreUnavailable

PRIVATE: Mapping[str, Any] = {
    "AutoConf.Enabled": False,
    "AutoNAT.ServiceMode": "disabled",
    "AutoTLS.Enabled": False,
    "Bootstrap": [],
    "DNS.Resolvers": {},
    "Discovery.MDNS.Enabled": False,
    "Addresses.Gateway": [],
    "Gateway.NoFetch": True,
    "Experimental.FilestoreEnabled": False,
    "Experimental.Libp2pStreamMounting": False,
    "Experimental.P2pHttpProxy": False,
    "Experimental.UrlstoreEnabled": False,
    "HTTPRetrieval.Enabled": False,
    "Ipns.DelegatedPublishers": [],
    "Pinning.RemoteServices": {},
    "Plugins.Plugins.telemetry.Config.Mode": "off",
    "Provide.Enabled": False,
    "Routing.DelegatedRouters": [],
    "Routing.Type": "none",
    "Swarm.DisableNatPortMap": True,
    "Swarm.EnableHolePunching": False,
    "Swarm.RelayClient.Enabled": False,
    "Swarm.RelayService.Enabled": False,
    "Swarm.Transports.Network.QUIC": False,
    "Swarm.Transports.Network.Relay": False,
    "Swarm.Transports.Network.WebRTCDirect": False,
    "Swarm.Transports.Network.WebTransport": False,
    "Swarm.Transports.Network.Websocket": False,
    "Version.SwarmCheckEnabled": False,
}
"""Every setting a private daemon has, and its only value."""
LOCAL_API = re.compile(r"/ip4/127\.\d+\.\d+\.\d+/tcp/\d+|/ip6/::1/tcp/\d+|/unix/.+")
SWARM_KEY = re.compile(r"/key/swarm/psk/1\.0\.0/\s*/base16/\s*[0-9a-f]{64}\s*")
KEY_FILE, CONFIG_FILE = "swarm.key", "config"


def check_private(configuration: Mapping[str, Any]) -> None:
    """Raises `KUBO_NOT_PRIVATE` with the first setting that is not as it must be."""
    for name, value in PRIVATE.items():
        found = setting(configuration, name)
        if found != value and not (not value and value is not False and not found):
            raise not_private(f"{name} is {found!r}, it must be {value!r}")
    api = setting(configuration, "Addresses.API")
    for address in [api] if isinstance(api, str) else api or [""]:
        if not LOCAL_API.fullmatch(address):
            raise not_private(f"Addresses.API is {address!r}, it must be on the loopback or a unix socket")
    for address in setting(configuration, "Addresses.Swarm") or []:
        if "/tcp/" not in address or address.endswith(("/ws", "/wss")):
            raise not_private(f"Addresses.Swarm has {address!r}, which knows no swarm key")


def check_repository(repository: Path, configuration: Mapping[str, Any]) -> None:
    """`check_private`, and what only the daemon's own host can see: the swarm key and who may use the RPC."""
    check_private(configuration)
    if not setting(configuration, "API.Authorizations"):
        raise not_private("API.Authorizations is empty, anybody on this host may use the RPC")
    for name in (KEY_FILE, CONFIG_FILE):
        path = repository / name
        if not path.is_file():
            raise not_private(f"there is no {name}")
        if path.stat().st_mode & 0o077:
            raise not_private(f"others may read {name}")
    if not SWARM_KEY.fullmatch((repository / KEY_FILE).read_text()):
        raise not_private(f"{KEY_FILE} is not a key of 32 bytes in base 16")


def setting(configuration: Mapping[str, Any], name: str) -> Any:
    """The value at a dotted name, or None."""
    found: Any = configuration
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def with_setting(configuration: dict[str, Any], name: str, value: Any) -> None:
    """Set the value at a dotted name."""
    *parents, last = name.split(".")
    for part in parents:
        if not isinstance(configuration.get(part), dict):
            configuration[part] = {}
        configuration = configuration[part]
    configuration[last] = value


def not_private(what: str) -> StoreUnavailable:
    """What to raise for a daemon that is not private."""
    hint = "correct this setting and restart the daemon; no block goes to it before"
    return StoreUnavailable("KUBO_NOT_PRIVATE", what, hint)
