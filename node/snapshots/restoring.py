"""Making a store from a snapshot: nothing is believed but the hash of block 0, and the block whose hash the operator
compared.

It goes as ABCI has it: a snapshot is offered, then its chunks are applied in order. Each is written in one transaction
together with how far it came, so that a restore that was torn goes on where it stood when it is begun again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import rlp
from eth_hash.auto import keccak

from node.errors import TransactionRefused
from node.snapshots.files import SnapshotFile
from node.snapshots.head import check_head, head_rows
from node.snapshots.manifest import EXTRAS_TAG, HEAD_TAG, NODES_TAG, Manifest, SnapshotError, corrupt
from node.store.restoring import RestoringStore, Row
from node.store.schema import number_key
from node.store.walk import CODE, Walk


@dataclass(frozen=True, slots=True)
class _Note:
    """Which snapshot, how many of its chunks are in, the last key of the extras, and what is left of the walk."""

    snapshot: bytes
    chunks: int
    last_extra: bytes
    walk: bytes
    codes: bytes

    def encode(self) -> bytes:
        return bytes(rlp.encode([self.snapshot, self.chunks, self.last_extra, self.walk, self.codes]))

    @staticmethod
    def decode(raw: bytes) -> "_Note":
        snapshot, chunks, last_extra, walk, codes = rlp.decode(raw)
        return _Note(snapshot, int.from_bytes(chunks, "big"), last_extra, walk, codes)


class Restore:
    """One snapshot being restored into one store."""

    def __init__(self, store: RestoringStore, chain: bytes) -> None:
        """`chain` is the hash of the block 0 that is expected."""
        self._store, self._chain = store, chain
        self._manifest: Manifest | None = None
        self._note = _Note(b"", 0, b"", b"", b"")
        self._codes: set[bytes] = set()

    def offer(self, manifest: Manifest) -> int:
        """Begin, or go on with what an earlier restore of the same snapshot left; the chunk to apply next.

        Raises SnapshotError SNAPSHOT_OTHER_CHAIN.
        """
        if manifest.chain != self._chain:
            raise SnapshotError(
                "SNAPSHOT_OTHER_CHAIN",
                f"the snapshot is of the chain of block 0x{manifest.chain.hex()}, not of 0x{self._chain.hex()}",
                "use the genesis.toml of its chain, or a snapshot of this one",
            )
        self._manifest = manifest
        earlier = self._store.note()
        if earlier is not None and (note := _Note.decode(earlier)).snapshot == manifest.hash:
            self._note = note
        else:
            self._note = _Note(manifest.hash, 0, b"", Walk.of(manifest.state_root).packed(), b"")
            self._store.begin(self._note.encode())
        codes = self._note.codes
        self._codes = {codes[at : at + 32] for at in range(0, len(codes), 32)}
        return self._note.chunks

    def apply(self, index: int, raw: bytes) -> None:
        """Check and write the next chunk. Raises SnapshotError SNAPSHOT_CORRUPT, StoreError."""
        if self._manifest is None or index != self._note.chunks or index >= len(self._manifest.chunks):
            raise SnapshotError("SNAPSHOT_ORDER", f"chunk {index} is not the next one", "apply chunks in order")
        if sha256(raw).digest() != self._manifest.chunks[index].digest:
            raise corrupt(f"chunk {index} is not what the manifest says")
        try:
            tag, items = rlp.decode(raw)
            rows, note = self._checked(self._manifest, index, tag, items)
        except (rlp.DecodingError, ValueError, TypeError, IndexError, AttributeError, TransactionRefused) as error:
            raise corrupt(f"chunk {index}: {error}") from error
        self._store.put(rows, note.encode())
        self._note = note

    def finish(self) -> None:
        """Everything is there: make it a store. Raises SnapshotError SNAPSHOT_CORRUPT, StoreError."""
        if self._manifest is None or self._note.chunks != len(self._manifest.chunks) or self._note.walk:
            raise corrupt("a part of the state is missing")
        key = number_key(self._manifest.height)
        meta = {b"genesis": self._manifest.chain, b"head": key, b"states_from": key, b"blocks_from": key}
        self._store.put([("meta", name, value) for name, value in meta.items()], None)

    def _checked(self, manifest: Manifest, index: int, tag: bytes, items: Any) -> tuple[list[Row], _Note]:
        note = self._note
        if (tag == HEAD_TAG) != (index == 0):
            raise ValueError("chunks are not in order")
        if tag == HEAD_TAG:
            rows, last_extra, walk = head_rows(check_head(manifest, *items)), note.last_extra, note.walk
        elif tag == EXTRAS_TAG and note.walk == Walk.of(manifest.state_root).packed():
            rows, last_extra, walk = list(_extras(note.last_extra, items)), items[-1][0], note.walk
        elif tag == NODES_TAG:
            rows, walk = self._nodes(note.walk, items)
            last_extra = note.last_extra
        else:
            raise ValueError("chunks are not in order")
        return rows, _Note(note.snapshot, index + 1, last_extra, walk, b"".join(sorted(self._codes)))

    def _nodes(self, packed: bytes, items: list[bytes]) -> tuple[list[Row], bytes]:
        """Every node is the one that its parent names; what comes twice among codes came once."""
        walk, rows = Walk.unpacked(packed), list[Row]()
        for value in items:
            self._skip_known(walk)
            if walk.done or keccak(value) != walk.next[1:]:
                raise ValueError("a node is not the one that the state names")
            if walk.next[:1] == CODE:
                self._codes.add(walk.next[1:])
            rows.append(("nodes", walk.next[1:], value))
            walk.visit(value)
        self._skip_known(walk)
        return rows, walk.packed()

    def _skip_known(self, walk: Walk) -> None:
        while not walk.done and walk.next[:1] == CODE and walk.next[1:] in self._codes:
            walk.skip()


def restore(
    path: Path,
    data: Path,
    map_size: int,
    chain: bytes,
    expected: bytes | None = None,
    heard: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Make a store in `data` from a file; `expected` is the snapshot's hash as others told it, `heard` hears of every
    byte count that is done. Raises SnapshotError, StoreError."""
    with SnapshotFile(path) as snapshot:
        manifest = snapshot.manifest
        if expected is not None and manifest.hash != expected:
            raise SnapshotError(
                "SNAPSHOT_OTHER_HASH",
                f"the snapshot's hash is 0x{manifest.hash.hex()}",
                "compare it with other members",
            )
        store = RestoringStore(data, map_size)
        try:
            work = Restore(store, chain)
            first = work.offer(manifest)
            done = sum(chunk.size for chunk in manifest.chunks[:first])
            for index in range(first, len(manifest.chunks)):
                work.apply(index, snapshot.chunk(index))
                done += manifest.chunks[index].size
                heard(done)
            work.finish()
        finally:
            store.close()
        return manifest


def _extras(last: bytes, items: list[list[bytes]]) -> Iterator[Row]:
    for key, value in items:
        if key <= last:
            raise ValueError("extras do not rise")
        last = key
        yield "extras", key, value
