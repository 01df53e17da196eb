"""What a chain is to those who read it: its id, its forks, and whether it is ours.

The node serves its own chain, which it also extends, and chains of others, which it has imported and only reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from node.blocks import ZERO_ADDRESS, ZERO_HASH, Header
from node.execution import Environment, StateView
from node.forks import ALWAYS_PRAGUE, Schedule
from node.proposals import CheckResult
from node.transactions import Transaction, decode


@dataclass(frozen=True, slots=True)
class ChainRules:
    """`native` is our own chain: permissions, free gas, closed built-in contracts, no blobs, replay protection."""

    chain_id: int
    schedule: Schedule = ALWAYS_PRAGUE
    native: bool = True
    deposit_contract: bytes = ZERO_ADDRESS

    def fork_id(self, genesis: bytes, head: Header) -> bytes:
        """Four bytes that name block 0 and the forks passed since (EIP-2124)."""
        heights = {first for first, _ in self.schedule.by_number if 0 < first <= head.number}
        times = {since for since, _ in self.schedule.by_time if 0 < since <= head.time}
        checksum = crc32(genesis)
        for turn in (*sorted(heights), *sorted(times)):
            checksum = crc32(turn.to_bytes(8, "big"), checksum)
        return checksum.to_bytes(4, "big")

    def environment(self, header: Header, ancestors: Iterable[bytes]) -> Environment:
        """The block that its code saw; `ancestors` are the hashes of the blocks before it, nearest first."""
        return Environment(
            chain_id=self.chain_id,
            number=header.number,
            time=header.time,
            proposer=header.proposer,
            gas_limit=header.gas_limit,
            mix_hash=header.mix_hash,
            ancestors=ancestors,
            fork=self.schedule.fork(header.number, header.time),
            base_fee=header.base_fee or 0,
            excess_blob_gas=header.excess_blob_gas or 0,
            difficulty=header.difficulty,
            beacon_root=header.beacon_root or ZERO_HASH,
            native=self.native,
        )

    def decode(self, raw: bytes, sender: bytes | None = None) -> Transaction:
        """A transaction of this chain. Raises TransactionRefused."""
        return decode(raw, sender, foreign=not self.native)


class ChainView(Protocol):
    """A chain as the reader needs it."""

    @property
    def rules(self) -> ChainRules: ...

    @property
    def head(self) -> Header: ...

    def view(self, header: Header) -> StateView:
        """The state after a block."""
        ...

    def environment(self, header: Header) -> Environment:
        """The environment in which a block's code ran."""
        ...


class Checker(Protocol):
    """Says whether a transaction is worth keeping in the pool."""

    def check_tx(self, raw: bytes) -> CheckResult: ...
