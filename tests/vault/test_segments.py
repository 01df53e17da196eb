"""Large payloads: nothing of them can be left out, doubled, moved or exchanged unnoticed, and little is in memory."""

import io
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vault.blocks import SqliteBlockStore
from vault.cids import BLOCK_LIMIT, CID_SIZE, Cid, cid_of
from vault.errors import StoreDamaged, VaultError
from vault.paths import leaf_path
from vault.payloads import Place, Purpose, seal, unseal
from vault.segments import HEAD, SEGMENT_SIZE, SEGMENTS_LIMIT, Segmented, is_large, open_segments, seal_segments

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PLACE = Place(bytes(16), leaf_path(7), Purpose.RECORD)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteBlockStore]:
    opened = SqliteBlockStore(tmp_path / "blocks.db", create=True)
    yield opened
    opened.close()


def put(store: SqliteBlockStore, payload: bytes, key: bytes = KEY, place: Place = PLACE) -> Segmented:
    return seal_segments(key, place, io.BytesIO(payload), len(payload), store, os.urandom)


def got(store: SqliteBlockStore, manifest: Cid, key: bytes = KEY, place: Place = PLACE) -> bytes:
    return b"".join(open_segments(key, place, manifest, store))


@pytest.mark.parametrize("size", [0, 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, 3 * SEGMENT_SIZE, 10 * SEGMENT_SIZE + 77])
def test_what_is_sealed_opens(store: SqliteBlockStore, size: int) -> None:
    payload = os.urandom(size)
    sealed = put(store, payload)
    assert len(sealed.segments) == -(-size // SEGMENT_SIZE)
    assert got(store, sealed.manifest) == payload
    assert set(store) == {sealed.manifest, *sealed.segments}
    assert all(len(store.get(cid)) == BLOCK_LIMIT for cid in sealed.segments[:-1])


def test_payloads_of_one_block_need_no_segments() -> None:
    assert not is_large(SEGMENT_SIZE)
    assert is_large(SEGMENT_SIZE + 1)


def forged(store: SqliteBlockStore, sealed: Segmented, cids: list[Cid], size: int | None = None) -> Cid:
    """A manifest by somebody who has the key of the record and no scruples."""
    listing = unseal(KEY, replace(PLACE, purpose=Purpose.MANIFEST), store.get(sealed.manifest))
    _, said = HEAD.unpack_from(listing)
    body = HEAD.pack(1, said if size is None else size) + b"".join(cids)
    block = seal(KEY, replace(PLACE, purpose=Purpose.MANIFEST), body, os.urandom)
    store.put({cid_of(block): block})
    return cid_of(block)


@pytest.mark.parametrize(
    ("change", "segments"),
    [
        ("reordered", [1, 0, 2]),
        ("doubled", [0, 0, 2]),
        ("one too many", [0, 1, 2, 2]),
        ("cut", [0, 1]),
        ("empty", []),
    ],
)
def test_a_changed_list_is_noticed(store: SqliteBlockStore, change: str, segments: list[int]) -> None:
    sealed = put(store, os.urandom(2 * SEGMENT_SIZE + 5))
    manifest = forged(store, sealed, [sealed.segments[i] for i in segments])
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        got(store, manifest)
    fitting = min(len(segments) * SEGMENT_SIZE, 2 * SEGMENT_SIZE + 5)
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        assert not got(store, forged(store, sealed, [sealed.segments[i] for i in segments], fitting or 1)), change


def test_a_segment_of_another_record_is_noticed(store: SqliteBlockStore) -> None:
    size = 2 * SEGMENT_SIZE
    mine = put(store, os.urandom(size))
    elsewhere = replace(PLACE, path=leaf_path(9))
    theirs = put(store, os.urandom(size), OTHER, elsewhere)
    same_key = put(store, os.urandom(size), KEY, elsewhere)
    for other in (theirs, same_key):
        with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
            got(store, forged(store, mine, [mine.segments[0], other.segments[1]]))
        with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
            got(store, other.manifest)


def test_a_missing_segment_and_another_version_are_noticed(store: SqliteBlockStore) -> None:
    sealed = put(store, os.urandom(2 * SEGMENT_SIZE))
    store.delete(sealed.segments[1:])
    pieces = open_segments(KEY, PLACE, sealed.manifest, store)
    assert len(next(pieces)) == SEGMENT_SIZE
    with pytest.raises(StoreDamaged, match="BLOCK_MISSING"):
        next(pieces)
    for body in (b"", HEAD.pack(2, 0), HEAD.pack(1, 0) + bytes(CID_SIZE)):
        block = seal(KEY, replace(PLACE, purpose=Purpose.MANIFEST), body, os.urandom)
        store.put({cid_of(block): block})
        with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
            got(store, cid_of(block))


@pytest.mark.parametrize(("said", "sent"), [(5, 4), (5, 6), (SEGMENT_SIZE + 1, SEGMENT_SIZE)])
def test_a_stream_of_another_size_is_refused(store: SqliteBlockStore, said: int, sent: int) -> None:
    with pytest.raises(VaultError, match="PAYLOAD_CUT"):
        seal_segments(KEY, PLACE, io.BytesIO(bytes(sent)), said, store, os.urandom)
    with pytest.raises(VaultError, match="PAYLOAD_TOO_LARGE"):
        seal_segments(KEY, PLACE, io.BytesIO(), SEGMENTS_LIMIT * SEGMENT_SIZE + 1, store, os.urandom)


class Zeros(io.RawIOBase):
    """A long stream that is nowhere whole and comes in odd pieces."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._left, 300_000)
        self._left -= given
        return bytes(given)


def test_memory_is_bounded(store: SqliteBlockStore) -> None:
    size = 40 * SEGMENT_SIZE
    tracemalloc.start()
    sealed = seal_segments(KEY, PLACE, Zeros(size), size, store, os.urandom)
    assert sum(len(piece) for piece in open_segments(KEY, PLACE, sealed.manifest, store)) == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20 < size
