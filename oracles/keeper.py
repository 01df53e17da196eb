"""What the oracle needs of the vault's record keeper."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from oracles.pending import RecordId
from protocol.quantities import Day, Reference, SubjectId
from protocol.records import RecordKind


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be sealed."""

    subject: SubjectId
    kind: RecordKind
    day: Day
    record: Mapping[str, Any]


class Receipt(Protocol):
    """What comes back for a sealed record."""

    @property
    def record_id(self) -> RecordId:
        """The record's name in the vault."""
        ...

    @property
    def reference(self) -> Reference:
        """Its reference value."""
        ...


class ReferenceOpening(Protocol):
    """What opens a reference value."""

    @property
    def reference(self) -> Reference:
        """The reference value."""
        ...


class SealedRecord(Protocol):
    """A record found in the vault."""

    @property
    def record_id(self) -> RecordId:
        """The record's name in the vault."""
        ...

    @property
    def kind(self) -> RecordKind:
        """What it is."""
        ...

    @property
    def record(self) -> Mapping[str, Any]:
        """What was sealed."""
        ...

    @property
    def opening(self) -> ReferenceOpening:
        """What opens its reference value."""
        ...


class RecordKeeper(Protocol):
    """Seals records and finds what was sealed."""

    def seal_many(self, drafts: Sequence[Any], /) -> Sequence[Receipt]:
        """Seal drafts (see `Draft`) in one durable commit, all or none; receipts in their order."""
        ...

    def records_of(
        self, subject: SubjectId, kinds: Collection[RecordKind] | None = None, days: Collection[int] | None = None
    ) -> Iterable[SealedRecord]:
        """A subject's records of these kinds and days."""
        ...
