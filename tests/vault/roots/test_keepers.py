"""A vault whose root lies in shares on three keepers, each a process of its own: dead, stale, strange, killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.support import Tree
from vault.errors import KeyErased, StoreUnavailable
from vault.paths import parse
from vault.roots import KeeperAddress, SharesSettings, make_identity, open_root, read_slots
from vault.roots.keeper import SHARE_FILE

COMMAND = "from vault.cli.keeper import keeper; keeper()"
KILLED = """
import os, signal, sys
from pathlib import Path
from vault.roots import open_keeper
left = 2 if sys.argv[4].startswith("settle") else 1
def step(name):
    global left
    left -= name == sys.argv[4]
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
data, port, certificate = sys.argv[1:4]
server = open_keeper(Path(data), ("127.0.0.1", int(port)), Path(certificate), allow_remnants=True, on_step=step)
print("keeper on 127.0.0.1:%d, certificate" % server.server_address[1], flush=True)
server.serve_forever(poll_interval=0.1)
"""
VICTIM, SECOND, KEPT = parse("00123000010002"), parse("00123000010003"), parse("00123000020002")


class House:
    """Three keepers and a key tree."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate = make_identity(directory / "keeper-identity", "vault")
        self.ports = [0, 0, 0]
        self.running: dict[int, subprocess.Popen[str]] = {}
        for number in range(3):
            self.start(number)
        self.tree = self.open(create=True)

    def start(self, number: int, kill_at: str = "") -> None:
        data, port = self.directory / f"k{number}", self.ports[number]
        if kill_at:
            command = ["-c", KILLED, str(data), str(port), str(self.certificate), kill_at]
        else:
            options = ["--data", str(data), "--listen", f"127.0.0.1:{port}", "--allow-remnants"]
            command = ["-c", COMMAND, *options, "--vault-certificate", str(self.certificate)]
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        line = process.stdout.readline()
        self.ports[number] = int(line.split(",")[0].rpartition(":")[2])
        self.running[number] = process

    def kill(self, number: int, how: signal.Signals = signal.SIGKILL) -> int:
        process = self.running.pop(number)
        process.send_signal(how)
        status = process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def ended(self, number: int) -> None:
        """A keeper that a step killed."""
        assert self.running[number].wait(10) == -signal.SIGKILL
        self.kill(number)

    def open(self, *, create: bool = False, identity: str = "keeper-identity") -> Tree:
        addresses = tuple(
            KeeperAddress(f"keeper-{n}", "127.0.0.1", port, self.directory / f"k{n}" / "identity.pem")
            for n, port in enumerate(self.ports)
        )
        settings = SharesSettings(2, addresses, Path(identity))
        return Tree(self.directory, create=create, root=open_root(settings, self.directory))

    def reopen(self) -> None:
        self.tree.close()
        self.tree = self.open()

    def epochs_at(self, number: int) -> set[int]:
        return set(read_slots((self.directory / f"k{number}" / SHARE_FILE).read_bytes()))

    def debts(self) -> tuple[str, ...]:
        return self.tree.keys.report().debts

    def stop(self) -> None:
        self.tree.close()
        for number in list(self.running):
            self.kill(number)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.stop()


def test_three_keepers_hold_a_share_each_and_confirm(house: House) -> None:
    kept = house.tree.keys.key(KEPT)
    epoch = house.tree.keys.erase([VICTIM])
    assert epoch.witnesses == ("keeper-0", "keeper-1", "keeper-2")
    assert house.debts() == ()
    values = [(house.directory / f"k{n}" / SHARE_FILE).read_bytes() for n in range(3)]
    assert len({read_slots(value)[1][2] for value in values}) == 3
    house.reopen()
    assert house.tree.keys.key(KEPT) == kept
    assert house.tree.keys.is_erased(VICTIM)
    with pytest.raises(KeyErased):
        house.tree.keys.key(VICTIM)


def test_one_dead_keeper_is_a_debt_and_catches_up_when_it_is_back(house: House) -> None:
    kept = house.tree.keys.key(KEPT)
    assert house.kill(2, signal.SIGTERM) == 0
    epoch = house.tree.keys.erase([VICTIM])
    assert epoch.witnesses == ("keeper-0", "keeper-1")
    assert house.tree.keys.is_erased(VICTIM)
    assert house.debts() == ("keeper-2 does not answer",)
    assert house.epochs_at(2) == {0}
    house.start(2)
    assert any("keeper-2 still holds an old share" in debt for debt in house.debts())
    house.tree.keys.settle()
    assert house.epochs_at(2) == set()
    assert house.debts() == ("keeper-2 has no share of epoch 1: run an epoch (refresh)",)
    assert house.tree.keys.erase(()).witnesses == ("keeper-0", "keeper-1", "keeper-2")
    assert house.debts() == ()
    assert house.tree.keys.key(KEPT) == kept


def test_two_dead_keepers_stop_everything_and_nothing_is_lost(house: House) -> None:
    kept, victim = house.tree.keys.key(KEPT), house.tree.keys.key(VICTIM)
    house.kill(1)
    house.kill(2)
    with pytest.raises(StoreUnavailable, match="KEEPERS_UNREACHABLE"):
        house.tree.keys.erase([VICTIM])
    house.tree.close()
    with pytest.raises(StoreUnavailable, match="KEEPERS_UNREACHABLE"):
        house.open()
    house.start(1)
    house.tree = house.open()
    assert (house.tree.keys.epoch, house.tree.keys.key(VICTIM), house.tree.keys.key(KEPT)) == (0, victim, kept)
    house.tree.keys.erase([VICTIM])
    assert house.tree.keys.is_erased(VICTIM)


def test_a_keeper_with_an_old_disk_brings_nothing_back(house: House) -> None:
    old = house.directory / "old.slot"
    shutil.copy(house.directory / "k2" / SHARE_FILE, old)
    kept = house.tree.keys.key(KEPT)
    house.tree.keys.erase([VICTIM])
    house.tree.keys.erase([SECOND])
    house.kill(2)
    (house.directory / "k2" / SHARE_FILE).write_bytes(old.read_bytes())
    house.start(2)
    assert house.epochs_at(2) == {0}
    assert house.tree.keys.is_erased(VICTIM)
    assert house.debts() == (
        "keeper-2 has no share of epoch 2: run an epoch (refresh)",
        "keeper-2 still holds an old share",
    )
    house.reopen()
    assert house.epochs_at(2) == set()
    house.tree.keys.erase(())
    assert house.epochs_at(2) == {3}
    assert house.tree.keys.key(KEPT) == kept


def test_a_vault_with_another_identity_is_refused(house: House) -> None:
    make_identity(house.directory / "other", "vault")
    with pytest.raises(StoreUnavailable, match="KEEPERS_UNREACHABLE"):
        house.open(identity="other")
    assert house.tree.keys.report().debts == ()


def test_another_keeper_in_a_keepers_place_gets_no_share(house: House) -> None:
    house.kill(2)
    shutil.move(house.directory / "k2", house.directory / "true")
    house.start(2)
    shutil.copy(house.directory / "true" / "identity.pem", house.directory / "k2" / "identity.pem")
    house.reopen()
    house.tree.keys.erase([VICTIM])
    assert house.epochs_at(2) == set()
    assert "keeper-2 does not answer" in house.debts()


def test_strangers_get_nothing_and_block_nobody(house: House) -> None:
    strangers = [socket.create_connection(("127.0.0.1", house.ports[0])) for _ in range(3)]
    for stranger in strangers:
        stranger.sendall(b'{"do": "held"}\n' * 20)
        stranger.settimeout(10)
    house.reopen()
    assert house.debts() == ()
    for stranger in strangers:
        answer = bytearray()
        try:
            while part := stranger.recv(1000):
                answer += part
        except ConnectionResetError:
            pass
        assert b"held" not in answer
        stranger.close()


@pytest.mark.parametrize("count", [1, 2])
def test_keepers_killed_at_any_step_lose_nothing(house: House, count: int) -> None:
    kept = house.tree.keys.key(KEPT)
    for turn, step in enumerate(["prepare begins", "prepare done", "settle begins", "settle done"]):
        victim = parse(f"001230003{turn}0000")
        house.tree.keys.key(victim)
        before = house.tree.keys.epoch
        doomed = [(turn + place) % 3 for place in range(count)]
        for number in doomed:
            house.kill(number)
            house.start(number, step)
        if count == 1:
            house.tree.keys.erase([victim])
        else:
            committed = step.startswith("settle")
            with pytest.raises(StoreUnavailable, match="ROOT_STILL_HELD" if committed else "KEEPERS_UNREACHABLE"):
                house.tree.keys.erase([victim])
            assert house.tree.database.value("SELECT value FROM meta WHERE name = 'epoch'") == before + committed
        for number in doomed:
            house.ended(number)
            house.start(number)
        house.reopen()
        assert house.tree.keys.key(KEPT) == kept
        house.tree.keys.erase([victim])
        assert house.tree.keys.is_erased(victim)
        assert house.debts() == ()


def test_a_keepers_files_are_its_owners_alone(house: House) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (house.directory / "k0").iterdir()}
    assert modes == {"identity.key": 0o600, "identity.pem": 0o644, SHARE_FILE: 0o600}
    os.chmod(house.directory / "keeper-identity" / "identity.key", 0o644)
    with pytest.raises(Exception, match="KEEPER_IDENTITY"):
        house.open()
