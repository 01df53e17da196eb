"""Days on which the daily run was done, and what it said: so that nothing happens twice and a pause is noticed."""

import json
from dataclasses import asdict, dataclass, field

from protocol.canonical import canonical
from protocol.quantities import Day, Seconds
from vault.database import Database

SCHEMA = """
CREATE TABLE tick(day INTEGER PRIMARY KEY, at INTEGER NOT NULL, report TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Done:
    """One erasure that a run finished: why, and the number of its certificate."""

    cause: str
    certificate: str
    keys: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Something a run could not do: an error's code and what it leaves open."""

    what: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class TickReport:
    """What one run of the scheduler did."""

    day: Day
    days_off: int
    """Days since the last run on which there was none."""
    refreshed: bool
    """Was today's epoch made in this run?"""
    erased: tuple[Done, ...] = ()
    holds_ended: tuple[Done, ...] = ()
    failed: tuple[Failed, ...] = ()
    overdue: tuple[str, ...] = ()
    """Clocks that ran out: `kind erasure`."""
    nearly_overdue: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Is nothing open that needs somebody?"""
        return not self.failed and not self.overdue


@dataclass(slots=True)
class Work:
    """What a run has done so far."""

    erased: list[Done] = field(default_factory=list)
    holds_ended: list[Done] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


class Ticks:
    """The days in the database of the records."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self) -> Day | None:
        """The latest day with a run."""
        found = self._database.value("SELECT max(day) FROM tick")
        return None if found is None else Day(found)

    def note(self, report: TickReport, at: Seconds) -> None:
        """Keep what a run did; a later run of the same day replaces it if it did something."""
        keep = "INSERT OR IGNORE" if not (report.erased or report.holds_ended or report.failed) else "INSERT OR REPLACE"
        text = canonical(json.loads(json.dumps(asdict(report)))).decode()
        self._database.execute(f"{keep} INTO tick VALUES (?, ?, ?)", (report.day, at, text))
