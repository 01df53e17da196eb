"""Block stores: sealed payloads by content identifier. A store holds ciphertext only; deleting it is housekeeping."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vault.cids import Cid, cid_of, cid_text
from vault.database import Database
from vault.errors import StoreDamaged

SCHEMA = "CREATE TABLE block(cid BLOB PRIMARY KEY, bytes BLOB NOT NULL);"
PAGE = 500
"""Rows per query while iterating or deleting."""


class BlockStore(Protocol):
    """What every block store does; `tests/vault/test_blocks.py` holds each implementation to it."""

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store blocks, durable when it returns. Storing one again changes nothing. Raises `BLOCK_DAMAGED` on a block
        that is not what its identifier says, and then stores none."""

    def get(self, cid: Cid) -> bytes:
        """The block, checked against its identifier. Raises `BLOCK_MISSING` or `BLOCK_DAMAGED`."""

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these the store holds."""

    def delete(self, cids: Iterable[Cid]) -> int:
        """Delete blocks durably; returns how many there were. Absent ones are fine."""

    def __iter__(self) -> Iterator[Cid]:
        """All identifiers, in no order that tells when a block came."""

    def close(self) -> None:
        """Release the store."""


def check_block(cid: Cid, block: bytes) -> bytes:
    """The block, or `BLOCK_DAMAGED` if it is not what its identifier says."""
    if cid_of(block) != cid:
        hint = "fetch the block from a member that replicates it"
        raise StoreDamaged("BLOCK_DAMAGED", f"{cid_text(cid)} does not hash to its identifier", hint)
    return block


class SqliteBlockStore:
    """Blocks in one SQLite file beside the records, in the order of their hashes."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._database = Database(path, SCHEMA, create=create)

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store blocks in one durable commit."""
        rows = [(cid, check_block(cid, block)) for cid, block in sorted(blocks.items())]
        with self._database.transaction():
            self._database.execute_many("INSERT OR IGNORE INTO block VALUES (?, ?)", rows)

    def get(self, cid: Cid) -> bytes:
        """The block, checked against its identifier."""
        block = self._database.value("SELECT bytes FROM block WHERE cid = ?", (cid,))
        if block is None:
            hint = "the record cannot be opened until its block is back"
            raise StoreDamaged("BLOCK_MISSING", f"{cid_text(cid)} is not in the store", hint)
        return check_block(cid, block)

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these the store holds."""
        return {cid for cid in cids if self._database.value("SELECT 1 FROM block WHERE cid = ?", (cid,))}

    def delete(self, cids: Iterable[Cid]) -> int:
        """Delete blocks in one durable commit and overwrite their bytes in the file and its log."""
        wanted: Sequence[Cid] = sorted(set(cids))
        there = len(self.has(wanted))
        with self._database.transaction():
            self._database.execute_many("DELETE FROM block WHERE cid = ?", [(cid,) for cid in wanted])
        self._database.checkpoint()
        return there

    def __iter__(self) -> Iterator[Cid]:
        """All identifiers, in the order of their hashes."""
        last = b""
        while rows := self._database.rows("SELECT cid FROM block WHERE cid > ? ORDER BY cid LIMIT ?", (last, PAGE)):
            last = rows[-1][0]
            yield from (Cid(cid) for (cid,) in rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
