"""Blocks move from store to store as they are, and nothing is lost wherever it is stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from protocol.errors import Refusal
from tests.vault.blocks.kubo_support import Node, swarm_settings
from tests.vault.blocks.pretender import Pretender
from tests.vault.support import options, scratch, seal_days
from vault import RecordId, Vault
from vault.blocks import EmbeddedSettings, MemberSettings, SwarmSettings, open_blocks
from vault.cli import vault as commands
from vault.config import VaultSettings, load_settings, write_settings
from vault.errors import StoreDamaged, VaultError
from vault.moving import LEFT_FILE, Moved, move
from vault.sagas import Cause

COUNT = 450
KILLED = -9
SILENT = lambda *_: None  # noqa: E731


@pytest.fixture
def pretenders() -> Iterator[list[Pretender]]:
    made = [Pretender(), Pretender()]
    yield made
    for pretender in made:
        pretender.close()


@pytest.fixture
def swarm(pretenders: list[Pretender]) -> SwarmSettings:
    members = tuple(MemberSettings(f"m{i}", daemon.address) for i, daemon in enumerate(pretenders))
    return SwarmSettings(members, None, 1.0, 5.0, 1)


@pytest.fixture
def filled(home: Path) -> tuple[Path, list[RecordId]]:
    """A vault with embedded blocks that is closed, and its records."""
    with Vault.create(home, options()) as vault:
        return home, seal_days(vault, vault.identity.enroll("anna", []), COUNT)


def opens_all(home: Path, records: list[RecordId]) -> bool:
    with Vault.open(home, options()) as vault:
        return [vault.records.open(record).record["steps"] for record in records] == [1000 + i for i in range(COUNT)]


def test_there_and_back(filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings) -> None:
    home, records = filled
    steps = []
    done = move(home, swarm, lambda step, count, _: steps.append((step, count)))
    assert done == Moved(COUNT, COUNT, COUNT, ("m0", "m1"))
    pages = [200, 400, COUNT]
    assert steps == [(step, count) for step in ("copy", "verify", "empty") for count in pages]
    assert not (home / "records/blocks.db").exists()
    assert [len(daemon.pins) for daemon in pretenders] == [COUNT, COUNT]
    assert load_settings(home).blocks == swarm
    assert opens_all(home, records)
    with pytest.raises(VaultError, match="MOVE_NEEDLESS"):
        move(home, swarm, SILENT)
    assert move(home, EmbeddedSettings(), SILENT) == Moved(COUNT, COUNT, COUNT, ("embedded",))
    assert [len(daemon.blocks) for daemon in pretenders] == [0, 0]
    assert opens_all(home, records)
    assert not (home / LEFT_FILE).exists()


def test_a_dry_run_changes_nothing(
    filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings
) -> None:
    home, records = filled
    before = {path.name for path in home.rglob("*")}
    assert move(home, swarm, SILENT, dry_run=True) == Moved(COUNT, COUNT, 0, ("m0", "m1"))
    assert move(home, EmbeddedSettings("other.db"), SILENT, dry_run=True) == Moved(COUNT, COUNT, 0, ("embedded",))
    assert {path.name for path in home.rglob("*")} == before
    assert not pretenders[0].blocks
    assert opens_all(home, records)


DYING = """
import os, signal, sys
from pathlib import Path
from vault.blocks import MemberSettings, SwarmSettings
from vault.moving import move
home, step, count, *addresses = sys.argv[1:]
members = tuple(MemberSettings(f"m{i}", address) for i, address in enumerate(addresses))
def progress(name, done, total):
    if (name, done) == (step, int(count)):
        os.kill(os.getpid(), signal.SIGKILL)
move(Path(home), SwarmSettings(members, None, 1.0, 5.0, 1), progress)
"""


@pytest.mark.parametrize("step", ["copy", "verify", "empty"])
@pytest.mark.parametrize("count", [200, COUNT])
def test_killed_anywhere_it_goes_on(
    filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings, step: str, count: int
) -> None:
    home, records = filled
    arguments = [str(home), step, str(count), *(daemon.address for daemon in pretenders)]
    dead = subprocess.run([sys.executable, "-c", DYING, *arguments], check=False, timeout=60)
    assert dead.returncode == KILLED
    switched = step == "empty"
    assert isinstance(load_settings(home).blocks, SwarmSettings) is switched
    assert opens_all(home, records)
    if switched:
        with pytest.raises(VaultError, match="MOVE_UNDER_WAY"):
            move(home, EmbeddedSettings(), SILENT)
    done = move(home, swarm, SILENT)
    assert done.copied == (0 if switched else COUNT - count if step == "copy" else 0)
    assert not (home / "records/blocks.db").exists()
    assert not (home / LEFT_FILE).exists()
    assert opens_all(home, records)


def test_a_copy_that_is_damaged_on_the_way_empties_nothing(
    filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings
) -> None:
    home, records = filled

    def damage(step: str, done: int, _total: int) -> None:
        if (step, done) == ("copy", COUNT):
            cid = next(iter(pretenders[1].blocks))
            pretenders[1].blocks[cid] = b"rotten"

    with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
        move(home, swarm, damage)
    assert load_settings(home).blocks == EmbeddedSettings()
    assert opens_all(home, records)


def test_a_silent_member_stops_it_before_anything_is_deleted(
    filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings
) -> None:
    home, records = filled
    pretenders[1].script["refs/local"] = lambda _: (500, b"ill")
    with pytest.raises(Refusal, match="STORE_UNREACHABLE"):
        move(home, swarm, SILENT)
    assert opens_all(home, records)


def test_an_open_vault_is_not_moved(home: Path, swarm: SwarmSettings) -> None:
    with Vault.create(home, options()), pytest.raises(VaultError, match="VAULT_IN_USE"):
        move(home, swarm, SILENT)


def test_the_commands(filled: tuple[Path, list[RecordId]], pretenders: list[Pretender], swarm: SwarmSettings) -> None:
    home, _ = filled
    with scratch() as elsewhere:
        write_settings(elsewhere, VaultSettings(blocks=swarm))
        arguments = ["move", "--data", str(home), "--to", "kubo", "--settings", str(elsewhere / "vault.toml"), "--json"]
        rehearsed = CliRunner(mix_stderr=False).invoke(commands, [*arguments, "--dry-run"])
        assert json.loads(rehearsed.stdout)["copied"] == COUNT
        moved = CliRunner(mix_stderr=False).invoke(commands, arguments)
    assert (moved.exit_code, json.loads(moved.stdout)["deleted"]) == (0, COUNT)
    assert "copy: 200 of 450 blocks" in moved.stderr
    assert CliRunner(mix_stderr=False).invoke(commands, ["move", "--data", str(home), "--to", "kubo"]).exit_code == 2
    pretenders[0].blocks.popitem()
    assert pretenders[0].blocks.keys() < pretenders[1].blocks.keys()
    done = CliRunner(mix_stderr=False).invoke(
        commands, ["reconcile", "--data", str(home), "--allow-remnants", "--json"]
    )
    assert json.loads(done.stdout) == {"m0": {"brought": 1, "removed": 0}, "m1": {"brought": 0, "removed": 0}}


def test_blocks_leave_and_come_back_as_an_archive(filled: tuple[Path, list[RecordId]], tmp_path: Path) -> None:
    home, records = filled
    run, file = CliRunner(mix_stderr=False), str(tmp_path / "blocks.car")
    arguments = ["--data", str(home), "--file", file]
    assert run.invoke(commands, ["export-blocks", *arguments]).stdout == f"{COUNT} blocks written\n"
    again = run.invoke(commands, ["export-blocks", *arguments])
    assert (again.exit_code, "FILE_EXISTS" in again.stderr) == (1, True)
    with closing(open_blocks(EmbeddedSettings(), home / "records")) as store:
        store.delete(list(store))
    read = run.invoke(commands, ["import-blocks", *arguments])
    assert read.stdout == f"{COUNT} blocks read; the records miss 0\n"
    assert opens_all(home, records)


@pytest.mark.xdist_group("kubo")
def test_to_three_real_daemons_and_an_erasure_there(filled: tuple[Path, list[RecordId]], nodes: list[Node]) -> None:
    home, records = filled
    move(home, swarm_settings(nodes), SILENT)
    assert opens_all(home, records)
    with Vault.open(home, options()) as vault:
        bert = vault.identity.enroll("bert", [])
        kept = seal_days(vault, bert, 3)
        anna = vault.identity.subject_of("anna")
        assert anna is not None
        nodes[1].daemon.kill()
        with pytest.raises(Refusal, match=r"STORE_UNREACHABLE.*blocks") as refused:
            vault.erase(anna, Cause.PROJECT_END)
        assert "member2" in str(refused.value.__cause__)
        nodes[1].daemon.start()
        certificate = vault.erasures.certificate_of(vault.erasures.resume()[0])
        (blocks,) = (store for store in certificate.body["stores"] if store["name"] == "blocks")
        assert blocks["rows"] == COUNT
        assert [vault.records.open(record).record["steps"] for record in kept] == [1000, 1001, 1002]
    for node in nodes:
        member = node.member()
        assert len(set(member)) == 3
        member.close()
