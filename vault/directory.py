"""Which subject slots belong to a subject: sealed owner rows on disk, an index in memory only.

The first leaf of every subject slot seals its owner and the slots the owner had then in other periods, so that an old
copy of the file tells nothing, not even that two slots belong to one person. The index is built when a subject's slots
are first asked for, newest period first: a row whose slot a newer row already named need not be opened. Whose record it
is needs the one row of its slot only.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from protocol.canonical import canonical
from protocol.quantities import SubjectId
from vault.database import Database
from vault.errors import KeyErased, VaultError
from vault.paths import PERIOD_DEPTH, SUBJECT_DEPTH, Path, leaf_index, leaf_path, leaf_range, record_path
from vault.payloads import Place, Purpose, seal, unseal
from vault.store_keys import SealingKeys

OWNER_SLOT = 0


class SubjectDirectory:
    """Subjects and their slots, one per period."""

    def __init__(self, database: Database, keys: SealingKeys, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._keys = keys
        self._entropy = entropy
        self._slots: dict[SubjectId, dict[str, Path]] | None = None
        self._owners: dict[str, SubjectId] = {}

    def load(self) -> None:
        """Drop the index: the owner rows are read again when they are next needed."""
        with self._database.lock:
            self._slots = None
            self._owners.clear()

    def _index(self) -> dict[SubjectId, dict[str, Path]]:
        """Every subject's slots by period; reads all owner rows the first time."""
        if self._slots is None:
            with self._database.lock:
                if self._slots is None:
                    self._slots = self._read_all()
        return self._slots

    def _read_all(self) -> dict[SubjectId, dict[str, Path]]:
        found: dict[SubjectId, dict[str, Path]] = {}
        owners: dict[str, SubjectId] = {}
        rows = self._database.rows("SELECT id, sealed FROM owner ORDER BY id DESC")
        there = {index for index, _ in rows}
        for index, sealed in rows:
            leaf = leaf_path(index)
            row = None if leaf[:SUBJECT_DEPTH] in owners else self._open_row(leaf, sealed)
            if row is not None:
                for slot in (leaf[:SUBJECT_DEPTH], *row["others"]):
                    if leaf_index(record_path(slot, OWNER_SLOT)) in there:
                        subject = owners[slot] = SubjectId(bytes.fromhex(row["subject"]))
                        found.setdefault(subject, {})[slot[:PERIOD_DEPTH]] = Path(slot)
        self._owners = owners
        return found

    def _open_row(self, leaf: Path, sealed: bytes) -> dict[str, Any] | None:
        """What an owner row says, or None if its key is destroyed."""
        try:
            row: dict[str, Any] = json.loads(unseal(self._keys.key(leaf), self._place(leaf), sealed))
        except KeyErased:
            return None
        return row

    def slot_of(self, subject: SubjectId, period: Path) -> Path | None:
        """The subject's slot in a period, if it has one."""
        return self._index().get(subject, {}).get(period)

    def slots_of(self, subject: SubjectId) -> list[Path]:
        """All slots of a subject, oldest period first."""
        return [slot for _, slot in sorted(self._index().get(subject, {}).items())]

    def owner_of(self, path: Path) -> SubjectId:
        """Whose slot holds this path. Raises `RECORD_UNKNOWN`."""
        subject = self._owners.get(path[:SUBJECT_DEPTH])
        if subject is None and self._slots is None:
            subject = self._read_owner(Path(path[:SUBJECT_DEPTH]))
        if subject is None:
            raise VaultError("RECORD_UNKNOWN", "there is no such record", "it never was or was erased")
        return subject

    def _read_owner(self, slot: Path) -> SubjectId | None:
        """The owner of one slot from its row, while there is no index."""
        leaf = record_path(slot, OWNER_SLOT)
        with self._database.lock:
            sealed = self._database.value("SELECT sealed FROM owner WHERE id = ?", (leaf_index(leaf),))
            row = None if sealed is None else self._open_row(leaf, sealed)
            if row is None:
                return None
            subject = self._owners[slot] = SubjectId(bytes.fromhex(row["subject"]))
        return subject

    def sealed_owner(self, subject: SubjectId, slot: Path) -> tuple[int, bytes]:
        """The owner row of a slot that was just taken; the caller stores it, then calls `add`."""
        leaf = record_path(slot, OWNER_SLOT)
        plain = canonical({"others": list(self.slots_of(subject)), "subject": subject.hex()})
        return leaf_index(leaf), seal(self._keys.key(leaf), self._place(leaf), plain, self._entropy)

    def add(self, subject: SubjectId, slot: Path) -> None:
        """Remember a slot whose owner row is stored."""
        self._index().setdefault(subject, {})[slot[:PERIOD_DEPTH]] = slot
        self._owners[slot] = subject

    def forget(self, prefixes: Sequence[Path]) -> None:
        """Drop what lies under erased prefixes from memory."""
        for slot in self._slots_under(prefixes):
            subject = self._owners.pop(slot)
            if self._slots is not None:
                del self._slots[subject][slot[:PERIOD_DEPTH]]
                if not self._slots[subject]:
                    del self._slots[subject]

    def _slots_under(self, prefixes: Sequence[Path]) -> list[str]:
        """Slots in memory under prefixes; whole subject slots, the usual case, are looked up."""
        shorter = tuple(prefix for prefix in prefixes if len(prefix) < SUBJECT_DEPTH)
        found = {slot for slot in self._owners if slot.startswith(shorter)} if shorter else set()
        return sorted(found.union(prefix for prefix in prefixes if prefix in self._owners))

    def __len__(self) -> int:
        """How many subjects have records."""
        return len(self._index())

    def __iter__(self) -> Iterator[SubjectId]:
        """The subjects that have records."""
        return iter(tuple(self._index()))

    def _place(self, leaf: Path) -> Place:
        return Place(self._keys.vault_id, leaf, Purpose.OWNER)


def delete_owners(database: Database, prefixes: Sequence[Path]) -> None:
    """Delete the owner rows under prefixes; inside the caller's transaction."""
    database.execute_many("DELETE FROM owner WHERE id >= ? AND id < ?", [leaf_range(prefix) for prefix in prefixes])
