"""The issuance ledger: how many vouchers a subject has earned and collected in each series; counts, nothing else.

It never sees a serial, and of blinded messages it keeps a digest only, so that a repeated request can be told from a
changed one. Days, series and requests of a subject are marks, counts are sealed, both under the subject's key (see
`oracles.sealing`). It is a store of the erasure register; after an erasure only the totals per series remain.

    balance       units(8)                              entitlement   series(8) ‖ earned(8) ‖ collected(8)
    request       series(8) ‖ digest(32)                all big-endian
"""

import hmac
import struct
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from oracles.database import Database
from oracles.errors import OracleError, SubjectGone
from oracles.sealing import SubjectSeal
from protocol.quantities import Day, SubjectId

_SCHEMA = """
CREATE TABLE IF NOT EXISTS paid (
    subject BLOB NOT NULL, mark BLOB NOT NULL, PRIMARY KEY (subject, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS balance (
    subject BLOB NOT NULL, mark BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (subject, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entitlement (
    subject BLOB NOT NULL, mark BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (subject, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request (
    subject BLOB NOT NULL, mark BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (subject, mark)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (
    series INTEGER PRIMARY KEY, issued INTEGER NOT NULL DEFAULT 0, closed INTEGER NOT NULL DEFAULT 0);
"""
_SUBJECT_TABLES = ("paid", "balance", "entitlement", "request")
_ONE = struct.Struct(">q")
_ENTITLEMENT = struct.Struct(">qqq")
_REQUEST = struct.Struct(">q32s")


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

    def __init__(self, path: Path, seal: SubjectSeal) -> None:
        self._database = Database(path, _SCHEMA)
        self._seal = seal

    def credit(self, subject: SubjectId, day: Day, units: int, series: int, denomination: int) -> Credit:
        """Pay a day, once: whole vouchers go to the series, the rest is carried to the next day.

        If the series is closed already all units are carried, and become vouchers of the next series. Raises
        `KEY_ERASED`."""
        with self._database.transaction() as write:
            if not write.execute("INSERT OR IGNORE INTO paid VALUES (?, ?)", self._paid(subject, day)).rowcount:
                return Credit(0, 0, repeated=True)
            vouchers, rest = divmod(self.carried(subject) + units, denomination)
            if self.is_closed(series):
                vouchers, rest = 0, rest + vouchers * denomination
            self._write(write, "balance", subject, b"", _ONE.pack(rest))
            if vouchers:
                earned, collected = self._entitlement(subject, series)
                self._entitle(write, subject, series, earned + vouchers, collected)
        return Credit(units, vouchers, repeated=False)

    def is_paid(self, subject: SubjectId, day: Day) -> bool:
        """Has this day of the subject been paid?"""
        sql = "SELECT 1 FROM paid WHERE subject = ? AND mark = ?"
        return self._database.row(sql, self._paid(subject, day)) is not None

    def carried(self, subject: SubjectId) -> int:
        """Units that do not make a voucher yet."""
        plain = self._read("balance", subject, b"")
        return int(_ONE.unpack(plain)[0]) if plain else 0

    def collectable(self, subject: SubjectId) -> dict[int, int]:
        """Vouchers a subject may still collect, by open series; none for a subject without a key."""
        rows = self._database.rows("SELECT mark, sealed FROM entitlement WHERE subject = ?", (subject,))
        try:
            plain = [self._seal.open(subject, sealed, _place("entitlement", mark)) for mark, sealed in rows]
        except SubjectGone:
            return {}
        counts = sorted(_ENTITLEMENT.unpack(entry) for entry in plain)
        return {
            series: earned - collected
            for series, earned, collected in counts
            if earned > collected and not self.is_closed(series)
        }

    def reserve(self, subject: SubjectId, series: int, request: bytes, digest: bytes, count: int) -> bool:
        """Count a request as collected, durably; False if the same one was counted before.

        Refuses `REQUEST_CHANGED` (the id was used for other messages), `SERIES_CLOSED` and `NOT_ENTITLED`."""
        with self._database.transaction() as write:
            known = self._request(subject, request)
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
            earned, collected = self._entitlement(subject, series)
            if earned - collected < count:
                raise IssuanceRefused(
                    "NOT_ENTITLED", "more vouchers asked for than earned", "ask what can be collected"
                )
            self._entitle(write, subject, series, earned, collected + count)
            self._write(write, "request", subject, request, _REQUEST.pack(series, digest))
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
        """Delete everything of one subject, with or without a key; returns the number of rows. Totals per series stay.

        Raises `STORE_BUSY`."""
        self._seal.forget(subject)
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

    def _paid(self, subject: SubjectId, day: Day) -> tuple[SubjectId, bytes]:
        return subject, self._seal.mark(subject, b"ledger/paid/" + _ONE.pack(day))

    def _entitlement(self, subject: SubjectId, series: int) -> tuple[int, int]:
        """Earned and collected vouchers of a series."""
        plain = self._read("entitlement", subject, _ONE.pack(series))
        return _ENTITLEMENT.unpack(plain)[1:] if plain else (0, 0)

    def _entitle(self, write: Connection, subject: SubjectId, series: int, earned: int, collected: int) -> None:
        plain = _ENTITLEMENT.pack(series, earned, collected)
        self._write(write, "entitlement", subject, _ONE.pack(series), plain)

    def _request(self, subject: SubjectId, request: bytes) -> tuple[int, bytes] | None:
        """Series and digest of a request counted before; None also for a subject without a key, who has earned none."""
        plain = self._read("request", subject, request)
        return _REQUEST.unpack(plain) if plain else None

    def _read(self, table: str, subject: SubjectId, what: bytes) -> bytes | None:
        try:
            mark = self._seal.mark(subject, _place(table, what))
            sql = f"SELECT sealed FROM {table} WHERE subject = ? AND mark = ?"  # noqa: S608
            row = self._database.row(sql, (subject, mark))
            return None if row is None else self._seal.open(subject, row[0], _place(table, mark))
        except SubjectGone:
            return None

    def _write(self, write: Connection, table: str, subject: SubjectId, what: bytes, plain: bytes) -> None:
        mark = self._seal.mark(subject, _place(table, what))
        sealed = self._seal.seal(subject, plain, _place(table, mark))
        write.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", (subject, mark, sealed))  # noqa: S608


def _place(table: str, what: bytes) -> bytes:
    return f"ledger/{table}/".encode() + what
