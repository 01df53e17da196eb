"""Sealed records: a row holds a path, a CID and a salt mark; everything that says something is inside the ciphertext.

A record takes two neighbouring leaves of its subject's slot: the even one for the record, the odd one for the proof of
its anchor. The owner row has the first leaf. Slots are taken durably before a key is used, then blocks are stored, then
rows: a crash in between leaves unused slots or unreferenced ciphertext, never a row without its block.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from protocol.canonical import canonical
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, Salt, SubjectId
from protocol.records import RecordKind
from protocol.references import SALT_SIZE, Opening
from vault.blocks import BlockStore
from vault.cids import Cid, cid_of
from vault.database import Database
from vault.directory import SubjectDirectory
from vault.envelope import Draft, OpenedRecord, Receipt, RecordId, pack, salt_mark, unpack
from vault.errors import StoreDamaged, StoreUnavailable, VaultError
from vault.paths import (
    DEPTH,
    Path,
    leaf_index,
    leaf_path,
    leaf_range,
    parse,
    period_of,
    period_path,
    record_path,
    subject_path,
    tenant_path,
)
from vault.payloads import Place, Purpose, seal, unseal
from vault.segments import is_large, open_segments, seal_segments
from vault.slots import Slots
from vault.store_keys import SealingKeys

LEAVES_PER_RECORD = 2
STORE = "records"
"""How the key database calls this store."""

SCHEMA = """
CREATE TABLE record(id INTEGER PRIMARY KEY, cid BLOB NOT NULL, salt_mark BLOB NOT NULL UNIQUE);
CREATE TABLE segment(id INTEGER, position INTEGER, cid BLOB NOT NULL, PRIMARY KEY(id, position)) WITHOUT ROWID;
CREATE TABLE owner(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO meta VALUES ('allocations', 0);
"""


@dataclass(frozen=True, slots=True)
class AnchorProof:
    """Where a record's reference value was anchored: the anchor's number, its Merkle root, the sibling hashes."""

    record_id: RecordId
    anchor_id: int
    root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class RecordShelf:
    """What a record keeper works with."""

    database: Database
    blocks: BlockStore
    keys: SealingKeys
    slots: Slots
    directory: SubjectDirectory
    tenant: int
    entropy: Callable[[int], bytes]


class RecordKeeper:
    """Seals records and opens them. Whoever may see one is decided elsewhere, before."""

    def __init__(self, shelf: RecordShelf, may_use: Callable[[SubjectId, Path], None]) -> None:
        """`may_use` raises when a subject is unknown, it or the path is being erased, or the vault is locked."""
        self._shelf = shelf
        self._may_use = may_use
        shelf.slots.compare(STORE, int(shelf.database.meta("allocations")))

    def seal(self, subject: SubjectId, kind: RecordKind, day: Day, record: Mapping[str, Any]) -> Receipt:
        """Seal one record, durably. See `seal_many`."""
        return self.seal_many([Draft(subject, kind, day, record)])[0]

    def seal_many(self, drafts: Sequence[Draft]) -> list[Receipt]:
        """Seal records in one durable commit; receipts in the order of the drafts.

        Raises `NOT_CANONICAL`, `PAYLOAD_TOO_LARGE`, `KEY_ERASED` (the period's retention ended), `SLOTS_EXHAUSTED`;
        refuses `SALT_WEAK` and `SALT_REUSED`. Nothing is kept of a call that raises.
        """
        if not drafts:
            return []
        with self._shelf.database.lock:
            wanted = self._wanted(drafts)
            openings = [self._commit_to(draft) for draft in drafts]
            slots, owners = self._slots_for(wanted)
            leaves = {slot: LEAVES_PER_RECORD * count for slot, count in Counter((*slots, *owners)).items()}
            free = self._shelf.slots.take(leaves)
            for slot in owners:
                free[slot] += LEAVES_PER_RECORD
            placed = []
            for draft, opening, slot in zip(drafts, openings, slots, strict=True):
                placed.append((record_path(slot, free[slot]), pack(draft, opening), opening))
                free[slot] += LEAVES_PER_RECORD
            return self._store(placed, owners)

    def _wanted(self, drafts: Sequence[Draft]) -> list[tuple[SubjectId, Path]]:
        """Subject and period of every draft, each pair checked for use."""
        periods = {day: self._period_of(day) for day in {draft.day for draft in drafts}}
        wanted = [(draft.subject, periods[draft.day]) for draft in drafts]
        for subject, period in dict.fromkeys(wanted):
            self._may_use(subject, period)
        return wanted

    def _period_of(self, day: Day) -> Path:
        return period_path(self._shelf.tenant, period_of(day))

    def _commit_to(self, draft: Draft) -> Opening:
        salt = Salt(self._shelf.entropy(SALT_SIZE))
        return Opening(draft.kind.reference_kind, salt, canonical(draft.record))

    def _slots_for(self, wanted: Sequence[tuple[SubjectId, Path]]) -> tuple[list[Path], dict[Path, SubjectId]]:
        """The subject slot for every pair of subject and period, and the owners of those that are new."""
        found = {pair: self._shelf.directory.slot_of(*pair) for pair in dict.fromkeys(wanted)}
        known = {pair: slot for pair, slot in found.items() if slot is not None}
        owners = {}
        missing = [pair for pair in found if pair not in known]
        firsts = self._shelf.slots.take(Counter(period for _, period in missing)) if missing else {}
        for subject, period in missing:
            fresh = known[subject, period] = subject_path(period, firsts[period])
            firsts[period] += 1
            owners[fresh] = subject
        return [known[pair] for pair in wanted], owners

    def _store(self, placed: Sequence[tuple[Path, bytes, Opening]], owners: Mapping[Path, SubjectId]) -> list[Receipt]:
        shelf = self._shelf
        receipts, rows = [], []
        blocks: dict[Cid, bytes] = {}
        segments: list[tuple[int, int, Cid]] = []
        for path, payload, opening in placed:
            cid = self._seal_payload(path, payload, blocks, segments)
            rows.append((leaf_index(path), cid, salt_mark(opening.salt)))
            receipts.append(Receipt(RecordId(path), opening.reference, cid))
        sealed_owners = [shelf.directory.sealed_owner(subject, slot) for slot, subject in owners.items()]
        self._insert(rows, segments, sealed_owners, blocks)
        for slot, subject in owners.items():
            shelf.directory.add(subject, slot)
        return receipts

    def _seal_payload(
        self, path: Path, payload: bytes, blocks: dict[Cid, bytes], segments: list[tuple[int, int, Cid]]
    ) -> Cid:
        """The block a row points to: added to `blocks`, or stored at once with all segments if it is a manifest."""
        shelf, key, place = self._shelf, self._shelf.keys.key(path), self._place(path)
        if is_large(len(payload)):
            large = seal_segments(key, place, BytesIO(payload), len(payload), shelf.blocks, shelf.entropy)
            segments.extend((leaf_index(path), position, cid) for position, cid in enumerate(large.segments))
            return large.manifest
        block = seal(key, place, payload, shelf.entropy)
        cid = cid_of(block)
        blocks[cid] = block
        return cid

    def _insert(
        self,
        rows: Sequence[tuple[int, Cid, bytes]],
        segments: Sequence[tuple[int, int, Cid]],
        owners: Sequence[tuple[int, bytes]],
        blocks: Mapping[Cid, bytes],
    ) -> None:
        """Rows in one commit, which comes after the blocks are durable; a salt or slot used before undoes all."""
        shelf, stands = self._shelf, self._shelf.slots.allocations
        try:
            with shelf.database.transaction():
                shelf.database.execute_many("INSERT INTO record VALUES (?, ?, ?)", rows)
                shelf.database.execute_many("INSERT INTO segment VALUES (?, ?, ?)", segments)
                shelf.database.execute_many("INSERT INTO owner VALUES (?, ?)", owners)
                query = "UPDATE meta SET value = ? WHERE name = 'allocations'"
                shelf.database.execute(query, (stands,))
                shelf.blocks.put(blocks)
        except sqlite3.IntegrityError as error:
            if "salt_mark" in str(error):
                hint = "the random generator repeats itself: stop this machine"
                raise Refusal(RefusalCode.SALT_REUSED, "a salt came a second time", hint) from error
            hint = "bring back the key database of the same moment; nothing was overwritten"
            raise StoreUnavailable("KEYS_ROLLED_BACK", "a slot is taken already", hint) from error
        shelf.slots.heard(STORE, stands)

    def open(self, record_id: RecordId) -> OpenedRecord:
        """Open one record. Raises `RECORD_UNKNOWN` (never there or erased), `ERASURE_UNDER_WAY`, or what is damaged."""
        path = parse(record_id)
        if len(path) != DEPTH:
            raise VaultError("PATH_INVALID", "a record id has 14 hex digits")
        subject = self._shelf.directory.owner_of(path)
        self._may_use(subject, path)
        cid = self._shelf.database.value("SELECT cid FROM record WHERE id = ?", (leaf_index(path),))
        if cid is None:
            raise VaultError("RECORD_UNKNOWN", "there is no such record", "it never was or was erased")
        return self._open_row(path, subject, cid)

    def _open_row(self, path: Path, subject: SubjectId, cid: Cid) -> OpenedRecord:
        return unpack(RecordId(path), subject, self._payload(path, cid))

    def _payload(self, path: Path, cid: Cid) -> bytes:
        key, place, blocks = self._shelf.keys.key(path), self._place(path), self._shelf.blocks
        try:
            return unseal(key, place, blocks.get(cid))
        except StoreDamaged:
            query = "SELECT 1 FROM segment WHERE id = ? LIMIT 1"
            if self._shelf.database.value(query, (leaf_index(path),)) is None:
                raise
        return b"".join(open_segments(key, place, cid, blocks))

    def records_of(
        self, subject: SubjectId, kinds: Collection[RecordKind] | None = None, days: Collection[int] | None = None
    ) -> Iterator[OpenedRecord]:
        """A subject's records, oldest period first, in the order sealed; only these kinds and days if given."""
        self._may_use(subject, tenant_path(self._shelf.tenant))
        periods = None if days is None else {self._period_of(Day(day)) for day in days}
        for slot in self._shelf.directory.slots_of(subject):
            if periods is not None and not slot.startswith(tuple(periods)):
                continue
            query = "SELECT id, cid FROM record WHERE id >= ? AND id < ? ORDER BY id"
            for index, cid in self._shelf.database.rows(query, leaf_range(slot)):
                self._may_use(subject, slot)
                found = self._open_row(leaf_path(index), subject, cid)
                if (kinds is None or found.kind in kinds) and (days is None or found.day in days):
                    yield found

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep where a record's reference value was anchored. See `attach_proofs`."""
        self.attach_proofs([AnchorProof(record_id, anchor_id, root, tuple(proof))])

    def attach_proofs(self, proofs: Sequence[AnchorProof]) -> None:
        """Seal anchor proofs beside their records, in one durable commit. The same proof again changes nothing.

        Raises `PROOF_ATTACHED` if a record has another proof already.
        """
        with self._shelf.database.lock:
            placed = []
            for proof in proofs:
                owner = self.open(proof.record_id)
                known = self.proof_of(proof.record_id)
                if known is not None and known != proof:
                    raise VaultError("PROOF_ATTACHED", "this record has another proof", "one anchor per record")
                if known is None:
                    draft = Draft(owner.subject, RecordKind.PROOF, owner.day, _proof_record(proof))
                    opening = self._commit_to(draft)
                    placed.append((_proof_path(proof.record_id), pack(draft, opening), opening))
            if placed:
                self._store(placed, {})

    def proof_of(self, record_id: RecordId) -> AnchorProof | None:
        """Where a record was anchored, or None while it was not."""
        path = _proof_path(record_id)
        if self._shelf.database.value("SELECT 1 FROM record WHERE id = ?", (leaf_index(path),)) is None:
            return None
        found = self.open(RecordId(path)).record
        hashes = tuple(bytes.fromhex(sibling) for sibling in found["proof"])
        return AnchorProof(record_id, found["anchor"], bytes.fromhex(found["root"]), hashes)

    def _place(self, path: Path) -> Place:
        return Place(self._shelf.keys.vault_id, path, Purpose.RECORD)


def _proof_path(record_id: RecordId) -> Path:
    index = leaf_index(parse(record_id))
    if index % LEAVES_PER_RECORD:
        raise VaultError("PATH_INVALID", "a proof has no proof of its own")
    return leaf_path(index + 1)


def _proof_record(proof: AnchorProof) -> dict[str, Any]:
    return {
        "anchor": proof.anchor_id,
        "proof": [sibling.hex() for sibling in proof.proof],
        "record": proof.record_id,
        "root": proof.root.hex(),
    }
