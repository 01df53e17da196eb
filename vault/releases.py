"""Releases: what is handed over, the patient's receipt for it, and the durable count of what each consent allowed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, Reference, Seconds, SubjectId
from protocol.rules import DataClass
from vault.database import Database
from vault.envelope import RecordId
from vault.path_rows import PathRows

_SCHEMA = """
CREATE TABLE uses (consent TEXT PRIMARY KEY, used INTEGER NOT NULL CHECK (used >= 0)) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Release:
    """What one allowed request hands over."""

    receipt: RecordId
    """The patient's sealed receipt."""
    reference: Reference
    """The receipt's reference value; it goes into the daily AUDIT batch."""
    subject: SubjectId
    data_class: DataClass
    at: Seconds
    days: tuple[Mapping[str, Any], ...]
    """One map per day record, oldest first: `day` and the fields asked for."""


def filtered(days: Iterable[tuple[Day, Mapping[str, Any]]], fields: Iterable[str]) -> tuple[Mapping[str, Any], ...]:
    """Day records cut down to some fields, oldest first."""
    wanted = tuple(fields)
    ordered = sorted(days, key=lambda each: each[0])
    return tuple({"day": day} | {name: record[name] for name in wanted if name in record} for day, record in ordered)


class ReleaseBook:
    """Uses per consent in one SQLite file, by the record id of its terms. `erasable` belongs into the store register.

    The id on chain does not stand here: an old copy of the file must not tie several consents of one person together.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._database = Database(path, _SCHEMA, create=create)
        self.erasable = PathRows("release counts", self._database, {"uses": "consent"})

    def used(self, consent: RecordId) -> int:
        """How many releases a consent has allowed."""
        return int(self._database.value("SELECT used FROM uses WHERE consent = ?", (consent,)) or 0)

    def take(self, consent: RecordId, limit: int) -> None:
        """Count one use durably, before anything is handed over. `limit` 0 means none.

        Refuses `USES_EXHAUSTED`, also to the second of two that ask at once.
        """
        taken = self._database.execute(
            "INSERT INTO uses VALUES (?, 1)"
            " ON CONFLICT (consent) DO UPDATE SET used = used + 1 WHERE ? = 0 OR used < ?",
            (consent, limit, limit),
        ).rowcount
        if not taken:
            hint = "the patient may give a new one"
            raise Refusal(RefusalCode.USES_EXHAUSTED, "the consent was for fewer releases", hint)

    def give_back(self, consent: RecordId) -> None:
        """Undo one use after which nothing was handed over."""
        self._database.execute("UPDATE uses SET used = used - 1 WHERE consent = ?", (consent,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
