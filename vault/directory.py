"""Which subject slots belong to a subject: sealed owner rows on disk, an index in memory only.

The first leaf of every subject slot seals its owner and the slots the owner had then in other periods, so that an old
copy of the file tells nothing, not even that two slots belong to one person. The index is rebuilt at start, newest
period first: a row whose slot a newer row already named need not be opened.
"""

import json
from collections.abc import Callable, Iterator, Sequence

from protocol.canonical import canonical
from protocol.quantities import SubjectId
from vault.database import Database
from vault.errors import KeyErased, VaultError
from vault.keys import KeyTree
from vault.paths import PERIOD_DEPTH, SUBJECT_DEPTH, Path, leaf_index, leaf_path, leaf_range, record_path
from vault.payloads import Place, Purpose, seal, unseal

OWNER_SLOT = 0


class SubjectDirectory:
    """Subjects and their slots, one per period."""

    def __init__(self, database: Database, keys: KeyTree, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._keys = keys
        self._entropy = entropy
        self._slots: dict[SubjectId, dict[str, Path]] = {}
        self._owners: dict[str, SubjectId] = {}
        self.load()

    def load(self) -> None:
        """Read the owner rows again."""
        self._slots.clear()
        self._owners.clear()
        for index, sealed in self._database.rows("SELECT id, sealed FROM owner ORDER BY id DESC"):
            leaf = leaf_path(index)
            if leaf[:SUBJECT_DEPTH] not in self._owners:
                self._load_row(leaf, sealed)

    def _load_row(self, leaf: Path, sealed: bytes) -> None:
        try:
            row = json.loads(unseal(self._keys.key(leaf), self._place(leaf), sealed))
        except KeyErased:
            return
        for slot in (leaf[:SUBJECT_DEPTH], *row["others"]):
            if self._holds(slot):
                self._remember(SubjectId(bytes.fromhex(row["subject"])), Path(slot))

    def _holds(self, slot: str) -> bool:
        index = leaf_index(record_path(Path(slot), OWNER_SLOT))
        return self._database.value("SELECT 1 FROM owner WHERE id = ?", (index,)) is not None

    def _remember(self, subject: SubjectId, slot: Path) -> None:
        self._slots.setdefault(subject, {})[slot[:PERIOD_DEPTH]] = slot
        self._owners[slot] = subject

    def slot_of(self, subject: SubjectId, period: Path) -> Path | None:
        """The subject's slot in a period, if it has one."""
        return self._slots.get(subject, {}).get(period)

    def slots_of(self, subject: SubjectId) -> list[Path]:
        """All slots of a subject, oldest period first."""
        return [slot for _, slot in sorted(self._slots.get(subject, {}).items())]

    def owner_of(self, path: Path) -> SubjectId:
        """Whose slot holds this path. Raises `RECORD_UNKNOWN`."""
        subject = self._owners.get(path[:SUBJECT_DEPTH])
        if subject is None:
            raise VaultError("RECORD_UNKNOWN", "there is no such record", "it never was or was erased")
        return subject

    def sealed_owner(self, subject: SubjectId, slot: Path) -> tuple[int, bytes]:
        """The owner row of a slot that was just taken; the caller stores it, then calls `add`."""
        leaf = record_path(slot, OWNER_SLOT)
        plain = canonical({"others": list(self.slots_of(subject)), "subject": subject.hex()})
        return leaf_index(leaf), seal(self._keys.key(leaf), self._place(leaf), plain, self._entropy)

    def add(self, subject: SubjectId, slot: Path) -> None:
        """Remember a slot whose owner row is stored."""
        self._remember(subject, slot)

    def forget(self, prefixes: Sequence[Path]) -> None:
        """Drop what lies under erased prefixes from memory."""
        for slot in [slot for slot in self._owners if slot.startswith(tuple(prefixes))]:
            subject = self._owners.pop(slot)
            del self._slots[subject][slot[:PERIOD_DEPTH]]
            if not self._slots[subject]:
                del self._slots[subject]

    def __len__(self) -> int:
        """How many subjects have records."""
        return len(self._slots)

    def __iter__(self) -> Iterator[SubjectId]:
        """The subjects that have records."""
        return iter(tuple(self._slots))

    def _place(self, leaf: Path) -> Place:
        return Place(self._keys.vault_id, leaf, Purpose.OWNER)


def delete_owners(database: Database, prefixes: Sequence[Path]) -> None:
    """Delete the owner rows under prefixes; inside the caller's transaction."""
    database.execute_many("DELETE FROM owner WHERE id >= ? AND id < ?", [leaf_range(prefix) for prefix in prefixes])
