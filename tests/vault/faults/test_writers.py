"""Two writers, writers that are killed, logs that are torn, and a clock that is set back."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Refusal, TideprintError
from tests.vault.faults.support import BLOCKS, DATABASES, IDENTITY, RECORDS, World, bring_back, lived
from tests.vault.support import Clock, options, seal_days
from vault import Cause, Vault
from vault.errors import StoreUnavailable

OTHER = """
import sys
from pathlib import Path
from protocol.errors import TideprintError
from tests.vault.support import options
from vault import Vault
try:
    Vault.open(Path(sys.argv[1]), options())
except TideprintError as error:
    print(error.code, bool(error.hint))
"""
DIES = """
import os, sys
from pathlib import Path
from tests.vault.support import options, seal_days
from vault import Cause, Vault
left = int(sys.argv[2])
def step(name):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
with Vault.open(Path(sys.argv[1]), options(on_step=step)) as vault:
    dora = vault.identity.subject_of("dora")
    for record_id in seal_days(vault, vault.identity.subject_of("anna"), 2):
        print("sealed", record_id, flush=True)
    vault.erase(dora, Cause.PURPOSE_ACHIEVED)
    print("erased", flush=True)
"""
UNCLOSED = """
import os, sys
from pathlib import Path
from tests.vault.support import options, seal_days
from vault import Vault
vault = Vault.open(Path(sys.argv[1]), options())
for _ in range(3):
    print(*seal_days(vault, vault.identity.subject_of("anna"), 2), flush=True)
os.kill(os.getpid(), 9)
"""


def run(script: str, *arguments: str) -> list[str]:
    """What a process printed, however it ended."""
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def test_a_second_process_is_refused_and_harms_nothing(world: World) -> None:
    with Vault.open(world.home, options()) as vault:
        assert run(OTHER, str(world.home)) == ["VAULT_IN_USE True"]
        world.seal(vault, "anna", 2)
    world.whole()


@pytest.mark.parametrize("name", DATABASES)
def test_a_file_that_somebody_else_writes_is_busy(world: World, name: str) -> None:
    with Vault.open(world.home, options()) as vault:
        for database in (vault._rows, vault._keys._database, vault._blocks._database, vault.identity._database):
            database.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(world.home / name, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="DATABASE_BUSY"):
            vault.identity.enroll("guest", []) if name == IDENTITY else seal_days(vault, world.people["anna"], 1)
        other.close()
        world.seal(vault, "anna", 1)
    world.whole()


@pytest.mark.parametrize("step", range(2, 30, 6))
def test_a_writer_killed_at_a_step(world: World, step: int) -> None:
    lines = [line.split() for line in run(DIES, str(world.home), str(step))]
    for at, line in enumerate(line for line in lines if line[0] == "sealed"):
        world.kept[line[1]] = ("anna", 1000 + at)  # type: ignore[index]
    with Vault.open(world.home, options()) as vault:
        vault.erasures.resume()
        dora = vault.identity.subject_of("dora")
        assert dora is None or ["erased"] not in lines
        if dora is not None:
            vault.erase(dora, Cause.PURPOSE_ACHIEVED)
    world.people.pop("dora")
    world.gone("dora")
    world.whole()


@pytest.fixture
def torn(world: World, tmp_path: Path) -> Path:
    """A copy of a vault whose process was killed: its last commits are in the logs only."""
    for line in run(UNCLOSED, str(world.home)):
        for at, record_id in enumerate(line.split()):
            world.kept[record_id] = ("anna", 1000 + at)  # type: ignore[index]
    shutil.copytree(world.home, tmp_path / "torn")
    assert (tmp_path / "torn" / f"{RECORDS}-wal").stat().st_size
    return tmp_path / "torn"


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_torn_log(world: World, torn: Path, name: str, share: float) -> None:
    """What it held is gone until it is brought back; nothing else is, and what opens is right."""
    log = world.home / f"{name}-wal"
    os.truncate(log, int(log.stat().st_size * share))
    said = world.codes()
    assert said <= {"SERVICE_LOCKED_PENDING_REPLAY", "RECORD_UNKNOWN", "BLOCK_MISSING", "KEYS_ROLLED_BACK"}
    assert said or name == IDENTITY or share > 0.5
    bring_back(world.home, torn)
    world.whole()


@pytest.mark.parametrize("name", [RECORDS, BLOCKS])
def test_a_log_that_is_gone(world: World, torn: Path, name: str) -> None:
    (world.home / f"{name}-wal").unlink()
    assert world.codes()
    bring_back(world.home, torn)
    world.whole()


def test_rubbish_after_the_last_commit_is_ignored(world: World, torn: Path) -> None:
    for name in DATABASES:
        log = world.home / f"{name}-wal"
        with log.open("ab") as file:
            file.write(os.urandom(5_000))
    assert torn.exists()
    world.whole()


def test_a_clock_that_is_set_back_loses_nothing(home: Path) -> None:
    world, clock = lived(home), Clock()
    with Vault.open(home, options(clock=clock)) as vault:
        clock.at -= 400 * 86_400
        with pytest.raises(Refusal, match="CLOCK_UNTRUSTED"):
            vault.erase(world.people["dora"], Cause.PURPOSE_ACHIEVED)
        world.seal(vault, "ben", 1)
        clock.at += 400 * 86_400 + 60
        world.erase(vault, "dora")
    world.whole()


def test_an_opening_that_fails_can_be_repeated(world: World) -> None:
    """Nothing of it stays open or locked."""
    for _ in range(3):
        (world.home / RECORDS).rename(world.home / "aside")
        with pytest.raises(TideprintError, match="DATABASE_MISSING"):
            Vault.open(world.home, options())
        (world.home / "aside").rename(world.home / RECORDS)
    world.whole()
