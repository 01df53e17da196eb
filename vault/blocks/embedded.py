"""The embedded block store: blocks in one SQLite file beside the records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from vault.blocks.store import check_block
from vault.cids import Cid, cid_text
from vault.database import Database
from vault.errors import StoreDamaged

SCHEMA = "CREATE TABLE block(cid BLOB PRIMARY KEY, bytes BLOB NOT NULL);"
PAGE = 500
"""Rows per query while iterating or deleting."""


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
