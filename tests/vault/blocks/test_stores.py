"""The contract of block stores: every implementation is held to it by joining `STORES`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vault.blocks import BlockStore, SqliteBlockStore
from vault.cids import Cid, cid_of
from vault.errors import StoreDamaged

Opener = Callable[[Path, bool], BlockStore]
STORES: dict[str, Opener] = {
    "sqlite": lambda directory, create: SqliteBlockStore(directory / "blocks.db", create=create),
}


@pytest.fixture(params=STORES)
def opener(request: pytest.FixtureRequest) -> Opener:
    return STORES[request.param]


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
