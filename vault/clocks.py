"""Clocks of the law: what is due when, what is nearly overdue, and a clock that must not run backwards.

    ERASE    done within 5 days of the cause          every erasure
    NOTICE   the person told within 10 days           erasures that somebody asked for
    APPEAL   answered within 10 days of the appeal

The day of the cause is not counted and the last day ends at midnight in Seoul, whatever day of the week it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from protocol.calendar import SECONDS_PER_DAY, day_of, start_of
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, Seconds
from vault.database import Database
from vault.errors import VaultError

STEP_BACK_ALLOWED = 60
"""Seconds a clock may be set back before it is not trusted: what time services do."""
NEARLY = SECONDS_PER_DAY
"""Seconds before its end from which a clock is nearly overdue."""
SCHEMA = """
CREATE TABLE deadline(
    erasure TEXT NOT NULL, kind TEXT NOT NULL, began_at INTEGER NOT NULL, due_at INTEGER NOT NULL, met_at INTEGER,
    PRIMARY KEY (erasure, kind, began_at)
) WITHOUT ROWID;
"""


class ClockKind(StrEnum):
    """What has to be done in time."""

    ERASE = "ERASE"
    NOTICE = "NOTICE"
    APPEAL = "APPEAL"

    @property
    def days(self) -> int:
        """Days the law gives."""
        return 5 if self is ClockKind.ERASE else 10


class Urgency(StrEnum):
    """How a clock stands."""

    RUNNING = "RUNNING"
    NEARLY_OVERDUE = "NEARLY_OVERDUE"
    OVERDUE = "OVERDUE"


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock that runs."""

    erasure: str
    kind: ClockKind
    began_at: Seconds
    due_at: Seconds
    """The first second that is too late."""
    urgency: Urgency


class TrustedClock:
    """A clock with a memory on disk: the latest time it was ever seen to show."""

    def __init__(self, database: Database, clock: Callable[[], Seconds]) -> None:
        self._database = database
        self._clock = clock

    def __call__(self) -> Seconds:
        """UTC seconds, never less than before. Refuses `CLOCK_UNTRUSTED` if the clock was set back."""
        now, latest = self._clock(), self.latest
        if now + STEP_BACK_ALLOWED < latest:
            hint = "set the clock right; deadlines and certificates depend on it"
            raise Refusal(RefusalCode.CLOCK_UNTRUSTED, "the clock runs backwards", hint, f"{latest - now} s")
        if now > latest:
            self._database.execute("INSERT OR REPLACE INTO meta VALUES ('clock', ?)", (now,))
        return max(now, latest)

    @property
    def latest(self) -> Seconds:
        """The latest time seen, 0 at first."""
        return Seconds(self._database.value("SELECT value FROM meta WHERE name = 'clock'") or 0)


class Deadlines:
    """The clocks of all erasures, in the database of the records; a row names an erasure, nobody."""

    def __init__(self, database: Database, clock: Callable[[], Seconds]) -> None:
        self._database = database
        self._clock = clock

    def begin(self, erasure: str, kind: ClockKind, at: Seconds) -> None:
        """Let a clock run from `at`; the same again changes nothing."""
        row = (erasure, kind, at, due(kind, at))
        self._database.execute("INSERT OR IGNORE INTO deadline VALUES (?, ?, ?, ?, NULL)", row)

    def meet(self, erasure: str, kind: ClockKind) -> None:
        """Stop the clock of a thing that is done now. Raises `CLOCK_UNKNOWN` if none of this kind runs."""
        update = "UPDATE deadline SET met_at = ? WHERE erasure = ? AND kind = ? AND met_at IS NULL"
        if self._database.execute(update, (self._clock(), erasure, kind)).rowcount == 0:
            raise VaultError("CLOCK_UNKNOWN", f"no clock of kind {kind} runs for this erasure", "look at the list")

    def drop(self, erasure: str) -> None:
        """Forget the clocks of an erasure that was taken back."""
        self._database.execute("DELETE FROM deadline WHERE erasure = ?", (erasure,))

    def running(self) -> list[Deadline]:
        """All clocks that run, the most urgent first."""
        now = self._clock()
        query = "SELECT erasure, kind, began_at, due_at FROM deadline WHERE met_at IS NULL ORDER BY due_at, erasure"
        return [
            Deadline(erasure, ClockKind(kind), Seconds(began), Seconds(end), _urgency(now, end))
            for erasure, kind, began, end in self._database.rows(query)
        ]

    def missed(self) -> int:
        """How many were met too late, ever."""
        return int(self._database.value("SELECT count(*) FROM deadline WHERE met_at >= due_at"))


def due(kind: ClockKind, at: Seconds) -> Seconds:
    """The first second that is too late for a clock that began at `at`."""
    return start_of(Day(day_of(at) + kind.days + 1))


def _urgency(now: Seconds, end: int) -> Urgency:
    if now >= end:
        return Urgency.OVERDUE
    return Urgency.NEARLY_OVERDUE if now >= end - NEARLY else Urgency.RUNNING
