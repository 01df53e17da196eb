"""The issuance ledger: how many vouchers a subject has earned and collected in each series; counts, nothing else.

It never sees a serial, and of blinded messages it keeps a digest only, so that a repeated request can be told from a
changed one. It is a store of the erasure register; after an erasure only the totals per series remain.
"""

import hmac
from dataclasses import dataclass
from pathlib import Path

from oracles.database import Database
from oracles.errors import OracleError
from protocol.quantities import Day, SubjectId

_SCHEMA = """
CREATE TABLE IF NOT EXISTS paid (
    subject BLOB NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (subject, day)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balance (subject BLOB PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entitlement (
    subject BLOB NOT NULL, series INTEGER NOT NULL, earned INTEGER NOT NULL,
    collected INTEGER NOT NULL CHECK (collected BETWEEN 0 AND earned), PRIMARY KEY (subject, series)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request (
    subject BLOB NOT NULL, request BLOB NOT NULL, series INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (subject, request)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (
    series INTEGER PRIMARY KEY, issued INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0);
"""
_SUBJECT_TABLES = ("paid", "balance", "entitlement", "request")


class IssuanceRefused(OracleError):
    """The issuer says no: `NOT_ENTITLED`, `REQUEST_CHANGED`, `SERIES_CLOSED`, `REQUEST_MALFORMED`."""


@dataclass(frozen=True, slots=True)
class Credit:
    """What a day added."""

    units: int
    vouchers: int
    """New vouchers of the series that may be collected."""
    repeated: bool
    """The day had been paid before; nothing was added."""


class Ledger:
    """One SQLite file."""

    name = "issuance-ledger"

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def credit(self, subject: SubjectId, day: Day, units: int, series: int, denomination: int) -> Credit:
        """Pay a day, once: whole vouchers go to the series, the rest is carried to the next day.

        If the series is closed already all units are carried, and become vouchers of the next series."""
        with self._database.transaction() as write:
            if not write.execute("INSERT OR IGNORE INTO paid VALUES (?, ?)", (subject, day)).rowcount:
                return Credit(0, 0, repeated=True)
            row = write.execute("SELECT units FROM balance WHERE subject = ?", (subject,)).fetchone()
            vouchers, rest = divmod((row[0] if row else 0) + units, denomination)
            if self.is_closed(series):
                vouchers, rest = 0, rest + vouchers * denomination
            write.execute("INSERT OR REPLACE INTO balance VALUES (?, ?)", (subject, rest))
            if vouchers:
                write.execute(
                    "INSERT INTO entitlement VALUES (?, ?, ?, 0) "
                    "ON CONFLICT (subject, series) DO UPDATE SET earned = earned + excluded.earned",
                    (subject, series, vouchers),
                )
        return Credit(units, vouchers, repeated=False)

    def is_paid(self, subject: SubjectId, day: Day) -> bool:
        """Has this day of the subject been paid?"""
        return self._database.row("SELECT 1 FROM paid WHERE subject = ? AND day = ?", (subject, day)) is not None

    def carried(self, subject: SubjectId) -> int:
        """Units that do not make a voucher yet."""
        row = self._database.row("SELECT units FROM balance WHERE subject = ?", (subject,))
        return int(row[0]) if row else 0

    def collectable(self, subject: SubjectId) -> dict[int, int]:
        """Vouchers a subject may still collect, by open series."""
        sql = (
            "SELECT series, earned - collected FROM entitlement WHERE subject = ? AND earned > collected "
            "AND series NOT IN (SELECT series FROM series WHERE closed = 1) ORDER BY series"
        )
        return dict(self._database.rows(sql, (subject,)))

    def reserve(self, subject: SubjectId, series: int, request: bytes, digest: bytes, count: int) -> bool:
        """Count a request as collected, durably; False if the same one was counted before.

        Refuses `REQUEST_CHANGED` (the id was used for other messages), `SERIES_CLOSED` and `NOT_ENTITLED`."""
        with self._database.transaction() as write:
            sql = "SELECT series, digest FROM request WHERE subject = ? AND request = ?"
            known = write.execute(sql, (subject, request)).fetchone()
            if known is not None:
                if known[0] != series or not hmac.compare_digest(known[1], digest):
                    raise IssuanceRefused(
                        "REQUEST_CHANGED", "this request id was used for other messages", "use a new id"
                    )
                return False
            if self.is_closed(series):
                raise IssuanceRefused(
                    "SERIES_CLOSED", "this series is closed", "collect before the month's series closes"
                )
            changed = write.execute(
                "UPDATE entitlement SET collected = collected + ?1 "
                "WHERE subject = ?2 AND series = ?3 AND earned - collected >= ?1",
                (count, subject, series),
            ).rowcount
            if not changed:
                raise IssuanceRefused(
                    "NOT_ENTITLED", "more vouchers asked for than earned", "ask what can be collected"
                )
            write.execute("INSERT INTO request VALUES (?, ?, ?, ?)", (subject, request, series, digest))
            write.execute(
                "INSERT INTO series (series, issued) VALUES (?, ?) "
                "ON CONFLICT (series) DO UPDATE SET issued = issued + excluded.issued",
                (series, count),
            )
        return True

    def issued(self, series: int) -> int:
        """Vouchers issued in a series, by anybody, erased subjects included."""
        row = self._database.row("SELECT issued FROM series WHERE series = ?", (series,))
        return int(row[0]) if row else 0

    def close_series(self, series: int) -> int:
        """No voucher is issued in this series any more; the final count. A second call gives the same."""
        with self._database.transaction() as write:
            write.execute(
                "INSERT INTO series (series, closed) VALUES (?, 1) ON CONFLICT (series) DO UPDATE SET closed = 1",
                (series,),
            )
        return self.issued(series)

    def is_closed(self, series: int) -> bool:
        """Has the series been closed?"""
        return self._database.row("SELECT 1 FROM series WHERE series = ? AND closed = 1", (series,)) is not None

    def erase(self, subject: SubjectId) -> int:
        """Delete everything of one subject; returns the number of rows. Totals per series stay."""
        with self._database.transaction() as write:
            rows = sum(
                write.execute(f"DELETE FROM {table} WHERE subject = ?", (subject,)).rowcount  # noqa: S608
                for table in _SUBJECT_TABLES
            )
        self._database.scrub()
        return rows

    def holds(self, subject: SubjectId) -> bool:
        """Is there still a row of this subject?"""
        return any(
            self._database.row(f"SELECT 1 FROM {table} WHERE subject = ? LIMIT 1", (subject,)) is not None  # noqa: S608
            for table in _SUBJECT_TABLES
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()
