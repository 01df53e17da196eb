"""Which slots of the key tree are taken: counters in the key database, so that a frontier can never pass a live key.

Counters only grow. A period counts its subject slots; a subject slot counts its record slots.

Every taking has a number. A store writes down the number it stands at in each commit of its own, and the key database
what it last heard of each store: a store that stands before that was rolled back, a key database that stands before a
store as well. What a store committed last is heard of at the next taking, or when the vault is closed.
"""

import json
from collections.abc import Iterable, Mapping

from vault.database import Database
from vault.errors import StoreUnavailable
from vault.keyplan import Frontier
from vault.paths import (
    FAN_OUT,
    PERIOD_DEPTH,
    RECORD_SLOTS,
    SUBJECT_DEPTH,
    SUBJECT_SLOTS,
    TENANT_DIGITS,
    Path,
    period_path,
    record_path,
    subject_path,
)

COUNT = "SELECT coalesce(sum(next), 0) FROM counter WHERE length(scope) = ? AND scope >= ? AND scope < ?"


class Slots:
    """Allocates subject and record slots, durably before their keys are used."""

    def __init__(self, database: Database, tenant: int) -> None:
        self._database = database
        self._timeless = period_path(tenant, 0)
        self._tenant = Path(self._timeless[:TENANT_DIGITS])
        self._heard: dict[str, int] = {}
        self.behind: dict[str, int] = {}
        """Stores that were rolled back, and where they stand."""

    def new_subject(self, period: Path, leaves: int) -> Path:
        """A subject prefix never used before in this period, with its first leaves taken. Raises `SLOTS_EXHAUSTED`."""
        with self._database.transaction():
            slot = subject_path(period, self._advance(period, 1))
            self._advance(slot, leaves)
            self._count()
        return slot

    def take(self, wanted: Mapping[Path, int]) -> dict[Path, int]:
        """Take this many subject slots of periods or record slots of subjects, in one commit: the first number of
        each. Raises `SLOTS_EXHAUSTED`, and then takes none."""
        with self._database.transaction():
            first = self._taken(wanted)
            for scope, count in wanted.items():
                _check(scope, first[scope] + count)
            rows = [(scope, first[scope] + count) for scope, count in wanted.items()]
            self._database.execute_many("INSERT OR REPLACE INTO counter VALUES (?, ?)", rows)
            self._count()
        return first

    def _taken(self, scopes: Iterable[Path]) -> dict[Path, int]:
        """How many slots of each scope are taken, in one query."""
        query = "SELECT value, coalesce(next, 0) FROM json_each(?) LEFT JOIN counter ON scope = value"
        return {Path(scope): taken for scope, taken in self._database.rows(query, (json.dumps(list(scopes)),))}

    def _advance(self, scope: Path, count: int) -> int:
        taken = int(self._database.value("SELECT next FROM counter WHERE scope = ?", (scope,)) or 0)
        _check(scope, taken + count)
        self._database.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (scope, taken + count))
        return taken

    def _count(self) -> None:
        self._database.execute("UPDATE meta SET value = value + 1 WHERE name = 'allocations'")
        self._write_heard()

    @property
    def allocations(self) -> int:
        """How often slots were taken."""
        return int(self._database.meta("allocations"))

    def compare(self, store: str, stands: int) -> None:
        """Where a store stands when it is opened. Raises `KEYS_ROLLED_BACK` if that is beyond the key database."""
        if stands > self.allocations:
            hint = "bring back the key database of the same moment; going on would use keys twice"
            raise StoreUnavailable("KEYS_ROLLED_BACK", f"the key database is older than the {store}", hint)
        if stands < int(self._database.value("SELECT value FROM meta WHERE name = ?", (_heard_of(store),)) or 0):
            self.behind[store] = stands

    def heard(self, store: str, stands: int) -> None:
        """A store committed at this number; written down at the next taking."""
        self._heard[store] = stands

    def accept(self) -> None:
        """Take the stores that were rolled back as they are now."""
        self._heard.update(self.behind)
        self.keep_heard()
        self.behind.clear()

    def keep_heard(self) -> None:
        """Write down now where the stores stand."""
        if self._heard:
            with self._database.transaction():
                self._write_heard()

    def _write_heard(self) -> None:
        rows = [(_heard_of(store), stands) for store, stands in self._heard.items()]
        self._database.execute_many("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        self._heard.clear()

    def leaves_under(self, prefix: Path) -> int:
        """How many record slots were taken under a prefix."""
        return int(self._database.value(COUNT, (SUBJECT_DEPTH, prefix, prefix + "g")))

    def frontiers(self, subjects: Iterable[Path] = (), *, every: bool = False) -> list[Frontier]:
        """The frontiers of an epoch: newest period with all later ones, the timeless period, and the free record slots
        of these subjects; `every`: of all periods and subjects, at a cost that grows with them."""
        newest = self._newest_period()
        found = [] if newest is None else self._of_period(self._tenant, newest)
        if every:
            rows = self._database.rows("SELECT scope FROM counter WHERE scope >= ?", (self._tenant,))
            periods = [Path(scope) for (scope,) in rows if len(scope) == PERIOD_DEPTH]
            subjects = [Path(scope) for (scope,) in rows if len(scope) == SUBJECT_DEPTH]
        else:
            periods = [self._timeless]
        for period in periods:
            if period != newest:
                found += self._of_period(period, period)
        for subject in subjects:
            found += self._of_subject(subject)
        return found

    def _newest_period(self) -> Path | None:
        """From the last counter of all, which is of that period or of a subject in it: one look, however many there
        are."""
        query = "SELECT max(scope) FROM counter WHERE scope >= ? AND scope < ?"
        last = self._database.value(query, (self._tenant, self._tenant + "g"))
        return None if last is None else Path(last[:PERIOD_DEPTH])

    def _of_period(self, scope: Path, period: Path) -> list[Frontier]:
        count = self._database.value("SELECT next FROM counter WHERE scope = ?", (period,))
        if count is None:
            return []
        index = int(period, FAN_OUT) * SUBJECT_SLOTS + count
        width = SUBJECT_DEPTH
        first = Path(f"{index:0{width}x}")
        return [Frontier(scope, first)] if first.startswith(scope) and len(first) == width else []

    def _of_subject(self, subject: Path) -> list[Frontier]:
        count = self._database.value("SELECT next FROM counter WHERE scope = ?", (subject,))
        if count is None or count >= RECORD_SLOTS:
            return []
        return [Frontier(subject, record_path(subject, count))]


def _heard_of(store: str) -> str:
    return f"heard of {store}"


def _check(scope: Path, wanted: int) -> None:
    """Raises `SLOTS_EXHAUSTED` when a level is full."""
    if len(scope) == PERIOD_DEPTH:
        subject_path(scope, wanted - 1)
    else:
        record_path(scope, wanted - 1)
