"""The store register: every place that holds something of a subject, and how each forgets it.

Order matters: keys first (the moment of erasure), then blocks (their CIDs are read from the record rows), then the
rows, then the identity map, then what others registered, such as an oracle's spool.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from protocol.quantities import Day, SubjectId
from vault.blocks import BlockStore
from vault.cids import Cid
from vault.database import Database
from vault.directory import SubjectDirectory, delete_owners
from vault.identity import IdentityMap
from vault.keys import KeyTree
from vault.paths import DEPTH, Path, leaf_range
from vault.segments import blocks_under
from vault.slots import Slots
from vault.standing import delete_orders


@dataclass(frozen=True, slots=True)
class ErasureTarget:
    """What is to be erased: key-tree prefixes, and the subject they belong to (None for a whole period)."""

    subject: SubjectId | None
    prefixes: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """A law that keeps something: its basis, a code of `vault.holds.bases`, and the last day it applies."""

    basis: str
    until: Day


class ErasableStore(Protocol):
    """A store that can forget. Every call may be repeated. A store that cannot be reached raises OSError."""

    name: str
    method: str
    """How it forgets, for the certificate."""
    proof: str
    """How `absent` makes sure, for the certificate."""

    def count(self, target: ErasureTarget) -> int:
        """How many entries of the target it holds."""

    def erase(self, target: ErasureTarget) -> Hold | None:
        """Delete them durably; a hold if something has to stay there by law."""

    def absent(self, target: ErasureTarget) -> bool:
        """Look again: is nothing left but what the hold covers?"""


@runtime_checkable
class HasMembers(Protocol):
    """A replicated store: it can also say how many entries each member holds."""

    def members(self, target: ErasureTarget) -> Mapping[str, int]:
        """Entries at each member."""


class KeyStore:
    """The keys: one epoch of the key tree."""

    name = "keys"
    method = "key tree re-keyed under a fresh root secret, the old one overwritten in place"
    proof = "no path leads to the keys, and the root slot holds the secret of the current epoch only"

    def __init__(self, keys: KeyTree, slots: Slots) -> None:
        self._keys = keys
        self._slots = slots

    def count(self, target: ErasureTarget) -> int:
        """Leaves that had been taken under the prefixes; a prefix that is a leaf counts as one."""
        return sum(1 if len(prefix) == DEPTH else self._slots.leaves_under(prefix) for prefix in target.prefixes)

    def erase(self, target: ErasureTarget) -> None:
        """One epoch, which also refreshes the keys not used yet."""
        self._keys.settle()
        if not self.absent(target):
            self._keys.erase(target.prefixes, self._slots.frontiers)

    def absent(self, target: ErasureTarget) -> bool:
        """Are all prefixes without a key?"""
        return all(self._keys.is_erased(prefix) for prefix in target.prefixes)


class SealedBlocks:
    """The ciphertext."""

    name = "blocks"

    def __init__(self, blocks: BlockStore, rows: Database) -> None:
        self._blocks = blocks
        self._rows = rows
        self.method = blocks.method
        self.proof = blocks.proof

    def count(self, target: ErasureTarget) -> int:
        """Blocks the record rows point to."""
        return len(self._cids(target))

    def members(self, target: ErasureTarget) -> dict[str, int]:
        """Blocks at each member. Refuses `STORE_UNREACHABLE`, naming the members that do not answer."""
        return self._blocks.count(self._cids(target))

    def erase(self, target: ErasureTarget) -> None:
        """Delete them at every member, and bar them from coming back."""
        cids = self._cids(target)
        self._blocks.delete(cids)
        self._blocks.bar(cids)

    def absent(self, target: ErasureTarget) -> bool:
        """Does the store hold none of them?"""
        return not self._blocks.has(self._cids(target))

    def _cids(self, target: ErasureTarget) -> list[Cid]:
        """The blocks of the records, and the segments of large ones; known without a key."""
        return [cid for prefix in target.prefixes for cid in blocks_under(self._rows, prefix)]


class RecordRows:
    """The rows: path, CID and salt mark; the owner rows; the standing orders."""

    name = "records"
    method = "rows deleted, their bytes overwritten in the file and its log"
    proof = "the ranges of the erased prefixes asked for again"

    def __init__(self, rows: Database, directory: SubjectDirectory) -> None:
        self._rows = rows
        self._directory = directory

    def count(self, target: ErasureTarget) -> int:
        """Record rows, one salt each."""
        return count_rows(self._rows, "record", target.prefixes)

    def erase(self, target: ErasureTarget) -> None:
        """Delete record and owner rows in one commit."""
        with self._rows.transaction():
            ranges = [leaf_range(prefix) for prefix in target.prefixes]
            self._rows.execute_many("DELETE FROM record WHERE id >= ? AND id < ?", ranges)
            self._rows.execute_many("DELETE FROM segment WHERE id >= ? AND id < ?", ranges)
            delete_owners(self._rows, target.prefixes)
            delete_orders(self._rows, target.prefixes)
        self._rows.checkpoint()
        self._directory.forget(target.prefixes)

    def absent(self, target: ErasureTarget) -> bool:
        """Is no row left?"""
        return not any(count_rows(self._rows, table, target.prefixes) for table in COUNTS)


class IdentityEntries:
    """Person, devices, collect credential."""

    name = "identity"
    method = "entries deleted, their bytes overwritten in the file and its log; the index in memory dropped"
    proof = "file and index asked for again"

    def __init__(self, identity: IdentityMap) -> None:
        self._identity = identity

    def count(self, target: ErasureTarget) -> int:
        """Entries under the prefixes."""
        return self._identity.count(target.prefixes)

    def erase(self, target: ErasureTarget) -> None:
        """Delete them."""
        self._identity.delete(target.prefixes)

    def absent(self, target: ErasureTarget) -> bool:
        """Is no entry left, on disk or in memory?"""
        return self._identity.count(target.prefixes) == 0 and target.subject not in self._identity


COUNTS = {
    "record": "SELECT count(*) FROM record WHERE id >= ? AND id < ?",
    "segment": "SELECT count(*) FROM segment WHERE id >= ? AND id < ?",
    "owner": "SELECT count(*) FROM owner WHERE id >= ? AND id < ?",
    "standing": "SELECT count(*) FROM standing WHERE leaf >= ? AND leaf < ?",
}


def count_rows(database: Database, table: str, prefixes: Sequence[Path]) -> int:
    """Rows of a table of `COUNTS` under prefixes."""
    return sum(int(database.value(COUNTS[table], leaf_range(prefix))) for prefix in prefixes)
