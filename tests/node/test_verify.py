"""Verification: a sound store is sound however it came to be, and one changed byte in any table is found and named."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import ConfigError, StoreError
from node.evm import PyEvm
from node.rules.permissions import Permissions
from node.store import Store
from node.store.generations import GENERATIONS
from node.verification import Damage, verify
from tests.node.store_support import KEEP, RICH, change, grow, opened, prune
from tests.node.support import MIB, STRANGER, Chain, genesis, sign

BORN = genesis(RICH)
HEIGHT = 12


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[Chain]:
    with opened(tmp_path / "chain", 0) as made:
        grow(made, HEIGHT, random.Random(4))
        yield made


def damage(made: Chain, first: int | None = None) -> Damage:
    with pytest.raises(Damage) as caught:
        verify(made.store, BORN, PyEvm(), first)
    return caught.value


def test_a_sound_store_is_told_so(grown: Chain) -> None:
    heights: list[int] = []
    report = verify(grown.store, BORN, PyEvm(), heard=heights.append)
    assert heights == list(range(HEIGHT + 1))
    assert (report.first, report.last, report.blocks, report.executed) == (0, HEIGHT, HEIGHT + 1, HEIGHT + 1)
    assert report.transactions == sum(len(grown.store.body(number)) for number in range(HEIGHT + 1))
    assert report.nodes >= grown.store.entries("nodes")
    assert verify(grown.store, BORN, PyEvm(), 7).executed == HEIGHT - 6


@pytest.mark.parametrize("table", ["nodes", "headers", "bodies", "receipts", "blooms", "numbers", "locations"])
@pytest.mark.parametrize("how", ["flipped", "gone"])
def test_damage_in_any_table_is_found(grown: Chain, table: str, how: str) -> None:
    luck = random.Random(f"{table} {how}")
    rows = grown.store.rows(table)
    assert rows
    for key, value in luck.sample(rows, min(4, len(rows))):
        at = luck.randrange(len(value))
        flipped = value[:at] + bytes([value[at] ^ 1 << luck.randrange(8)]) + value[at + 1 :]
        change(grown.store, table, key, flipped if how == "flipped" else None)
        found = damage(grown)
        assert found.table in ("headers", "bodies", "numbers", table)
        if table in ("headers", "bodies", "receipts", "blooms"):
            assert found.height == int.from_bytes(key, "big")
        change(grown.store, table, key, value)
    assert verify(grown.store, BORN, PyEvm()).executed == HEIGHT + 1


def test_damage_beside_the_blocks_is_found(grown: Chain) -> None:
    change(grown.store, "extras", b"allowance\0" + bytes(28), bytes(8))
    assert damage(grown).table == "extras"
    change(grown.store, "extras", b"allowance\0" + bytes(28), None)
    change(grown.store, "undo", (1).to_bytes(8, "big"), b"\xc0")
    assert (damage(grown).table, damage(grown).height) == ("undo", 1)


@pytest.mark.parametrize("table", ["numbers", "locations", "blooms", "headers", "bodies"])
def test_an_entry_that_leads_nowhere_is_found(grown: Chain, table: str) -> None:
    key = (10**6).to_bytes(8, "big") if table in ("blooms", "headers", "bodies") else bytes(32)
    change(grown.store, table, key, b"\xc0")
    assert damage(grown).table == table
    assert damage(grown).height is None


def test_a_head_or_genesis_that_is_another_is_found(grown: Chain) -> None:
    born = grown.store.genesis()
    change(grown.store, "meta", b"genesis", bytes(32))
    assert (damage(grown).table, damage(grown).height) == ("meta", 0)
    change(grown.store, "meta", b"genesis", born)
    change(grown.store, "meta", b"head", None)
    assert damage(grown).table == "meta"
    change(grown.store, "meta", b"head", (HEIGHT - 1).to_bytes(8, "big"))
    assert damage(grown).table in ("headers", "extras", "numbers")


def test_the_first_bad_block_is_named_of_several(grown: Chain) -> None:
    for number in (9, 5):
        change(grown.store, "headers", number.to_bytes(8, "big"), b"\xc0")
    assert damage(grown).height == 5
    assert damage(grown, 7).height == 9
    change(grown.store, "headers", HEIGHT.to_bytes(8, "big"), b"\xc0")
    assert (damage(grown).height, damage(grown, 11).height) == (5, HEIGHT)
    with pytest.raises(StoreError, match="STORE_DAMAGED"):
        grown.store.head()


def test_another_genesis_is_no_damage(grown: Chain) -> None:
    with pytest.raises(ConfigError, match="GENESIS_MISMATCH"):
        verify(grown.store, genesis(), PyEvm())


def test_a_block_that_breaks_the_rules_is_found_though_all_its_roots_fit(
    grown: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as lenient:
        lenient.setattr(Permissions, "check", lambda *_: None)
        lenient.setattr(Permissions, "is_trusted", lambda *_: True)
        grown.seal(sign(STRANGER, 0))
    found = damage(grown)
    assert (found.height, found.table) == (HEIGHT + 1, "bodies")
    assert "SEND_FORBIDDEN" in found.what


def test_a_pruned_store_is_verified_from_its_oldest_state_or_wholly(tmp_path: Path) -> None:
    with opened(tmp_path / "chain", KEEP) as made:
        grow(made, 3 * KEEP + 4, random.Random(5), prune)
        oldest = made.store.states_from
        assert oldest > KEEP
        report = verify(made.store, BORN, PyEvm())
        assert (report.first, report.executed) == (0, 3 * KEEP + 4 - oldest)
        assert verify(made.store, BORN, PyEvm(), 0).executed == 3 * KEEP + 5
        with pytest.raises(StoreError, match="STATE_PRUNED"):
            verify(made.store, BORN, PyEvm(), oldest - 1)
        root = made.store.header(oldest)
        assert root is not None
        table = next(name for name in GENERATIONS if made.store.raw(name, root.state_root) is not None)
        value = made.store.raw(table, root.state_root)
        assert value is not None
        change(made.store, table, root.state_root, value[:-1] + b"\0")
        assert (damage(made).table, damage(made).height) == ("nodes", oldest)


def test_unknown_heights_and_empty_stores_are_refused(grown: Chain, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="BLOCK_UNKNOWN"):
        verify(grown.store, BORN, PyEvm(), HEIGHT + 1)
    store = Store(tmp_path / "empty", MIB)
    with pytest.raises(StoreError, match="STORE_MISSING"):
        verify(store, BORN, PyEvm())
    store.close()
