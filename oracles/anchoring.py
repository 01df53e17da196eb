"""Takes batches to the chain exactly once, and their proofs back to whoever keeps the records.

Built, anchored, proofs attached, finished: each step is written down before the next, and a batch found unfinished is
taken up where it stopped. Before a root is sent the chain is asked whether it has it already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from oracles.batches import Batch, BatchBuilder, HeldBack
from oracles.pending import RecordId
from protocol.errors import TideprintError
from protocol.quantities import Day
from protocol.references import Kind

GONE = frozenset({"RECORD_UNKNOWN", "KEY_ERASED", "SUBJECT_UNKNOWN"})
"""A keeper's codes for a record that was erased meanwhile: its leaf opens to nothing, and no proof is needed."""
LATER = frozenset({"ERASURE_UNDER_WAY"})


class Anchorer(Protocol):
    """Writes roots to the chain's `ReferenceRegistry`."""

    def anchor(self, kind: Kind, epoch: Day, root: bytes, count: int) -> int:
        """Anchor a root and wait until it is final; the anchor's number."""
        ...

    def anchor_of(self, kind: Kind, root: bytes) -> int | None:
        """Under which number the chain holds a root; None (or 0) if it does not."""
        ...


class ProofKeeper(Protocol):
    """Keeps a record's proof beside it. The same proof a second time must change nothing."""

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes], /) -> None:
        """Keep where a record's reference value was anchored."""
        ...


@dataclass(frozen=True, slots=True)
class AnchorReport:
    """What a run did for one kind."""

    anchored: tuple[Batch, ...]
    held: HeldBack | None = None
    """Set if what waits is below k."""


class Anchoring:
    """Composes builder, chain and keepers (one per kind)."""

    def __init__(self, builder: BatchBuilder, anchorer: Anchorer, keepers: Mapping[Kind, ProofKeeper]) -> None:
        self._builder = builder
        self._anchorer = anchorer
        self._keepers = keepers

    def run(self, kind: Kind, epoch: Day) -> AnchorReport:
        """Finish what an earlier run left, then batch and anchor what waits."""
        done = [self._take_up(batch) for batch in self._builder.unfinished(kind)]
        built = self._builder.build(kind, epoch)
        if isinstance(built, HeldBack):
            return AnchorReport(tuple(done), built)
        if built is not None:
            done.append(self._take_up(built))
        return AnchorReport(tuple(done))

    def _take_up(self, batch: Batch) -> Batch:
        anchor = batch.anchor
        if anchor is None:
            known = self._anchorer.anchor_of(batch.kind, batch.root)
            anchor = known or self._anchorer.anchor(batch.kind, batch.epoch, batch.root, batch.count)
            self._builder.anchored(batch.root, anchor)
        if self._attach_all(batch, anchor):
            self._builder.finish(batch.root)
        return Batch(batch.kind, batch.epoch, batch.root, batch.count, batch.placed, anchor)

    def _attach_all(self, batch: Batch, anchor: int) -> bool:
        """Hand over the proofs; False if some have to be tried again."""
        keeper = self._keepers[batch.kind]
        postponed = False
        for item in batch.placed:
            try:
                keeper.attach_proof(item.record_id, anchor, batch.root, item.proof)
            except TideprintError as error:
                if error.code in LATER:
                    postponed = True
                    continue
                if error.code not in GONE:
                    raise
            self._builder.attached([item.reference])
        return not postponed
