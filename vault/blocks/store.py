"""What a block store is: sealed payloads by content identifier. It holds ciphertext only; deleting is housekeeping."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Protocol

from vault.cids import Cid, cid_of, cid_text
from vault.errors import StoreDamaged


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What `reconcile` did at one member: blocks removed because nothing wants them, and wanted ones brought back."""

    member: str
    removed: int
    brought: int


class BlockStore(Protocol):
    """What every block store does; `tests/vault/blocks/test_stores.py` holds each implementation to it.

    A store has one or more members, each with a copy of every block. What a member that cannot be asked leaves open is
    refused as `STORE_UNREACHABLE` with the names in the detail; the call may be repeated when it is back.
    """

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the members, for the certificate."""

    @property
    def method(self) -> str:
        """How it deletes, for the certificate."""

    @property
    def proof(self) -> str:
        """How `has` makes sure, for the certificate."""

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store blocks, durable when it returns. Storing one again changes nothing. Raises `BLOCK_DAMAGED` on a block
        that is not what its identifier says, and then stores none; `COPIES_TOO_FEW` if too few members took them."""

    def get(self, cid: Cid) -> bytes:
        """The block, checked against its identifier, from the first member that has it. Never asks beyond the members.
        Raises `BLOCK_MISSING`, `BLOCK_DAMAGED`, or `MEMBER_UNREACHABLE` if only a silent member may have it."""

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these any member holds. Every member is asked."""

    def count(self, cids: Iterable[Cid]) -> dict[str, int]:
        """How many of these each member holds, by member. Every member is asked."""

    def verify(self, cids: Iterable[Cid]) -> None:
        """Read every member's copy of each and hash it. Raises `BLOCK_MISSING` or `BLOCK_DAMAGED`."""

    def delete(self, cids: Iterable[Cid]) -> int:
        """Delete blocks durably at every member; returns how many there were. Absent ones are fine. Members that can
        be reached have deleted even if it refuses `STORE_UNREACHABLE` for the others."""

    def bar(self, cids: Iterable[Cid]) -> None:
        """Never take these again, as far as the store can promise it. Call it when they are erased and gone."""

    def reconcile(self, wanted: Set[Cid]) -> list[Reconciled]:
        """Make every member hold exactly the wanted blocks: what a restored disk brought back goes, what a member
        missed comes. No other call may be under way."""

    def collect_garbage(self) -> None:
        """Housekeeping of the night; changes nothing that is wanted."""

    def __iter__(self) -> Iterator[Cid]:
        """All identifiers that any member holds, in no order that tells when a block came."""

    def close(self) -> None:
        """Release the store."""


def check_block(cid: Cid, block: bytes) -> bytes:
    """The block, or `BLOCK_DAMAGED` if it is not what its identifier says."""
    if cid_of(block) != cid:
        hint = "fetch the block from a member that replicates it"
        raise StoreDamaged("BLOCK_DAMAGED", f"{cid_text(cid)} does not hash to its identifier", hint)
    return block


def missing(cid: Cid) -> StoreDamaged:
    """What to raise for a block that no member has."""
    hint = "the record cannot be opened until its block is back"
    return StoreDamaged("BLOCK_MISSING", f"{cid_text(cid)} is not in the store", hint)
