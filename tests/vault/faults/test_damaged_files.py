"""Cut, swapped, lost, foreign and exposed files: each has its code, and nothing is lost when they are brought back."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.vault.faults.support import (
    BLOCKS,
    DATABASES,
    IDENTITY,
    KEYS,
    RECORDS,
    ROOT,
    SIGNER,
    World,
    bring_back,
    lived,
)
from tests.vault.support import options
from vault import Vault
from vault.errors import StoreDamaged

SWAP = "UPDATE {0} SET {1} = (SELECT {1} FROM {0} AS other WHERE other.id <> {0}.id ORDER BY id LIMIT 1)"
BIT_FLIPS = 24


def changed(world: World, name: str, statement: str) -> None:
    """Change a database as somebody with its file could."""
    connection = sqlite3.connect(world.home / name)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("name", "statement", "code"),
    [
        pytest.param(BLOCKS, "UPDATE block SET bytes = substr(bytes, 1, 100)", "BLOCK_DAMAGED", id="blocks cut"),
        pytest.param(BLOCKS, "UPDATE block SET bytes = x''", "BLOCK_DAMAGED", id="blocks empty"),
        pytest.param(BLOCKS, "UPDATE block SET bytes = 'text'", "BLOCK_DAMAGED", id="blocks of text"),
        pytest.param(BLOCKS, "DELETE FROM block", "BLOCK_MISSING", id="blocks gone"),
        pytest.param(RECORDS, SWAP.format("record", "cid"), "PAYLOAD_DAMAGED", id="records swapped"),
        pytest.param(RECORDS, SWAP.format("owner", "sealed"), "PAYLOAD_DAMAGED", id="owners swapped"),
        pytest.param(RECORDS, "UPDATE owner SET sealed = substr(sealed, 1, 20)", "PAYLOAD_DAMAGED", id="owners cut"),
        pytest.param(IDENTITY, SWAP.format("entry", "sealed"), "PAYLOAD_DAMAGED", id="entries swapped"),
        pytest.param(IDENTITY, "UPDATE entry SET sealed = substr(sealed, 1, 20)", "PAYLOAD_DAMAGED", id="entries cut"),
        pytest.param(KEYS, SWAP.format("node", "sealed"), "NODE_DAMAGED", id="nodes swapped"),
        pytest.param(KEYS, "UPDATE node SET sealed = substr(sealed, 1, 5)", "NODE_DAMAGED", id="nodes cut"),
        pytest.param(KEYS, "DELETE FROM node WHERE id > 0", "NODE_DAMAGED", id="nodes gone"),
        pytest.param(KEYS, "UPDATE meta SET value = value + 1 WHERE name = 'epoch'", "ROOT_STALE", id="epoch ahead"),
        pytest.param(KEYS, "UPDATE meta SET value = value - 1 WHERE name = 'epoch'", "ROOT_STALE", id="epoch behind"),
        pytest.param(KEYS, "DELETE FROM meta WHERE name = 'epoch'", "ROOT_IN_USE", id="epoch gone"),
        pytest.param(KEYS, "DELETE FROM meta WHERE name <> 'epoch'", "DATABASE_DAMAGED", id="vault id gone"),
        pytest.param(KEYS, "DELETE FROM meta WHERE name = 'allocations'", "DATABASE_DAMAGED", id="count of keys gone"),
        pytest.param(RECORDS, "DELETE FROM meta", "DATABASE_DAMAGED", id="count of records gone"),
        pytest.param(IDENTITY, "DELETE FROM meta", "DATABASE_DAMAGED", id="count of identities gone"),
    ],
)
def test_changed_rows(world: World, aside: Path, name: str, statement: str, code: str) -> None:
    changed(world, name, statement)
    assert code in world.codes()
    bring_back(world.home, aside, name)
    world.whole()


@pytest.mark.parametrize("name", DATABASES)
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9])
def test_a_database_cut_off(world: World, aside: Path, name: str, share: float) -> None:
    os.truncate(world.home / name, int((world.home / name).stat().st_size * share))
    said = world.codes()
    assert said
    assert said <= {"DATABASE_DAMAGED", "NODE_DAMAGED", "BLOCK_DAMAGED", "BLOCK_MISSING", "PAYLOAD_DAMAGED"}
    bring_back(world.home, aside, name)
    world.whole()


@pytest.mark.parametrize("name", DATABASES)
def test_a_flipped_bit_anywhere(world: World, aside: Path, name: str) -> None:
    """It may lie where nothing reads; then all opens. Never does anything open as something else."""
    whole, hits = (world.home / name).read_bytes(), 0
    for step in range(BIT_FLIPS):
        at = len(whole) * (2 * step + 1) // (2 * BIT_FLIPS)
        flipped = bytearray(whole)
        flipped[at] ^= 1 << step % 8
        (world.home / name).write_bytes(flipped)
        hits += bool(world.codes())
        bring_back(world.home, aside, name)
    world.whole()
    assert hits


@pytest.mark.parametrize(
    ("name", "code"),
    [*((name, "DATABASE_MISSING") for name in DATABASES), (ROOT, "ROOT_MISSING"), (SIGNER, "SERVICE_KEY_MISSING")],
)
def test_a_file_that_is_gone(world: World, aside: Path, name: str, code: str) -> None:
    (world.home / name).unlink()
    assert world.codes() == {code}
    assert not (world.home / name).exists()
    bring_back(world.home, aside, name)
    world.whole()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (KEYS, "ROOT_FOREIGN"), (ROOT, "ROOT_FOREIGN"), (RECORDS, "PAYLOAD_DAMAGED"), (BLOCKS, "BLOCK_MISSING"),
        (IDENTITY, "PAYLOAD_DAMAGED"),
    ],
)  # fmt: skip
def test_a_file_of_another_vault(world: World, aside: Path, tmp_path: Path, name: str, code: str) -> None:
    other = lived(tmp_path / "other")
    bring_back(world.home, other.home, name)
    assert code in world.codes()
    bring_back(world.home, aside, name)
    world.whole()
    other.whole()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda root: os.truncate(root, 100), "ROOT_DAMAGED"),
        (lambda root: root.write_bytes(bytes(root.stat().st_size)), "ROOT_STALE"),
        (lambda root: root.chmod(0o640), "ROOT_EXPOSED"),
        (lambda root: (root.rename(root.with_name("x")), root.symlink_to("x")), "ROOT_READ_ONLY"),
    ],
    ids=["cut", "zeroed", "group may read", "a link"],
)
def test_a_root_slot_that_is_not_safe(world: World, aside: Path, fault: Callable[[Path], object], code: str) -> None:
    fault(world.home / ROOT)
    assert world.codes() == {code}
    bring_back(world.home, aside, ROOT)
    world.whole()


@pytest.mark.parametrize("size", [0, 10, 33])
def test_a_service_key_of_the_wrong_size(world: World, aside: Path, size: int) -> None:
    (world.home / SIGNER).write_bytes(bytes(size))
    assert world.codes() == {"SERVICE_KEY_MISSING"}
    bring_back(world.home, aside, SIGNER)
    world.whole()


@pytest.mark.parametrize("column", ["state", "cause", "reports"])
def test_an_erasure_that_does_not_read(world: World, aside: Path, column: str) -> None:
    changed(world, RECORDS, f"UPDATE erasure SET {column} = 'nonsense'")
    assert world.codes() == {"DATABASE_DAMAGED"}
    bring_back(world.home, aside, RECORDS)
    world.whole()


def test_a_certificate_that_does_not_read(world: World, aside: Path) -> None:
    changed(world, RECORDS, "UPDATE certificate SET body = x'ff00'")
    with Vault.open(world.home, options()) as vault, pytest.raises(StoreDamaged, match="DATABASE_DAMAGED"):
        vault.certificates.all()
    bring_back(world.home, aside, RECORDS)
    world.whole()


def test_a_lock_that_was_deleted_is_made_again(world: World) -> None:
    (world.home / "keys" / "lock").unlink()
    world.whole()
