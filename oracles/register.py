"""The shoes an oracle knows: key, side, pair and whose pseudonym. A store of the erasure register.

Whose shoe a device id is, and who the pseudonym is, only the identity store of the vault can say: here a shoe is found
by a mark, and what is known of it is sealed, both under its wearer's key (see `oracles.sealing`).

    sealed   side(1) ‖ pair(8) ‖ enrolled sequence(8, big-endian) ‖ public key (65 or 32 bytes)
"""

import struct
from collections.abc import Callable
from pathlib import Path

from oracles.database import Database
from oracles.devices import EnrolledDevice
from oracles.errors import OracleError, SubjectGone
from oracles.sealing import SubjectSeal
from protocol.minutes import Side, public_key_of
from protocol.quantities import DeviceId, SubjectId

SubjectOf = Callable[[DeviceId], SubjectId | None]
"""Who wears a device, if anybody enrolled does."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    shoe BLOB PRIMARY KEY, subject BLOB NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS device_subject ON device (subject);
"""
_FIXED = struct.Struct(">B8sQ")


class ShoeRegister:
    """Enrolled shoes in one SQLite file."""

    name = "shoe-register"

    def __init__(self, path: Path, seal: SubjectSeal, subject_of: SubjectOf) -> None:
        self._database = Database(path, _SCHEMA)
        self._seal = seal
        self._subject_of = subject_of

    def enroll(self, shoe: EnrolledDevice) -> None:
        """Remember a shoe, durably. Raises `DEVICE_ENROLLED`, `DEVICE_UNKNOWN`, `DEVICE_KEY_INVALID`, `KEY_ERASED`."""
        public_key_of(shoe.public_key)
        owner = self._subject_of(shoe.device)
        if owner is None:
            raise OracleError("DEVICE_UNKNOWN", "nobody enrolled wears this shoe", "give it to its wearer first")
        mark = self._mark(shoe.subject, shoe.device)
        plain = _FIXED.pack(int(shoe.side), shoe.pair, shoe.enrolled_sequence) + shoe.public_key
        with self._database.transaction() as connection:
            known = connection.execute("SELECT 1 FROM device WHERE shoe = ?", (mark,)).fetchone()
            if known or owner != shoe.subject:
                raise OracleError("DEVICE_ENROLLED", "this shoe belongs to somebody already", "release it there first")
            row = (mark, shoe.subject, self._seal.seal(shoe.subject, plain, mark))
            connection.execute("INSERT INTO device VALUES (?, ?, ?)", row)

    def find(self, device: DeviceId) -> EnrolledDevice | None:
        """The enrolled shoe, or None; also None as soon as its wearer's key is erased."""
        subject = self._subject_of(device)
        if subject is None:
            return None
        try:
            mark = self._mark(subject, device)
            row = self._database.row("SELECT sealed FROM device WHERE shoe = ?", (mark,))
            plain = None if row is None else self._seal.open(subject, row[0], mark)
        except SubjectGone:
            return None
        if plain is None:
            return None
        side, pair, sequence = _FIXED.unpack_from(plain)
        return EnrolledDevice(device, plain[_FIXED.size :], Side(side), pair, subject, sequence)

    def erase(self, subject: SubjectId) -> int:
        """Forget a subject's shoes; returns how many. Raises `STORE_BUSY`."""
        self._seal.forget(subject)
        with self._database.transaction() as connection:
            count = connection.execute("DELETE FROM device WHERE subject = ?", (subject,)).rowcount
        self._database.scrub()
        return int(count)

    def holds(self, subject: SubjectId) -> bool:
        """Is a shoe of this subject known?"""
        return self._database.row("SELECT 1 FROM device WHERE subject = ?", (subject,)) is not None

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _mark(self, subject: SubjectId, device: DeviceId) -> bytes:
        return self._seal.mark(subject, b"register/device/" + device)
