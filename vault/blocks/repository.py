"""The repository of a private Kubo daemon: made once, with everything that keeps it private.

REPOSITORY/config             the daemon's configuration and identity key (0600)
REPOSITORY/swarm.key          who has it is in the swarm (0600; the same file at every member)
REPOSITORY/rpc.secret         the bearer token of the RPC (0600); give the vault a copy
REPOSITORY/denylists/         erased blocks, appended by a vault on the same host
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vault.blocks.privacy import CONFIG_FILE, KEY_FILE, PRIVATE, SWARM_KEY, check_repository, with_setting
from vault.errors import StoreDamaged, StoreUnavailable

SECRET_FILE = "rpc.secret"  # noqa: S105  a file's name
DENYLIST = Path("denylists") / "erased.deny"
DENYLIST_HEAD = "version: 1\nname: erased blocks\n---\n"
KEY_SIZE = SECRET_SIZE = 32
INIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RepositoryPlan:
    """How the daemon will be reached: multiaddresses of its RPC and of the swarm."""

    api: str = "/ip4/127.0.0.1/tcp/5001"
    swarm: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/4001",)


def init_repository(
    binary: Path, repository: Path, plan: RepositoryPlan, entropy: Callable[[int], bytes], swarm_key: str | None = None
) -> str:
    """Make a repository; returns the daemon's peer identity. `swarm_key`: text of another member's file, a new one
    if None.

    Raises `KUBO_EXISTS`, `KUBO_MISSING`, `KUBO_FAILED`, `SWARM_KEY_INVALID`, `KUBO_NOT_PRIVATE` (an
    address that will not do).
    """
    if repository.exists() and any(repository.iterdir()):
        raise StoreUnavailable("KUBO_EXISTS", f"something is in {repository.name} already", "start it instead")
    text = swarm_key or f"/key/swarm/psk/1.0.0/\n/base16/\n{entropy(KEY_SIZE).hex()}\n"
    if not SWARM_KEY.fullmatch(text):
        raise StoreDamaged("SWARM_KEY_INVALID", "not a swarm key of 32 bytes in base 16", "copy another member's file")
    repository.mkdir(parents=True, exist_ok=True)
    repository.chmod(0o700)
    _run_init(binary, repository)
    token = entropy(SECRET_SIZE).hex()
    configuration = _private(read_configuration(repository), plan, token)
    write_secret(repository / CONFIG_FILE, json.dumps(configuration, indent=2))
    write_secret(repository / KEY_FILE, text)
    write_secret(repository / SECRET_FILE, token + "\n")
    (repository / DENYLIST).parent.mkdir(mode=0o700)
    write_secret(repository / DENYLIST, DENYLIST_HEAD)
    check_repository(repository, configuration)
    return str(configuration["Identity"]["PeerID"])


def set_peers(repository: Path, addresses: Sequence[str]) -> None:
    """Say who the other members are: multiaddresses that end in /p2p/IDENTITY. The daemon keeps connected to them.

    Raises `ADDRESS_INVALID`. A running daemon reads it when it is restarted.
    """
    peers = []
    for address in addresses:
        place, mark, identity = address.rpartition("/p2p/")
        if not mark or "/tcp/" not in place or not identity:
            hint = "give it as `tideprint vault kubo init` printed it"
            raise StoreDamaged("ADDRESS_INVALID", f"{address} is not /ip4/ADDRESS/tcp/PORT/p2p/IDENTITY", hint)
        peers.append({"ID": identity, "Addrs": [place]})
    configuration = read_configuration(repository)
    with_setting(configuration, "Peering.Peers", peers)
    write_secret(repository / CONFIG_FILE, json.dumps(configuration, indent=2))


def read_configuration(repository: Path) -> dict[str, Any]:
    """The daemon's configuration. Raises `KUBO_MISSING` or `KUBO_DAMAGED`."""
    try:
        found: dict[str, Any] = json.loads((repository / CONFIG_FILE).read_text())
    except OSError as error:
        hint = "make it with `tideprint vault kubo init`"
        raise StoreUnavailable("KUBO_MISSING", f"no repository in {repository.name}: {error.strerror}", hint) from error
    except ValueError as error:
        raise StoreDamaged("KUBO_DAMAGED", f"{CONFIG_FILE} is not JSON", "restore it from a backup") from error
    return found


def environment(repository: Path) -> dict[str, str]:
    """All that a daemon finds in its environment; without a swarm key it must refuse to run."""
    return {
        "HOME": str(repository),
        "IPFS_PATH": str(repository),
        "IPFS_TELEMETRY": "off",
        "LIBP2P_FORCE_PNET": "1",
        "PATH": os.defpath,
    }


def write_secret(path: Path, text: str) -> None:
    """Replace a file by one of mode 0600, whole or not at all."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def _run_init(binary: Path, repository: Path) -> None:
    command = [str(binary), "init", "--empty-repo", "--profile=autoconf-off"]
    try:
        done = subprocess.run(
            command, env=environment(repository), capture_output=True, text=True, timeout=INIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        hint = "build it with scripts/kubo.sh, or name it with --kubo"
        raise StoreUnavailable("KUBO_MISSING", f"{binary} cannot be run", hint) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StoreUnavailable("KUBO_FAILED", f"the repository could not be made: {last}", "see the message")


def _private(configuration: dict[str, Any], plan: RepositoryPlan, token: str) -> dict[str, Any]:
    for name, value in PRIVATE.items():
        with_setting(configuration, name, value)
    with_setting(configuration, "Plugins.Plugins.telemetry.Disabled", True)
    with_setting(configuration, "Addresses.API", plan.api)
    with_setting(configuration, "Addresses.Swarm", list(plan.swarm))
    with_setting(configuration, "Addresses.NoAnnounce", [])
    allowed: Mapping[str, Any] = {"AuthSecret": f"bearer:{token}", "AllowedPaths": ["/api/v0"]}
    with_setting(configuration, "API.Authorizations", {"vault": allowed})
    for mount in configuration["Datastore"]["Spec"]["mounts"]:
        if mount["type"] == "flatfs":
            mount["sync"] = True  # a block that counts as stored survives a power cut
    return configuration
