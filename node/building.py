"""What a block that is tried out is told; see `node.imported.building`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from node.blocks import Header, Withdrawal
from node.proposals import Block
from node.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Attributes:
    """UTC seconds, where tips go, randomness, beacon root, withdrawals."""

    time: int
    proposer: bytes
    mix_hash: bytes
    beacon_root: bytes
    withdrawals: tuple[Withdrawal, ...]
    extra_data: bytes = b""


class BlockBuilder(Protocol):
    """Builds blocks that nobody keeps."""

    def build(self, parent: Header, wanted: Attributes, raw: Iterable[bytes]) -> Block:
        """A block of these transactions. Raises CallFailed BLOCK_INVALID, TransactionRefused."""
        ...

    def build_from(self, parent: Header, wanted: Attributes, waiting: Iterable[Transaction]) -> Block:
        """A block of what waits, as far as it can be in it. Raises CallFailed BLOCK_INVALID."""
        ...
