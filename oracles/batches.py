"""Gathers reference values into batches: one Merkle root a day and kind, in which nobody stands out.

A batch is built only if its leaves belong to at least k different subjects, which is stronger than k leaves; otherwise
everything waits and merges with the next. Leaves stand in the order of their hashes, which are random, and are padded
with random values to a power of two. Padding never counts.

A built batch is written down before anybody is told of it, so after a crash the same root is sent again, never another.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from oracles.pending import PendingReference, PendingReferences, QueuedReference, RecordId
from protocol.errors import RefusalCode
from protocol.merkle import Tree
from protocol.quantities import Day, Reference
from protocol.references import REFERENCE_SIZE, Kind


@dataclass(frozen=True, slots=True)
class PlacedReference:
    """A reference value and how it leads to its batch's root."""

    reference: Reference
    record_id: RecordId
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is built; `placed` are those of its references whose keeper has not got the proof yet."""

    kind: Kind
    epoch: Day
    root: bytes
    count: int
    """Real leaves, without padding."""
    placed: tuple[PlacedReference, ...]
    anchor: int | None = None
    """The anchor's number on chain, once known."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Too few subjects: the references wait for the next batch."""

    kind: Kind
    epoch: Day
    subjects: int
    needed: int
    code: RefusalCode = RefusalCode.BATCH_BELOW_K


class BatchBuilder:
    """Builds batches from the pending references of a spool."""

    def __init__(
        self, pending: PendingReferences, k_floor: int, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._pending = pending
        self._database = pending.database
        self._k_floor = k_floor
        self._entropy = entropy

    def add(self, references: Iterable[PendingReference]) -> None:
        """Queue references of any kind, durably; one that waits already is not queued twice."""
        with self._database.transaction() as write:
            self._pending.insert(write, references)

    def waiting(self, kind: Kind) -> tuple[int, int]:
        """How many references of a kind wait for a batch, and of how many subjects."""
        waiting = self._pending.waiting(kind)
        return len(waiting), _subjects(waiting)

    def build(self, kind: Kind, epoch: Day) -> Batch | HeldBack | None:
        """A batch of everything of this kind that waits; None if nothing does."""
        with self._database.transaction() as write:
            waiting = self._pending.waiting(kind)
            if not waiting:
                return None
            if _subjects(waiting) < self._k_floor:
                return HeldBack(kind, epoch, _subjects(waiting), self._k_floor)
            tree = self._padded([queued.reference for queued in waiting])
            placed = [replace(queued, proof=tree.proof(queued.reference)) for queued in waiting]
            batch = Batch(kind, epoch, tree.root, len(placed), tuple(_placed(queued) for queued in placed))
            write.execute(
                "INSERT INTO batch (root, kind, epoch, count) VALUES (?, ?, ?, ?)",
                (batch.root, int(kind), epoch, batch.count),
            )
            self._pending.place(write, batch.root, placed)
        return batch

    def unfinished(self, kind: Kind | None = None) -> list[Batch]:
        """Batches that are built but not anchored, or whose proofs are not all handed over."""
        rows = self._database.rows(
            "SELECT root, kind, epoch, count, anchor FROM batch WHERE attached = 0 ORDER BY epoch"
        )
        batches = [
            Batch(Kind(row[1]), Day(row[2]), row[0], row[3], self._placed_under(row[0]), anchor=row[4]) for row in rows
        ]
        return [batch for batch in batches if kind is None or batch.kind is kind]

    def anchored(self, root: bytes, anchor: int) -> None:
        """Note under which number the chain holds the root."""
        with self._database.transaction() as write:
            write.execute("UPDATE batch SET anchor = ? WHERE root = ?", (anchor, root))

    def attached(self, references: Iterable[Reference]) -> None:
        """The keeper has these proofs: forget the references."""
        self._pending.remove(references)

    def finish(self, root: bytes) -> None:
        """Nothing of this batch is left to do."""
        with self._database.transaction() as write:
            write.execute("UPDATE batch SET attached = 1 WHERE root = ?", (root,))

    def _padded(self, references: list[Reference]) -> Tree:
        size = 1 << (len(references) - 1).bit_length()
        padding = [Reference(self._entropy(REFERENCE_SIZE)) for _ in range(size - len(references))]
        return Tree.of([*references, *padding])

    def _placed_under(self, root: bytes) -> tuple[PlacedReference, ...]:
        return tuple(_placed(queued) for queued in self._pending.under(root))


def _placed(queued: QueuedReference) -> PlacedReference:
    return PlacedReference(queued.reference, queued.record_id, queued.proof)


def _subjects(waiting: Iterable[QueuedReference]) -> int:
    return len({queued.subject for queued in waiting if queued.subject})
