"""How long what is kept: whole months per class of record. What is not named is kept until its person is erased."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from protocol.calendar import date_of, day_from_date
from protocol.quantities import Day
from protocol.records import RecordKind
from vault.errors import VaultError
from vault.paths import FIRST_YEAR

MONTHS = 12


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """`months`: a record is due when its whole month is this many months over; 1 or more. `project_end`: the last day
    of the service, after which everything is erased."""

    months: Mapping[RecordKind, int] = field(default_factory=dict)
    project_end: Day | None = None

    def __post_init__(self) -> None:
        """Raises `RETENTION_INVALID`."""
        if RecordKind.PROOF in self.months:
            raise VaultError("RETENTION_INVALID", "a proof is kept as long as its record", "do not name PROOF")
        if any(months < 1 for months in self.months.values()):
            raise VaultError("RETENTION_INVALID", "a class is kept for 1 month or more")

    def due_on(self, kind: RecordKind, period: int) -> Day | None:
        """The day on which records of a class and a period (see `vault.paths`) are due; None: never."""
        months = self.months.get(kind)
        return None if months is None else first_day(period + months + 1)

    def due(self, period: int, today: Day) -> frozenset[RecordKind]:
        """The classes whose records of a period are due."""
        ends = {kind: self.due_on(kind, period) for kind in self.months}
        return frozenset(kind for kind, end in ends.items() if end is not None and end <= today)


def first_day(period: int) -> Day:
    """The first day of a period: a month counted from January 2000 as 1."""
    year, month = divmod(period - 1, MONTHS)
    return day_from_date(date_of(Day(0)).replace(year=FIRST_YEAR + year, month=month + 1, day=1))
