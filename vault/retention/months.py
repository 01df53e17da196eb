"""What retention looks at: which months hold records, and which leaves of a month belong to classes that are due."""

from collections.abc import Set

from protocol.records import RecordKind
from vault.database import Database
from vault.envelope import RecordId
from vault.paths import DEPTH, FAN_OUT, PERIOD_DEPTH, Path, leaf_index, leaf_path, leaf_range, period_path, tenant_path
from vault.records import LEAVES_PER_RECORD, RecordKeeper

SPAN = FAN_OUT ** (DEPTH - PERIOD_DEPTH)
"""Leaves of a period."""
PERIODS = FAN_OUT**3


class Months:
    """The months of one vault."""

    def __init__(self, database: Database, records: RecordKeeper, tenant: int) -> None:
        """`records` opens whatever there is; nothing of it leaves this class but paths."""
        self._database = database
        self._records = records
        self._tenant = tenant

    def periods(self) -> list[int]:
        """The periods that hold records or owner rows, oldest first."""
        first, end = leaf_range(tenant_path(self._tenant))
        query = "SELECT DISTINCT id / ? FROM {} WHERE id >= ? AND id < ?"
        found: set[int] = set()
        for table in ("record", "owner"):
            rows = self._database.rows(query.format(table), (SPAN, first, end))
            found |= {number % PERIODS for (number,) in rows}
        return sorted(found)

    def prefixes(self, period: int, due: Set[RecordKind]) -> tuple[Path, ...]:
        """What to erase of a period: all of it if every record is of these classes, else leaf by leaf; the proof of a
        record goes with it."""
        whole = period_path(self._tenant, period)
        query = "SELECT id FROM record WHERE id >= ? AND id < ? AND id % ? = 0 ORDER BY id"
        records = [leaf_path(index) for (index,) in self._database.rows(query, (*leaf_range(whole), LEAVES_PER_RECORD))]
        chosen = [leaf for leaf in records if self._records.open(RecordId(leaf)).kind in due]
        if len(chosen) == len(records):
            return (whole,)
        return tuple(leaf_path(leaf_index(leaf) + i) for leaf in chosen for i in range(LEAVES_PER_RECORD))
