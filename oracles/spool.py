"""The oracle's durable spool: what stands between a shoe and the vault, and nothing longer than it has to.

Device states and clocks, accepted minutes until their day is sealed, refused minutes with their reasons, days frozen
for closing, and what is on its way to the vault. Reference values that wait for a batch are in `oracles.pending`.

The spool is a store of the erasure register: `name`, `erase` and `holds`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from oracles.clocks import ClockFit
from oracles.database import Database
from oracles.pending import PENDING_SCHEMA, PendingReference, insert_pending
from oracles.refusals import Reason
from protocol.minutes import SignedMinute
from protocol.quantities import Day, DeviceId, SubjectId
from protocol.records import Origin

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    device BLOB PRIMARY KEY, subject BLOB NOT NULL, boot INTEGER NOT NULL, sequence INTEGER NOT NULL,
    chain BLOB NOT NULL, seen BLOB NOT NULL, end_ms INTEGER NOT NULL, end_utc_ms INTEGER NOT NULL,
    resumes_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS device_subject ON device (subject);
CREATE TABLE IF NOT EXISTS clock (
    device BLOB NOT NULL, boot INTEGER NOT NULL, subject BLOB NOT NULL, shoe_ms INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL, first_shoe_ms INTEGER NOT NULL, first_utc_ms INTEGER NOT NULL, trusted INTEGER NOT NULL,
    PRIMARY KEY (device, boot)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clock_subject ON clock (subject);
CREATE TABLE IF NOT EXISTS waiting (
    device BLOB NOT NULL, sequence INTEGER NOT NULL, subject BLOB NOT NULL, day INTEGER NOT NULL,
    start_utc_ms INTEGER NOT NULL, minute BLOB NOT NULL, PRIMARY KEY (device, sequence)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting_day ON waiting (day, subject);
CREATE INDEX IF NOT EXISTS waiting_subject ON waiting (subject);
CREATE TABLE IF NOT EXISTS refused (
    device BLOB NOT NULL, sequence INTEGER NOT NULL, minute BLOB NOT NULL, subject BLOB NOT NULL, day INTEGER NOT NULL,
    reason TEXT NOT NULL, PRIMARY KEY (device, sequence, minute)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refused_day ON refused (day, subject);
CREATE INDEX IF NOT EXISTS refused_subject ON refused (subject);
CREATE TABLE IF NOT EXISTS frozen (day INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sealing (
    subject BLOB NOT NULL, day INTEGER NOT NULL, origin TEXT NOT NULL,
    PRIMARY KEY (subject, day, origin)) WITHOUT ROWID;
"""
_SUBJECT_TABLES = ("device", "clock", "waiting", "refused", "sealing", "pending")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The newest record of a shoe that stands in its chain."""

    subject: SubjectId
    boot: int
    sequence: int
    chain: bytes
    """What the next record must carry as `previous`; 16 bytes."""
    seen: bytes
    """SHA-256 of the newest 160 bytes: tells a resend from a fork."""
    end_ms: int
    """End of the latest minute, ms since boot."""
    end_utc_ms: int
    """The same in UTC ms; 0 if unknown."""
    resumes_at: int = 0
    """The shoe has proved that it holds nothing below this sequence; 0 for no such gap."""


@dataclass(frozen=True, slots=True)
class WaitingMinute:
    """An accepted minute and when it began."""

    device: DeviceId
    sequence: int
    subject: SubjectId
    day: Day
    start_utc_ms: int
    minute: bytes
    """160 bytes as the shoe sent them."""

    @property
    def signed(self) -> SignedMinute:
        """The minute itself."""
        return SignedMinute.from_bytes(self.minute)


@dataclass(frozen=True, slots=True)
class RefusedMinute:
    """A minute that was really signed by its shoe, and why it was refused."""

    device: DeviceId
    sequence: int
    minute: bytes
    subject: SubjectId
    day: Day
    reason: Reason


@dataclass(slots=True)
class IntakeChanges:
    """What one intake writes, in one commit."""

    states: dict[DeviceId, DeviceState] = field(default_factory=dict)
    accepted: dict[tuple[DeviceId, int], WaitingMinute] = field(default_factory=dict)
    refused: list[RefusedMinute] = field(default_factory=list)


class Spool:
    """One SQLite file. Pending references live in the same file, so that a closed day moves in one commit."""

    name = "oracle-spool"

    def __init__(self, path: Path) -> None:
        self.database = Database(path, _SCHEMA + PENDING_SCHEMA)

    # device states and clocks
    def state(self, device: DeviceId) -> DeviceState | None:
        """Where a shoe's chain stands."""
        row = self.database.row(
            "SELECT subject, boot, sequence, chain, seen, end_ms, end_utc_ms, resumes_at FROM device WHERE device = ?",
            (device,),
        )
        return None if row is None else DeviceState(*row)

    def clock(self, device: DeviceId, boot: int) -> ClockFit | None:
        """The clock fit of one boot of a shoe."""
        row = self.database.row(
            "SELECT boot, shoe_ms, utc_ms, first_shoe_ms, first_utc_ms, trusted FROM clock WHERE device=? AND boot=?",
            (device, boot),
        )
        if row is None:
            return None
        boot, shoe_ms, utc_ms, first_shoe_ms, first_utc_ms, trusted = row
        return ClockFit(boot, shoe_ms, utc_ms, first_shoe_ms, first_utc_ms, bool(trusted))

    def put_clock(self, device: DeviceId, subject: SubjectId, fit: ClockFit) -> None:
        """Keep a clock fit."""
        values = (device, fit.boot, subject, fit.shoe_ms, fit.utc_ms, fit.first_shoe_ms, fit.first_utc_ms, fit.trusted)
        with self.database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO clock VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    # minutes
    def held(self, device: DeviceId, sequence: int) -> list[bytes]:
        """Every minute the spool holds under this number of a shoe, accepted or refused."""
        sql = (
            "SELECT minute FROM waiting WHERE device = ?1 AND sequence = ?2 UNION ALL "
            "SELECT minute FROM refused WHERE device = ?1 AND sequence = ?2"
        )
        return [row[0] for row in self.database.rows(sql, (device, sequence))]

    def waiting_minute(self, device: DeviceId, sequence: int) -> WaitingMinute | None:
        """An accepted minute by its number."""
        row = self.database.row("SELECT * FROM waiting WHERE device = ? AND sequence = ?", (device, sequence))
        return None if row is None else WaitingMinute(*row)

    def commit(self, changes: IntakeChanges) -> None:
        """Write an intake; durable when this returns. A number that is refused now is not accepted any longer."""
        with self.database.transaction() as write:
            write.executemany("DELETE FROM refused WHERE device = ? AND sequence = ?", list(changes.accepted))
            write.executemany(
                "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?)",
                [(m.device, m.sequence, m.subject, m.day, m.start_utc_ms, m.minute) for m in changes.accepted.values()],
            )
            write.executemany(
                "INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?, ?)",
                [(m.device, m.sequence, m.minute, m.subject, m.day, m.reason.value) for m in changes.refused],
            )
            write.executemany(
                "DELETE FROM waiting WHERE device = ? AND sequence = ?",
                [(m.device, m.sequence) for m in changes.refused],
            )
            write.executemany(
                "INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (device, s.subject, s.boot, s.sequence, s.chain, s.seen, s.end_ms, s.end_utc_ms, s.resumes_at)
                    for device, s in changes.states.items()
                ],
            )

    # days
    def freeze(self, day: Day) -> None:
        """From now on minutes of this day are refused; what it holds no longer changes."""
        with self.database.transaction() as write:
            write.execute("INSERT OR IGNORE INTO frozen VALUES (?)", (day,))

    def is_frozen(self, day: Day) -> bool:
        """Is the day closed or being closed?"""
        return self.database.row("SELECT 1 FROM frozen WHERE day = ?", (day,)) is not None

    def days(self) -> list[Day]:
        """Days that hold minutes, the oldest first."""
        return [
            row[0] for row in self.database.rows("SELECT day FROM waiting UNION SELECT day FROM refused ORDER BY 1")
        ]

    def subjects_on(self, day: Day) -> list[SubjectId]:
        """Who has minutes, accepted or refused, on a day."""
        sql = "SELECT subject FROM waiting WHERE day = ?1 UNION SELECT subject FROM refused WHERE day = ?1 ORDER BY 1"
        return [row[0] for row in self.database.rows(sql, (day,))]

    def waiting(self, subject: SubjectId, day: Day) -> list[WaitingMinute]:
        """A subject's accepted minutes of a day in order of time."""
        sql = "SELECT * FROM waiting WHERE day = ? AND subject = ? ORDER BY start_utc_ms, device, sequence"
        return [WaitingMinute(*row) for row in self.database.rows(sql, (day, subject))]

    def refused(self, subject: SubjectId, day: Day) -> list[RefusedMinute]:
        """A subject's refused minutes of a day."""
        sql = "SELECT * FROM refused WHERE day = ? AND subject = ? ORDER BY device, sequence, minute"
        rows = self.database.rows(sql, (day, subject))
        return [
            RefusedMinute(device, sequence, minute, owner, on, Reason(reason))
            for device, sequence, minute, owner, on, reason in rows
        ]

    def begin_sealing(self, subjects: Iterable[SubjectId], day: Day, origin: Origin) -> set[SubjectId]:
        """Note that these subjects' day goes to the vault now; returns those for whom that had been noted before."""
        with self.database.transaction() as write:
            return {
                subject
                for subject in subjects
                if not write.execute("INSERT OR IGNORE INTO sealing VALUES (?, ?, ?)", (subject, day, origin)).rowcount
            }

    def finish_sealing(self, subject: SubjectId, day: Day, origin: Origin, references: list[PendingReference]) -> None:
        """The vault has the day: queue its reference values and delete its minutes, in one commit."""
        with self.database.transaction() as write:
            insert_pending(write, references)
            write.execute("DELETE FROM sealing WHERE subject = ? AND day = ? AND origin = ?", (subject, day, origin))
            if origin is Origin.ATTESTED:
                write.execute("DELETE FROM waiting WHERE subject = ? AND day = ?", (subject, day))
                write.execute("DELETE FROM refused WHERE subject = ? AND day = ?", (subject, day))

    # a store of the erasure register
    def erase(self, subject: SubjectId) -> int:
        """Delete everything of one subject; returns the number of rows."""
        with self.database.transaction() as write:
            rows = sum(
                write.execute(f"DELETE FROM {table} WHERE subject = ?", (subject,)).rowcount  # noqa: S608
                for table in _SUBJECT_TABLES
            )
        self.database.scrub()
        return rows

    def holds(self, subject: SubjectId) -> bool:
        """Is there still a row of this subject?"""
        return any(
            self.database.row(f"SELECT 1 FROM {table} WHERE subject = ? LIMIT 1", (subject,)) is not None  # noqa: S608
            for table in _SUBJECT_TABLES
        )

    def close(self) -> None:
        """Close the file."""
        self.database.close()
