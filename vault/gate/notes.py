"""What the institution notes about a patient: who can consent, and whether a physician holds the records back.

A row stands under the path of the patient's identity entry, which is sealed, and goes when the patient is erased.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from protocol.quantities import SubjectId
from vault import paths
from vault.database import Database
from vault.documents import Standing
from vault.errors import VaultError
from vault.path_rows import PathRows

_SCHEMA = "CREATE TABLE notes (slot TEXT PRIMARY KEY, standing TEXT NOT NULL, hold INTEGER NOT NULL) WITHOUT ROWID;"


@dataclass(frozen=True, slots=True)
class Note:
    """What is noted of one patient."""

    standing: Standing = Standing.ADULT
    hold: bool = False


class PatientNotes:
    """The notes in one SQLite file. `erasable` belongs into the vault's store register."""

    def __init__(self, path: Path, slot_of: Callable[[SubjectId], paths.Path | None], *, create: bool = False) -> None:
        """`slot_of`: where a person's identity entry is sealed, None for nobody; `IdentityMap.slot_of` is one."""
        self._database = Database(path, _SCHEMA, create=create)
        self._slot_of = slot_of
        self.erasable = PathRows("patient notes", self._database, {"notes": "slot"})

    def of(self, subject: SubjectId) -> Note:
        """What is noted of a patient; an adult without a hold if nothing is."""
        rows = self._database.rows("SELECT standing, hold FROM notes WHERE slot = ?", (self._slot_of(subject),))
        return Note(Standing(rows[0][0]), bool(rows[0][1])) if rows else Note()

    def hold(self, subject: SubjectId) -> None:
        """A physician holds the records back from relatives and agents. Raises `SUBJECT_UNKNOWN`."""
        self._write(subject, replace(self.of(subject), hold=True))

    def lift_hold(self, subject: SubjectId) -> None:
        """The physician lets go. Raises `SUBJECT_UNKNOWN`."""
        self._write(subject, replace(self.of(subject), hold=False))

    def set_standing(self, subject: SubjectId, standing: Standing) -> None:
        """Note who can consent for the patient. Raises `SUBJECT_UNKNOWN`."""
        self._write(subject, replace(self.of(subject), standing=standing))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _write(self, subject: SubjectId, note: Note) -> None:
        slot = self._slot_of(subject)
        if slot is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (slot, note.standing, note.hold))
