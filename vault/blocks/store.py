"""What a block store is: sealed payloads by content identifier. It holds ciphertext only; deleting is housekeeping."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from vault.cids import Cid, cid_of, cid_text
from vault.errors import StoreDamaged


class BlockStore(Protocol):
    """What every block store does; `tests/vault/blocks/test_stores.py` holds each implementation to it."""

    def put(self, blocks: Mapping[Cid, bytes]) -> None:
        """Store blocks, durable when it returns. Storing one again changes nothing. Raises `BLOCK_DAMAGED` on a block
        that is not what its identifier says, and then stores none."""

    def get(self, cid: Cid) -> bytes:
        """The block, checked against its identifier. Raises `BLOCK_MISSING` or `BLOCK_DAMAGED`."""

    def has(self, cids: Iterable[Cid]) -> set[Cid]:
        """Which of these the store holds."""

    def delete(self, cids: Iterable[Cid]) -> int:
        """Delete blocks durably; returns how many there were. Absent ones are fine."""

    def __iter__(self) -> Iterator[Cid]:
        """All identifiers, in no order that tells when a block came."""

    def close(self) -> None:
        """Release the store."""


def check_block(cid: Cid, block: bytes) -> bytes:
    """The block, or `BLOCK_DAMAGED` if it is not what its identifier says."""
    if cid_of(block) != cid:
        hint = "fetch the block from a member that replicates it"
        raise StoreDamaged("BLOCK_DAMAGED", f"{cid_text(cid)} does not hash to its identifier", hint)
    return block
