"""What passes between a driver and the application: the shapes of ABCI 2.0 in our words."""

from collections.abc import Sequence
from dataclasses import dataclass

import rlp

from node.blocks import ZERO_ADDRESS, ZERO_HASH, Header, Withdrawal
from node.errors import TransactionRefused
from node.receipts import Receipt
from node.transactions import LEGACY, Transaction


@dataclass(frozen=True, slots=True)
class Info:
    """The last committed height and hash; height -1 before genesis."""

    height: int
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a block goes: its height, time in UTC seconds, proposer, and the engine's hash (kept as mix hash)."""

    height: int
    time: int
    proposer: bytes = ZERO_ADDRESS
    engine_hash: bytes = ZERO_HASH


@dataclass(frozen=True, slots=True)
class Proposal:
    """A slot and the raw transactions for it, in order."""

    slot: Slot
    transactions: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A proposal, and what became of the candidates that are not in it."""

    proposal: Proposal
    refused: tuple[tuple[Transaction, TransactionRefused], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Is a proposal accepted? `refusals` says why not."""

    accepted: bool
    refusals: tuple[TransactionRefused, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A transaction fit for the pool, or why it is not."""

    transaction: Transaction | None
    refusal: TransactionRefused | None = None


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """Of one transaction of a finalized proposal; `code` 0: done, 1: recorded but failed, 2: refused, not recorded."""

    code: int
    gas_used: int = 0
    log: str = ""


@dataclass(frozen=True, slots=True)
class Finalized:
    """The outcome of a block that is not yet durable."""

    results: tuple[TransactionResult, ...]
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class QueryResult:
    """`code` 0 with a value, or another code."""

    code: int
    value: bytes
    height: int


@dataclass(frozen=True, slots=True)
class Block:
    """An executed block with all that belongs to it. Uncles and withdrawals are empty on our own chain."""

    header: Header
    transactions: tuple[Transaction, ...]
    receipts: Sequence[Receipt]
    uncles: tuple[Header, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()

    def encode(self) -> bytes:
        """Its RLP as nodes exchange it: header, transactions, uncles and, from Shanghai on, withdrawals (EIP-4895)."""
        transactions = [rlp.decode(tx.raw) if tx.type == LEGACY else tx.raw for tx in self.transactions]
        parts = [rlp.decode(self.header.encode()), transactions, [rlp.decode(uncle.encode()) for uncle in self.uncles]]
        if self.header.withdrawals_root is not None:
            parts.append([rlp.decode(withdrawal.encode()) for withdrawal in self.withdrawals])
        return rlp.encode(parts)
