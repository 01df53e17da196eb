"""Gathers reference values into batches: one Merkle root a day and kind, in which nobody stands out.

A batch is built only if its leaves belong to at least k different subjects, which is stronger than k leaves; otherwise
everything waits and merges with the next. Leaves stand in the order of their hashes, which are random, and are padded
with random values to a power of two. Padding never counts.

A built batch is written down before anybody is told of it, so after a crash the same root is sent again, never another.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from oracles.database import Database
from oracles.pending import PendingReference, RecordId, insert_pending
from protocol.errors import RefusalCode
from protocol.merkle import Tree
from protocol.quantities import Day, Reference
from protocol.references import REFERENCE_SIZE, Kind

HASH_SIZE = 32


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
    """Builds batches from the pending references in the spool's database."""

    def __init__(self, database: Database, k_floor: int, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._database = database
        self._k_floor = k_floor
        self._entropy = entropy

    def add(self, references: Iterable[PendingReference]) -> None:
        """Queue references of any kind, durably; one that waits already is not queued twice."""
        with self._database.transaction() as write:
            insert_pending(write, references)

    def waiting(self, kind: Kind) -> tuple[int, int]:
        """How many references of a kind wait for a batch, and of how many subjects."""
        sql = "SELECT count(*), count(DISTINCT subject) FROM pending WHERE kind = ? AND root IS NULL"
        references, subjects = self._database.row(sql, (int(kind),))
        return references, subjects

    def build(self, kind: Kind, epoch: Day) -> Batch | HeldBack | None:
        """A batch of everything of this kind that waits; None if nothing does."""
        with self._database.transaction() as write:
            references, subjects = self.waiting(kind)
            if not references:
                return None
            if subjects < self._k_floor:
                return HeldBack(kind, epoch, subjects, self._k_floor)
            sql = "SELECT reference, record_id FROM pending WHERE kind = ? AND root IS NULL"
            rows = write.execute(sql, (int(kind),)).fetchall()
            tree = self._padded([Reference(row[0]) for row in rows])
            placed = tuple(PlacedReference(Reference(row[0]), row[1], tree.proof(Reference(row[0]))) for row in rows)
            batch = Batch(kind, epoch, tree.root, len(placed), placed)
            write.execute(
                "INSERT INTO batch (root, kind, epoch, count) VALUES (?, ?, ?, ?)",
                (batch.root, int(kind), epoch, batch.count),
            )
            write.executemany(
                "UPDATE pending SET root = ?, proof = ? WHERE reference = ?",
                [(batch.root, b"".join(item.proof), item.reference) for item in placed],
            )
        return batch

    def unfinished(self, kind: Kind | None = None) -> list[Batch]:
        """Batches that are built but not anchored, or whose proofs are not all handed over."""
        rows = self._database.rows(
            "SELECT root, kind, epoch, count, anchor FROM batch WHERE attached = 0 ORDER BY epoch"
        )
        batches = [
            Batch(Kind(row[1]), Day(row[2]), row[0], row[3], self._placed(row[0]), anchor=row[4]) for row in rows
        ]
        return [batch for batch in batches if kind is None or batch.kind is kind]

    def anchored(self, root: bytes, anchor: int) -> None:
        """Note under which number the chain holds the root."""
        with self._database.transaction() as write:
            write.execute("UPDATE batch SET anchor = ? WHERE root = ?", (anchor, root))

    def attached(self, references: Iterable[Reference]) -> None:
        """The keeper has these proofs: forget the references."""
        with self._database.transaction() as write:
            write.executemany("DELETE FROM pending WHERE reference = ?", [(reference,) for reference in references])

    def finish(self, root: bytes) -> None:
        """Nothing of this batch is left to do."""
        with self._database.transaction() as write:
            write.execute("UPDATE batch SET attached = 1 WHERE root = ?", (root,))

    def _padded(self, references: list[Reference]) -> Tree:
        size = 1 << (len(references) - 1).bit_length()
        padding = [Reference(self._entropy(REFERENCE_SIZE)) for _ in range(size - len(references))]
        return Tree.of([*references, *padding])

    def _placed(self, root: bytes) -> tuple[PlacedReference, ...]:
        rows = self._database.rows("SELECT reference, record_id, proof FROM pending WHERE root = ?", (root,))
        return tuple(PlacedReference(Reference(row[0]), row[1], _split(row[2])) for row in rows)


def _split(proof: bytes) -> tuple[bytes, ...]:
    return tuple(proof[at : at + HASH_SIZE] for at in range(0, len(proof), HASH_SIZE))
