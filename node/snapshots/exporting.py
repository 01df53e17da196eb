"""Writing the chunks of a snapshot from a store, while its node may run, write and prune."""

from collections.abc import Callable, Iterator
from hashlib import sha256

import rlp

from node.blocks import Header
from node.errors import StoreError
from node.receipts import pack
from node.snapshots.manifest import (
    CHUNK_BYTES,
    EXTRAS_TAG,
    HEAD_TAG,
    HEADERS,
    NODES_TAG,
    Chunk,
    Manifest,
    SnapshotError,
)
from node.store import StoreReader
from node.store.walk import walk_all


def export(
    reader: StoreReader,
    height: int | None,
    take: Callable[[bytes], object],
    heard: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Hand the chunks of the snapshot at a height (None: the head) to `take`, in order; `heard` hears of every node.

    Raises SnapshotError SNAPSHOT_UNAVAILABLE, StoreError STATE_PRUNED, HISTORY_PRUNED, STORE_DAMAGED.
    """
    with reader.pinned() as pinned:
        header = _header_at(pinned, height)
        chunks: list[Chunk] = []
        counted = 0

        def put(tag: bytes, items: list[object]) -> None:
            raw = rlp.encode([tag, items])
            chunks.append(Chunk(len(raw), sha256(raw).digest()))
            take(raw)

        def nodes() -> Iterator[bytes]:
            nonlocal counted
            for entry, value in walk_all(header.state_root, pinned.node):
                if value is None:
                    raise StoreError(
                        "STORE_DAMAGED", f"node 0x{entry[1:].hex()} of the state is gone", "run `node verify`"
                    )
                counted += 1
                heard(counted)
                yield value

        put(HEAD_TAG, _head_items(pinned, header))
        for piece in _pieces([key, value] for key, value in sorted(pinned.extras_at(header.number).items())):
            put(EXTRAS_TAG, piece)
        for piece in _pieces(nodes()):
            put(NODES_TAG, piece)
        genesis = pinned.genesis() or b""
        return Manifest(genesis, header.number, header.hash, header.state_root, counted, tuple(chunks))


def _header_at(reader: StoreReader, height: int | None) -> Header:
    head = reader.head()
    if head is None:
        raise SnapshotError("SNAPSHOT_UNAVAILABLE", "the chain has no block yet", "start the node once")
    header = head if height is None else reader.header(height)
    if header is None:
        raise SnapshotError(
            "SNAPSHOT_UNAVAILABLE",
            f"there is no block {height}, the head is {head.number}",
            "wait, or choose a lower one",
        )
    reader.require_state(header)
    return header


def _head_items(reader: StoreReader, header: Header) -> list[object]:
    heights = [0, *range(max(1, header.number - HEADERS + 1), header.number + 1)]
    headers = [found.encode() for found in map(reader.header, heights) if found is not None]
    if len(headers) != len(heights):
        raise StoreError("STORE_DAMAGED", "a header is gone", "run `node verify`")
    return [headers, list(reader.body(header.number)), pack(reader.receipts(header.number))]


def _pieces(items: Iterator[bytes] | Iterator[list[bytes]]) -> Iterator[list[object]]:
    """Lists of items of about `CHUNK_BYTES`; the border depends on the items alone."""
    piece: list[object] = []
    size = 0
    for item in items:
        piece.append(item)
        size += len(item) if isinstance(item, bytes) else sum(map(len, item))
        if size >= CHUNK_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece
