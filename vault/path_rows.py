"""Rows that stand beside the sealed records under a path of the key tree, and go when that path is erased."""

from collections.abc import Mapping, Sequence

from vault.database import Database
from vault.paths import Path
from vault.stores import ErasureTarget


class PathRows:
    """Some tables of one SQLite file as a `vault.stores.ErasableStore`; each names its column of hex paths."""

    method = "rows under the erased paths deleted and overwritten in the file, write-ahead log truncated"
    proof = "no row under the erased paths is left"

    def __init__(self, name: str, database: Database, tables: Mapping[str, str]) -> None:
        self.name = name
        self._database = database
        self._tables = tables

    def count(self, target: ErasureTarget) -> int:
        """How many rows lie under the prefixes."""
        return sum(self._run("SELECT count(*)", target.prefixes))

    def erase(self, target: ErasureTarget) -> None:
        """Delete them durably."""
        with self._database.transaction():
            self._run("DELETE", target.prefixes)
        self._database.checkpoint()

    def absent(self, target: ErasureTarget) -> bool:
        """Is none left?"""
        return self.count(target) == 0

    def _run(self, verb: str, prefixes: Sequence[Path]) -> list[int]:
        statements = [f"{verb} FROM {table} WHERE {column} GLOB ? || '*'" for table, column in self._tables.items()]
        cursors = [self._database.execute(each, (prefix,)) for each in statements for prefix in prefixes]
        return [row[0] for cursor in cursors for row in cursor.fetchall()]
