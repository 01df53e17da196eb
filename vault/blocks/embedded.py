"""The embedded block store: blocks in one SQLite file beside the records."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path

from vault.blocks.store import Reconciled, check_block, missing
from vault.cids import Cid
from vault.database import Database

SCHEMA = "CREATE TABLE block(cid BLOB PRIMARY KEY, bytes BLOB NOT NULL);"
PAGE = 500
"""Rows per query while iterating or asking for many."""
MEMBER = "embedded"


class SqliteBlockStore:
    """Blocks in one SQLite file, in the order of their hashes; its only member is itself."""

    members = (MEMBER,)
    method = "blocks deleted, their bytes overwritten in the file"
    proof = "each identifier asked for again"

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._database = Database(path, SCHEMA, create=create)

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store blocks in one durable commit."""
        rows = [(cid, check_block(cid, block)) for cid, block in sorted(blocks.items())]
        with self._database.transaction():
            self._database.execute_many("INSERT OR IGNORE INTO block VALUES (?, ?)", rows)

    def get(self, cid: Cid) -> bytes:
        """The block, checked against its identifier."""
        block = self._database.value("SELECT CAST(bytes AS BLOB) FROM block WHERE cid = ?", (cid,))
        if block is None:
            raise missing(cid)
        return check_block(cid, block)

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these the store holds."""
        wanted, found = list(cids), set[Cid]()
        for start in range(0, len(wanted), PAGE):
            part = wanted[start : start + PAGE]
            query = "SELECT cid FROM block WHERE cid IN (?)".replace("?", ", ".join("?" * len(part)))
            found.update(Cid(cid) for (cid,) in self._database.rows(query, part))
        return found

    def count(self, cids: Iterable[Cid]) -> dict[str, int]:
        """How many of these the file holds."""
        return {MEMBER: len(self.has(cids))}

    def verify(self, cids: Iterable[Cid]) -> None:
        """Read and hash each."""
        for cid in cids:
            self.get(cid)

    def delete(self, cids: Iterable[Cid]) -> int:
        """Delete blocks in one durable commit and overwrite their bytes in the file and its log."""
        wanted: Sequence[Cid] = sorted(set(cids))
        there = len(self.has(wanted))
        with self._database.transaction():
            self._database.execute_many("DELETE FROM block WHERE cid = ?", [(cid,) for cid in wanted])
        self._database.checkpoint()
        return there

    def bar(self, cids: Iterable[Cid]) -> None:
        """Nothing to do: nobody but the vault writes here."""

    def reconcile(self, wanted: Set[Cid]) -> list[Reconciled]:
        """Delete what is not wanted; nothing can be brought, as there is one copy."""
        return [Reconciled(MEMBER, self.delete([cid for cid in self if cid not in wanted]), 0)]

    def collect_garbage(self) -> None:
        """Nothing to do: deleted bytes are overwritten at once."""

    def __iter__(self) -> Iterator[Cid]:
        """All identifiers, in the order of their hashes."""
        last = b""
        while rows := self._database.rows("SELECT cid FROM block WHERE cid > ? ORDER BY cid LIMIT ?", (last, PAGE)):
            last = rows[-1][0]
            yield from (Cid(cid) for (cid,) in rows)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
