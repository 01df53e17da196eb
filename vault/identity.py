"""The identity map: person, devices and collect credential of each subject, in its own file under its own directory.

Every entry is sealed under the subject's own prefix of the key tree, so erasing the subject kills older copies as well.
On disk there is no index; person -> subject and device -> subject are built in memory when first asked for.
"""

import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from protocol.canonical import canonical
from protocol.quantities import DeviceId, SubjectId
from vault.database import Database
from vault.errors import KeyErased, VaultError
from vault.paths import (
    SUBJECT_DEPTH,
    TIMELESS_PERIOD,
    Path,
    leaf_index,
    leaf_path,
    leaf_range,
    period_path,
    record_path,
)
from vault.payloads import Place, Purpose, seal, unseal
from vault.slots import Slots
from vault.store_keys import SealingKeys

SUBJECT_SIZE = 16
STORE = "identity map"
"""How the key database calls this store."""
SCHEMA = """
CREATE TABLE entry(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('allocations', 0);
"""


@dataclass(frozen=True, slots=True)
class IdentityEntry:
    """Who a subject is. `collect_hash`: SHA-256 of the credential that collects vouchers, empty if there is none."""

    subject: SubjectId
    person: str
    devices: tuple[DeviceId, ...]
    collect_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class _Index:
    """All entries in memory."""

    entries: dict[SubjectId, tuple[Path, IdentityEntry]] = field(default_factory=dict)
    persons: dict[str, SubjectId] = field(default_factory=dict)
    devices: dict[DeviceId, SubjectId] = field(default_factory=dict)
    slots: dict[str, SubjectId] = field(default_factory=dict)

    def add(self, path: Path, entry: IdentityEntry) -> None:
        """Remember an entry that is stored."""
        self.entries[entry.subject] = (path, entry)
        self.persons[entry.person] = entry.subject
        self.devices.update(dict.fromkeys(entry.devices, entry.subject))
        self.slots[path[:SUBJECT_DEPTH]] = entry.subject

    def remove(self, prefixes: Sequence[Path]) -> None:
        """Forget the entries under prefixes; whole subject slots, the usual case, are looked up."""
        shorter = tuple(prefix for prefix in prefixes if len(prefix) < SUBJECT_DEPTH)
        under = {slot for slot in self.slots if slot.startswith(shorter)} if shorter else set()
        for slot in under.union(prefix for prefix in prefixes if prefix in self.slots):
            _, entry = self.entries.pop(self.slots.pop(slot))
            del self.persons[entry.person]
            for device in entry.devices:
                del self.devices[device]


class IdentityMap:
    """person <-> subject <-> devices."""

    def __init__(
        self,
        database: Database,
        keys: SealingKeys,
        slots: Slots,
        tenant: int,
        entropy: Callable[[int], bytes],
        may_serve: Callable[[], None],
    ) -> None:
        """`may_serve` raises while the vault is locked. Raises `KEYS_ROLLED_BACK`."""
        self._database = database
        self._keys = keys
        self._slots = slots
        self._period = period_path(tenant, TIMELESS_PERIOD)
        self._entropy = entropy
        self._may_serve = may_serve
        slots.compare(STORE, int(database.meta("allocations")))
        self._index: _Index | None = None

    def load(self) -> None:
        """Drop the index: the entries are read again when they are next needed."""
        with self._database.lock:
            self._index = None

    @property
    def _known(self) -> _Index:
        """The index; reads all entries the first time."""
        if self._index is None:
            with self._database.lock:
                if self._index is None:
                    self._index = self._read_all()
        return self._index

    def _read_all(self) -> _Index:
        index = _Index()
        for leaf, sealed in self._database.rows("SELECT id, sealed FROM entry ORDER BY id"):
            path = leaf_path(leaf)
            try:
                plain = unseal(self._keys.key(path), self._place(path), sealed)
            except KeyErased:
                continue
            index.add(path, _entry(plain))
        return index

    def enroll(self, person: str, devices: Sequence[bytes], collect_hash: bytes = b"") -> SubjectId:
        """A fresh random pseudonym for a person, durable. Nothing ties it to an erased one of the same person.

        Raises `PERSON_ENROLLED` or `DEVICE_ENROLLED`.
        """
        self._may_serve()
        with self._database.lock:
            if person in self._known.persons:
                raise VaultError("PERSON_ENROLLED", "this person is enrolled already", "use the subject that is there")
            self._check_devices(devices, None)
            subject = SubjectId(self._entropy(SUBJECT_SIZE))
            entry = IdentityEntry(subject, person, tuple(DeviceId(device) for device in devices), collect_hash)
            self._write(record_path(self._slots.new_subject(self._period, 1), 0), entry)
            return subject

    def add_device(self, subject: SubjectId, device: bytes) -> None:
        """Give a subject a further device. Raises `DEVICE_ENROLLED`, `SUBJECT_UNKNOWN`."""
        with self._database.lock:
            self._check_devices([device], subject)
            entry = self.entry_of(subject)
            self._update(replace(entry, devices=tuple(dict.fromkeys((*entry.devices, DeviceId(device))))))

    def set_collect_hash(self, subject: SubjectId, collect_hash: bytes) -> None:
        """Replace the hash of the collect credential. Raises `SUBJECT_UNKNOWN`."""
        with self._database.lock:
            self._update(replace(self.entry_of(subject), collect_hash=collect_hash))

    def entry_of(self, subject: SubjectId) -> IdentityEntry:
        """Everything the map knows of a subject. Raises `SUBJECT_UNKNOWN`."""
        self._may_serve()
        found = self._known.entries.get(subject)
        if found is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        return found[1]

    def person_of(self, subject: SubjectId) -> str:
        """Whose pseudonym it is. Raises `SUBJECT_UNKNOWN`."""
        return self.entry_of(subject).person

    def subject_of(self, person: str) -> SubjectId | None:
        """A person's pseudonym, if enrolled."""
        self._may_serve()
        return self._known.persons.get(person)

    def subject_of_credential(self, collect_hash: bytes) -> SubjectId | None:
        """Whose collect credential has this SHA-256, if anybody's. Compares all in constant time each."""
        self._may_serve()
        found = None
        for subject, (_, entry) in self._known.entries.items():
            if entry.collect_hash and hmac.compare_digest(entry.collect_hash, collect_hash):
                found = subject
        return found

    def subject_of_device(self, device: bytes) -> SubjectId | None:
        """Who wears a device, if anybody enrolled does."""
        self._may_serve()
        return self._known.devices.get(DeviceId(device))

    def slot_of(self, subject: SubjectId) -> Path | None:
        """The prefix under which a subject's entry is sealed."""
        found = self._known.entries.get(subject)
        return None if found is None else Path(found[0][:SUBJECT_DEPTH])

    def delete(self, prefixes: Sequence[Path]) -> None:
        """Delete the entries under erased prefixes, on disk and in memory."""
        ranges = [leaf_range(prefix) for prefix in prefixes]
        with self._database.lock:
            with self._database.transaction():
                self._database.execute_many("DELETE FROM entry WHERE id >= ? AND id < ?", ranges)
            self._database.checkpoint()
            if self._index is not None:
                self._index.remove(prefixes)

    def count(self, prefixes: Sequence[Path]) -> int:
        """How many entries lie under prefixes."""
        query = "SELECT count(*) FROM entry WHERE id >= ? AND id < ?"
        return sum(int(self._database.value(query, leaf_range(prefix))) for prefix in prefixes)

    def __contains__(self, subject: object) -> bool:
        """Is the subject enrolled?"""
        return subject in self._known.entries

    def __iter__(self) -> Iterator[SubjectId]:
        """The subjects that are enrolled."""
        return iter(tuple(self._known.entries))

    def __len__(self) -> int:
        """How many subjects are enrolled."""
        return len(self._known.entries)

    def _check_devices(self, devices: Sequence[bytes], subject: SubjectId | None) -> None:
        if any(self._known.devices.get(DeviceId(device), subject) != subject for device in devices):
            raise VaultError(
                "DEVICE_ENROLLED", "a device belongs to somebody already", "erase or release it there first"
            )

    def _update(self, entry: IdentityEntry) -> None:
        old, before = self._known.entries[entry.subject]
        for device in before.devices:
            del self._known.devices[device]
        slot = Path(old[:SUBJECT_DEPTH])
        self._write(record_path(slot, self._slots.take({slot: 1})[slot]), entry, old)

    def _write(self, path: Path, entry: IdentityEntry, old: Path | None = None) -> None:
        plain = canonical(
            {
                "collect": entry.collect_hash.hex(),
                "devices": [device.hex() for device in entry.devices],
                "person": entry.person,
                "subject": entry.subject.hex(),
            }
        )
        sealed = seal(self._keys.key(path), self._place(path), plain, self._entropy)
        with self._database.transaction():
            if old is not None:
                self._database.execute("DELETE FROM entry WHERE id = ?", (leaf_index(old),))
            self._database.execute("INSERT INTO entry VALUES (?, ?)", (leaf_index(path), sealed))
            stands = self._slots.allocations
            self._database.execute("UPDATE meta SET value = ? WHERE name = 'allocations'", (stands,))
        self._slots.heard(STORE, stands)
        self._known.add(path, entry)

    def _place(self, path: Path) -> Place:
        return Place(self._keys.vault_id, path, Purpose.IDENTITY)


def _entry(plain: bytes) -> IdentityEntry:
    found = json.loads(plain)
    devices = tuple(DeviceId(bytes.fromhex(device)) for device in found["devices"])
    subject = SubjectId(bytes.fromhex(found["subject"]))
    return IdentityEntry(subject, found["person"], devices, bytes.fromhex(found["collect"]))
