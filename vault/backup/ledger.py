"""Which backups were taken, and the recovery debt: epochs that no backup holds.

The root row changes in every epoch and old root secrets are overwritten. So what was not shipped since the last epoch
cannot be opened after a loss: not only the last changes, all of it.
"""

import json
from collections.abc import Mapping

from protocol.quantities import Seconds
from vault.database import Database
from vault.errors import VaultError

SCHEMA = """
CREATE TABLE backup(
    number INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, since INTEGER, at INTEGER NOT NULL, marks TEXT NOT NULL
);
"""


class BackupLedger:
    """The table of backups in the control database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_number(self) -> int:
        """The number of the next backup."""
        return int(self._database.value("SELECT coalesce(max(number), 0) + 1 FROM backup"))

    def add(self, number: int, epoch: int, since: int | None, at: Seconds, marks: Mapping[str, int]) -> None:
        """Write down a backup that is durable."""
        row = (number, epoch, since, at, json.dumps(dict(marks)))
        self._database.execute("INSERT INTO backup VALUES (?, ?, ?, ?, ?)", row)

    def marks(self, epoch: int) -> dict[str, int]:
        """How far the journals stood at the first backup of an epoch. Raises `BACKUP_UNKNOWN`."""
        text = self._database.value("SELECT marks FROM backup WHERE epoch = ? ORDER BY number", (epoch,))
        if text is None:
            known = ", ".join(str(each) for each in self.epochs()[-5:]) or "none"
            hint = f"take a full one, or changes since one of: {known}"
            raise VaultError("BACKUP_UNKNOWN", f"no backup of epoch {epoch} is known", hint)
        found: dict[str, int] = json.loads(text)
        return found

    def epochs(self) -> list[int]:
        """Epochs of which there is a backup, ascending."""
        return [epoch for (epoch,) in self._database.rows("SELECT DISTINCT epoch FROM backup ORDER BY epoch")]

    def debt(self, epoch: int) -> int:
        """Epochs up to this one that no backup holds."""
        last = self._database.value("SELECT max(epoch) FROM backup")
        return epoch + 1 if last is None else max(0, epoch - int(last))

    def forget_before(self, number: int) -> dict[str, int]:
        """Forget backups older than the last full one before `number`; how far the journals may be pruned."""
        query = "SELECT max(number) FROM backup WHERE since IS NULL AND number < ?"
        base = self._database.value(query, (number,))
        if base is None:
            return {}
        self._database.execute("DELETE FROM backup WHERE number < ?", (base,))
        found: dict[str, int] = json.loads(self._database.value("SELECT marks FROM backup WHERE number = ?", (base,)))
        return found
