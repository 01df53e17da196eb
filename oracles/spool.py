"""The oracle's durable spool: what stands between a shoe and the vault, and nothing longer than it has to.

Device states and clocks, accepted minutes until their day is sealed, refused minutes with their reasons, days frozen
for closing, and what is on its way to the vault. Reference values that wait for a batch are in `oracles.pending`.

Rows name the pseudonym of their subject; shoe, number, day and minute are marked or sealed under the subject's key (see
`oracles.sealing`), so that an older copy of the file tells nothing of somebody erased.

The spool is a store of the erasure register: `name`, `erase` and `holds`.
"""

from collections.abc import Iterable
from pathlib import Path

from oracles.clocks import ClockFit
from oracles.database import Database
from oracles.errors import SubjectGone
from oracles.pending import PENDING_SCHEMA, PendingReference, PendingReferences
from oracles.sealing import SubjectSeal
from oracles.spooled import DeviceState, IntakeChanges, RefusedMinute, SpoolRows, WaitingMinute
from protocol.quantities import Day, DeviceId, SubjectId
from protocol.records import Origin

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    shoe BLOB PRIMARY KEY, subject BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS device_subject ON device (subject);
CREATE TABLE IF NOT EXISTS clock (
    boot BLOB PRIMARY KEY, subject BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS clock_subject ON clock (subject);
CREATE TABLE IF NOT EXISTS filed (
    subject BLOB NOT NULL, day BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (subject, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (
    number BLOB PRIMARY KEY, subject BLOB NOT NULL, day BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS day_waiting ON waiting (subject, day);
CREATE TABLE IF NOT EXISTS refused (
    number BLOB NOT NULL, minute BLOB NOT NULL, subject BLOB NOT NULL, day BLOB NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (number, minute)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS day_refused ON refused (subject, day);
CREATE TABLE IF NOT EXISTS frozen (day INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS sealing (
    subject BLOB NOT NULL, day BLOB NOT NULL, PRIMARY KEY (subject, day)) WITHOUT ROWID;
"""
_SUBJECT_TABLES = ("device", "clock", "filed", "waiting", "refused", "sealing", "pending")


class Spool:
    """One SQLite file. Pending references live in the same file, so that a closed day moves in one commit.

    What reads or writes a single subject raises `KEY_ERASED` once the subject's key is gone.
    """

    name = "oracle-spool"

    def __init__(self, path: Path, seal: SubjectSeal) -> None:
        self.database = Database(path, _SCHEMA + PENDING_SCHEMA)
        self.pending = PendingReferences(self.database, seal)
        self._seal = seal
        self._rows = SpoolRows(seal)

    # device states and clocks
    def state(self, subject: SubjectId, device: DeviceId) -> DeviceState | None:
        """Where the chain of a subject's shoe stands."""
        mark = self._rows.shoe_mark(subject, device)
        row = self.database.row("SELECT shoe, sealed FROM device WHERE shoe = ?", (mark,))
        return None if row is None else self._rows.state(subject, *row)

    def clock(self, subject: SubjectId, device: DeviceId, boot: int) -> ClockFit | None:
        """The clock fit of one boot of a subject's shoe."""
        mark = self._rows.boot_mark(subject, device, boot)
        row = self.database.row("SELECT boot, sealed FROM clock WHERE boot = ?", (mark,))
        return None if row is None else self._rows.fit(subject, *row)

    def put_clock(self, device: DeviceId, subject: SubjectId, fit: ClockFit) -> None:
        """Keep a clock fit."""
        row = self._rows.fit_row(device, subject, fit)
        with self.database.transaction() as write:
            write.execute("INSERT OR REPLACE INTO clock VALUES (?, ?, ?)", row)

    # minutes
    def held(self, subject: SubjectId, device: DeviceId, sequence: int) -> list[bytes]:
        """Every minute the spool holds under this number of a subject's shoe, accepted or refused."""
        waiting = self.waiting_minute(subject, device, sequence)
        mark = self._rows.number_mark(subject, device, sequence)
        rows = self.database.rows("SELECT number, minute, sealed FROM refused WHERE number = ?", (mark,))
        held = [] if waiting is None else [waiting.minute]
        return [*held, *(self._rows.refused(subject, *row).minute for row in rows)]

    def waiting_minute(self, subject: SubjectId, device: DeviceId, sequence: int) -> WaitingMinute | None:
        """An accepted minute by its number."""
        mark = self._rows.number_mark(subject, device, sequence)
        row = self.database.row("SELECT number, sealed FROM waiting WHERE number = ?", (mark,))
        return None if row is None else self._rows.waiting(subject, *row)

    def commit(self, changes: IntakeChanges) -> None:
        """Write an intake; durable when this returns. A number that is refused now is not accepted any longer."""
        waiting = [self._rows.waiting_row(item) for item in changes.accepted.values()]
        refused = [self._rows.refused_row(item) for item in changes.refused]
        states = [self._rows.state_row(device, state) for device, state in changes.states.items()]
        days = {(item.subject, item.day) for item in changes.accepted.values()}
        days |= {(item.subject, item.day) for item in changes.refused}
        filed = [self._rows.filed_row(subject, day) for subject, day in days]
        with self.database.transaction() as write:
            write.executemany("INSERT OR IGNORE INTO filed VALUES (?, ?, ?)", filed)
            write.executemany("DELETE FROM refused WHERE number = ?", [row[:1] for row in waiting])
            write.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?)", waiting)
            write.executemany("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?, ?)", refused)
            write.executemany("DELETE FROM waiting WHERE number = ?", [row[:1] for row in refused])
            write.executemany("INSERT OR REPLACE INTO device VALUES (?, ?, ?)", states)

    # days
    def freeze(self, day: Day) -> None:
        """From now on minutes of this day are refused; what it holds no longer changes."""
        with self.database.transaction() as write:
            write.execute("INSERT OR IGNORE INTO frozen VALUES (?)", (day,))

    def is_frozen(self, day: Day) -> bool:
        """Is the day closed or being closed?"""
        return self.database.row("SELECT 1 FROM frozen WHERE day = ?", (day,)) is not None

    def days(self) -> list[Day]:
        """Days that hold minutes of anybody who has a key, the oldest first."""
        days = set()
        for subject, mark, sealed in self._filed():
            try:
                days.add(self._rows.filed_day(SubjectId(subject), mark, sealed))
            except SubjectGone:
                continue
        return sorted(days)

    def subjects_on(self, day: Day) -> list[SubjectId]:
        """Who has minutes, accepted or refused, on a day; without those whose key is gone."""
        found = []
        for subject, mark, _ in self._filed():
            try:
                if self._rows.day_mark(SubjectId(subject), day) == mark:
                    found.append(SubjectId(subject))
            except SubjectGone:
                continue
        return found

    def waiting(self, subject: SubjectId, day: Day) -> list[WaitingMinute]:
        """A subject's accepted minutes of a day in order of time."""
        sql = "SELECT number, sealed FROM waiting WHERE subject = ? AND day = ?"
        rows = self.database.rows(sql, (subject, self._rows.day_mark(subject, day)))
        minutes = [self._rows.waiting(subject, *row) for row in rows]
        return sorted(minutes, key=lambda minute: (minute.start_utc_ms, minute.device, minute.sequence))

    def refused(self, subject: SubjectId, day: Day) -> list[RefusedMinute]:
        """A subject's refused minutes of a day."""
        sql = "SELECT number, minute, sealed FROM refused WHERE subject = ? AND day = ?"
        rows = self.database.rows(sql, (subject, self._rows.day_mark(subject, day)))
        minutes = [self._rows.refused(subject, *row) for row in rows]
        return sorted(minutes, key=lambda minute: (minute.device, minute.sequence, minute.minute))

    def begin_sealing(self, subjects: Iterable[SubjectId], day: Day, origin: Origin) -> set[SubjectId]:
        """Note that these subjects' day goes to the vault now; returns those for whom that had been noted before."""
        rows = [(subject, self._rows.day_mark(subject, day, origin)) for subject in subjects]
        with self.database.transaction() as write:
            return {
                row[0] for row in rows if not write.execute("INSERT OR IGNORE INTO sealing VALUES (?, ?)", row).rowcount
            }

    def finish_sealing(self, subject: SubjectId, day: Day, origin: Origin, references: list[PendingReference]) -> None:
        """The vault has the day: queue its reference values and delete its minutes, in one commit."""
        with self.database.transaction() as write:
            self.pending.insert(write, references)
            write.execute(
                "DELETE FROM sealing WHERE subject = ? AND day = ?",
                (subject, self._rows.day_mark(subject, day, origin)),
            )
            if origin is Origin.ATTESTED:
                for table in ("waiting", "refused", "filed"):
                    sql = f"DELETE FROM {table} WHERE subject = ? AND day = ?"  # noqa: S608
                    write.execute(sql, (subject, self._rows.day_mark(subject, day)))

    # a store of the erasure register
    def erase(self, subject: SubjectId) -> int:
        """Delete everything of one subject, with or without a key; returns the number of rows. Raises `STORE_BUSY`."""
        self._seal.forget(subject)
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

    def _filed(self) -> list[tuple[bytes, bytes, bytes]]:
        """Subject, mark and sealed day of each day on which somebody still has minutes."""
        return self.database.rows(
            "SELECT subject, day, sealed FROM filed f "
            "WHERE EXISTS (SELECT 1 FROM waiting w WHERE w.subject = f.subject AND w.day = f.day) "
            "OR EXISTS (SELECT 1 FROM refused r WHERE r.subject = f.subject AND r.day = f.day) ORDER BY subject, day"
        )
