"""A private daemon is made private, stays private, and is kept running."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.vault.blocks.kubo_support import SHM, free_port, kubo_binary
from tests.vault.blocks.pretender import private_configuration
from vault.blocks.daemon import Daemon, supervise
from vault.blocks.privacy import PRIVATE, check_private, check_repository, with_setting
from vault.blocks.repository import (
    DENYLIST,
    RepositoryPlan,
    environment,
    init_repository,
    read_configuration,
    set_peers,
    write_secret,
)
from vault.cli import vault as commands
from vault.errors import StoreDamaged, StoreUnavailable

kubo = pytest.mark.xdist_group("kubo")
OTHERWISE: dict[type, Any] = {bool: None, list: ["auto"], dict: {".": "auto"}, str: "auto"}


@pytest.mark.parametrize("name", PRIVATE)
def test_every_setting_counts(name: str) -> None:
    configuration = private_configuration()
    check_private(configuration)
    value = PRIVATE[name]
    with_setting(configuration, name, not value if isinstance(value, bool) else OTHERWISE[type(value)])
    with pytest.raises(StoreUnavailable, match=f"KUBO_NOT_PRIVATE: {name} is"):
        check_private(configuration)
    with_setting(configuration, name, None)
    if value not in ([], {}):
        with pytest.raises(StoreUnavailable, match=f"KUBO_NOT_PRIVATE: {name} is None"):
            check_private(configuration)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Addresses.API", "/ip4/0.0.0.0/tcp/5001"),
        ("Addresses.API", ["/ip4/127.0.0.1/tcp/5001", "/ip4/10.0.0.1/tcp/5001"]),
        ("Addresses.API", None),
        ("Addresses.Swarm", ["/ip4/0.0.0.0/udp/4001/quic-v1"]),
        ("Addresses.Swarm", ["/ip4/0.0.0.0/tcp/4001/ws"]),
    ],
)
def test_addresses_count(name: str, value: Any) -> None:
    configuration = private_configuration()
    with_setting(configuration, name, value)
    with pytest.raises(StoreUnavailable, match=f"KUBO_NOT_PRIVATE: {name}"):
        check_private(configuration)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository as `init` makes it."""
    made = tmp_path / "kubo"
    plan = RepositoryPlan(f"/ip4/127.0.0.1/tcp/{free_port()}", (f"/ip4/127.0.0.1/tcp/{free_port()}",))
    init_repository(kubo_binary(), made, plan, os.urandom)
    return made


@kubo
def test_what_init_writes_is_private(repository: Path) -> None:
    check_repository(repository, read_configuration(repository))
    for name in ("config", "swarm.key", "rpc.secret", str(DENYLIST)):
        assert (repository / name).stat().st_mode & 0o777 == 0o600
    assert repository.stat().st_mode & 0o777 == 0o700
    mounts = read_configuration(repository)["Datastore"]["Spec"]["mounts"]
    assert [mount["sync"] for mount in mounts if mount["type"] == "flatfs"] == [True]
    assert environment(repository)["LIBP2P_FORCE_PNET"] == "1"
    with pytest.raises(StoreUnavailable, match="KUBO_EXISTS"):
        init_repository(kubo_binary(), repository, RepositoryPlan(), os.urandom)


@kubo
def test_what_only_its_host_can_see_counts_too(repository: Path) -> None:
    configuration = read_configuration(repository)
    key = (repository / "swarm.key").read_text()
    (repository / "swarm.key").write_text("/key/swarm/psk/1.0.0/\n/base16/\nab\n")
    with pytest.raises(StoreUnavailable, match="not a key of 32 bytes"):
        check_repository(repository, configuration)
    (repository / "swarm.key").write_text(key)
    (repository / "swarm.key").chmod(0o644)
    with pytest.raises(StoreUnavailable, match=r"others may read swarm\.key"):
        check_repository(repository, configuration)
    (repository / "swarm.key").unlink()
    with pytest.raises(StoreUnavailable, match=r"no swarm\.key"):
        Daemon(kubo_binary(), repository).start()
    configuration["API"]["Authorizations"] = {}
    with pytest.raises(StoreUnavailable, match=r"API\.Authorizations"):
        check_repository(repository, configuration)


def test_what_cannot_be_run_or_read(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="KUBO_MISSING"):
        init_repository(tmp_path / "nothing", tmp_path / "a", RepositoryPlan(), os.urandom)
    with pytest.raises(StoreUnavailable, match="KUBO_FAILED"):
        init_repository(Path("/bin/false"), tmp_path / "b", RepositoryPlan(), os.urandom)
    with pytest.raises(StoreDamaged, match="SWARM_KEY_INVALID"):
        init_repository(Path("/bin/false"), tmp_path / "c", RepositoryPlan(), os.urandom, "guess")
    with pytest.raises(StoreUnavailable, match="KUBO_MISSING"):
        read_configuration(tmp_path)
    (tmp_path / "config").write_text("{")
    with pytest.raises(StoreDamaged, match="KUBO_DAMAGED"):
        read_configuration(tmp_path)


def test_peers_are_named_with_their_identity(tmp_path: Path) -> None:
    write_secret(tmp_path / "config", "{}")
    set_peers(tmp_path, ["/ip4/10.0.0.2/tcp/4001/p2p/12D3abc"])
    assert read_configuration(tmp_path)["Peering"]["Peers"] == [{"ID": "12D3abc", "Addrs": ["/ip4/10.0.0.2/tcp/4001"]}]
    for address in ("/ip4/10.0.0.2/tcp/4001", "/ip4/10.0.0.2/udp/1/p2p/x", "/ip4/10.0.0.2/tcp/1/p2p/"):
        with pytest.raises(StoreDamaged, match="ADDRESS_INVALID"):
            set_peers(tmp_path, [address])


class Falling:
    """A daemon that falls as often as told, and is then asked to stop."""

    def __init__(self, falls: int, stopping: threading.Event) -> None:
        self.starts, self._falls, self._stopping = 0, falls, stopping

    def start(self) -> None:
        self.starts += 1
        if self.starts == 2:
            raise StoreUnavailable("KUBO_FAILED", "not this time")

    def wait(self) -> int:
        if self.starts > self._falls:
            self._stopping.set()
        return 1

    def stop(self) -> None:
        pass


def test_a_daemon_that_falls_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.blocks.daemon.LONGEST_PAUSE", 0.01)
    stopping = threading.Event()
    daemon = Falling(3, stopping)
    supervise(daemon, stopping)  # type: ignore[arg-type]
    assert daemon.starts == 4


@kubo
def test_a_member_from_the_command_line(tmp_path: Path) -> None:
    """Make, check, run, kill, see it come back, stop."""
    home, api = tmp_path / "kubo", SHM / f"tp{os.getpid()}.sock"
    common = ["--data", str(home), "--kubo", str(kubo_binary())]
    run = CliRunner(mix_stderr=False)
    swarm = f"/ip4/127.0.0.1/tcp/{free_port()}"
    made = run.invoke(commands, ["kubo", "init", *common, "--api", f"/unix{api}", "--swarm", swarm, "--json"])
    facts = json.loads(made.stdout)
    assert facts["addresses"] == [f"{swarm}/p2p/{facts['peer']}"]
    assert run.invoke(commands, ["kubo", "check", "--data", str(home)]).stdout == "private\n"
    other = run.invoke(
        commands,
        ["kubo", "init", "--data", str(tmp_path / "b"), *common[2:], "--swarm-key", facts["swarm_key"], "--json"],
    )
    address = json.loads(other.stdout)["addresses"][0].replace("0.0.0.0", "127.0.0.1")
    assert run.invoke(commands, ["kubo", "peers", "--data", str(home), address]).exit_code == 0
    code = "from vault.cli import vault; vault()"
    daemon = subprocess.Popen([sys.executable, "-c", code, "kubo", "start", *common], stderr=subprocess.PIPE, text=True)
    assert daemon.stderr is not None
    lines = iter(daemon.stderr.readline, "")
    assert any("Daemon is ready" in line for line in lines)
    (child,) = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split() or ["0"]
    os.kill(int(child), signal.SIGKILL)
    assert any("starting it again" in line for line in lines)
    assert any("Daemon is ready" in line for line in lines)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(20) == 0
    daemon.stderr.close()
    deadline = time.monotonic() + 5
    while api.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    api.unlink(missing_ok=True)
