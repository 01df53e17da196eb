"""The shoes an oracle knows: key, side, pair and whose pseudonym. A store of the erasure register.

Who the pseudonym is, only the identity store of the vault can say.
"""

from pathlib import Path

from oracles.database import Database
from oracles.devices import EnrolledDevice
from oracles.errors import OracleError
from protocol.minutes import Side, public_key_of
from protocol.quantities import DeviceId, SubjectId

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (
    device BLOB PRIMARY KEY, public_key BLOB NOT NULL, side INTEGER NOT NULL, pair BLOB NOT NULL,
    subject BLOB NOT NULL, enrolled_sequence INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS device_subject ON device (subject);
"""
_COLUMNS = "device, public_key, side, pair, subject, enrolled_sequence"


class ShoeRegister:
    """Enrolled shoes in one SQLite file."""

    name = "shoe-register"

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def enroll(self, shoe: EnrolledDevice) -> None:
        """Remember a shoe, durably. Raises `DEVICE_ENROLLED` or `DEVICE_KEY_INVALID`."""
        public_key_of(shoe.public_key)
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM device WHERE device = ?", (shoe.device,)).fetchone():
                raise OracleError("DEVICE_ENROLLED", "this shoe belongs to somebody already", "release it there first")
            row = (shoe.device, shoe.public_key, int(shoe.side), shoe.pair, shoe.subject, shoe.enrolled_sequence)
            connection.execute(f"INSERT INTO device({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608

    def find(self, device: DeviceId) -> EnrolledDevice | None:
        """The enrolled shoe, or None."""
        row = self._database.row(f"SELECT {_COLUMNS} FROM device WHERE device = ?", (device,))  # noqa: S608
        if row is None:
            return None
        found, key, side, pair, subject, sequence = row
        return EnrolledDevice(DeviceId(found), key, Side(side), pair, SubjectId(subject), sequence)

    def erase(self, subject: SubjectId) -> int:
        """Forget a subject's shoes; returns how many."""
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
