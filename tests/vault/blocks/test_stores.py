"""The contract of block stores: every implementation is held to it by joining `KINDS`."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vault.blocks.kubo_support import swarm_settings
from tests.vault.blocks.pretender import Pretender
from vault.blocks import BlockStore, SqliteBlockStore, SwarmBlockStore, open_blocks
from vault.blocks.archives import export_archive, import_archive
from vault.cids import Cid, cid_of
from vault.errors import StoreDamaged

Opener = Callable[[Path, bool], BlockStore]
KINDS = ["embedded", "pretended", pytest.param("kubo", marks=pytest.mark.xdist_group("kubo"))]


@pytest.fixture(params=KINDS)
def opener(request: pytest.FixtureRequest) -> Iterator[Opener]:
    if request.param == "embedded":
        yield lambda directory, create: SqliteBlockStore(directory / "blocks.db", create=create)
    elif request.param == "kubo":
        settings = swarm_settings(request.getfixturevalue("nodes"))
        yield lambda directory, create: open_blocks(settings, directory, create=create)
    else:
        daemons = [Pretender(), Pretender()]
        yield lambda *_: SwarmBlockStore([daemon.member(f"m{i}") for i, daemon in enumerate(daemons)])
        for daemon in daemons:
            daemon.close()


@pytest.fixture
def store(opener: Opener, tmp_path: Path) -> Iterator[BlockStore]:
    opened = opener(tmp_path, True)
    yield opened
    opened.close()


def blocks(count: int) -> dict[Cid, bytes]:
    return {cid_of(block): block for block in (b"block %d" % i for i in range(count))}


def test_what_is_put_comes_back(store: BlockStore) -> None:
    store.put(blocks(20))
    store.put(blocks(20))
    for cid, block in blocks(20).items():
        assert store.get(cid) == block
    assert set(store) == set(blocks(20))


def test_blocks_survive_closing(opener: Opener, tmp_path: Path) -> None:
    store = opener(tmp_path, True)
    store.put(blocks(3))
    store.close()
    store = opener(tmp_path, False)
    assert store.has(blocks(3)) == set(blocks(3))
    store.close()


def test_has_and_delete_tell_what_was_there(store: BlockStore) -> None:
    store.put(blocks(3))
    assert store.has(blocks(5)) == set(blocks(3))
    assert store.delete(blocks(2)) == 2
    assert store.delete(blocks(5)) == 1
    assert set(store) == set()
    assert store.delete([]) == 0


def test_every_member_counts_and_verifies_its_copies(store: BlockStore) -> None:
    store.put(blocks(3))
    assert store.count(blocks(5)) == dict.fromkeys(store.members, 3)
    store.verify(blocks(3))
    with pytest.raises(StoreDamaged, match="BLOCK_MISSING"):
        store.verify(blocks(4))
    store.delete(blocks(2))
    assert store.count(blocks(5)) == dict.fromkeys(store.members, 1)


def test_reconciling_leaves_what_is_wanted(store: BlockStore) -> None:
    store.put(blocks(5))
    done = store.reconcile(set(blocks(2)))
    assert [(each.member, each.removed, each.brought) for each in done] == [(name, 3, 0) for name in store.members]
    assert set(store) == set(blocks(2))
    store.verify(blocks(2))


def test_collecting_garbage_keeps_what_was_put(store: BlockStore) -> None:
    store.put(blocks(3))
    store.collect_garbage()
    store.verify(blocks(3))


def test_barred_blocks_stay_away(store: BlockStore) -> None:
    erased = os.urandom(20)  # of a run of its own: a daemon never touches it again
    store.put({**blocks(2), cid_of(erased): erased})
    assert store.delete([cid_of(erased)]) == 1
    store.bar([cid_of(erased)])
    assert store.has([cid_of(erased)]) == set()
    assert store.delete([cid_of(erased), *blocks(1)]) == 1


def test_it_says_how_it_deletes(store: BlockStore) -> None:
    assert len(store.members) >= 1
    assert "delete" in store.method or "removed" in store.method
    assert "asked" in store.proof


def test_a_missing_block_has_its_code(store: BlockStore) -> None:
    with pytest.raises(StoreDamaged, match="BLOCK_MISSING"):
        store.get(cid_of(b"never"))


def test_a_block_under_a_wrong_identifier_stores_nothing(store: BlockStore) -> None:
    with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
        store.put({**blocks(2), cid_of(b"a"): b"b"})
    assert set(store) == set()


def test_more_blocks_than_a_page_are_all_listed(store: BlockStore) -> None:
    many = blocks(1101)
    store.put(many)
    assert set(store) == set(many)


def test_a_block_changed_on_disk_is_noticed(tmp_path: Path) -> None:
    store = SqliteBlockStore(tmp_path / "blocks.db", create=True)
    cid = cid_of(b"original")
    store.put({cid: b"original"})
    store._database.execute("UPDATE block SET bytes = ?", (b"origina",))
    with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
        store.get(cid)
    store.close()


def test_deleted_bytes_are_gone_from_the_files(tmp_path: Path) -> None:
    store = SqliteBlockStore(tmp_path / "blocks.db", create=True)
    marked = {cid_of(block): block for block in (b"CANARY-%d" % i + bytes(600) for i in range(50))}
    store.put(marked)
    assert any(b"CANARY" in file.read_bytes() for file in tmp_path.iterdir())
    store.delete(marked)
    assert not any(b"CANARY" in file.read_bytes() for file in tmp_path.iterdir())
    store.close()


def test_its_blocks_travel_as_an_archive(store: BlockStore, tmp_path: Path) -> None:
    many, file = blocks(40), tmp_path / "blocks.car"
    store.put(many)
    assert export_archive(store, many, file) == 40
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        export_archive(store, many, file)
    store.delete(many)
    assert import_archive(store, file) == 40
    store.verify(many)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StoreDamaged, match="CAR_INVALID"):
        import_archive(store, file)
