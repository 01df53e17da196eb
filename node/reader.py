"""Reading the chain: blocks, transactions, receipts, logs, state and calls. Any thread may call any method."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import rlp

from node.blocks import EMPTY_ROOT, EMPTY_UNCLES, Header, Withdrawal, ordered_items
from node.chain_rules import ChainRules, ChainView
from node.errors import CallFailed
from node.execution import AccessListFound, CallRequest, StateView
from node.overlay import Overlay
from node.overrides import NO_OVERRIDES, Overrides
from node.proofs import AccountProof, prove
from node.proposals import Block
from node.receipts import Log, Receipt, bloom_bits
from node.simulations import SIMULATION_LIMITS, SimulatedBlock, Simulation, SimulationLimits, Simulator
from node.store import StoreReader
from node.traces import Replay, TraceKind, TraceLimits
from node.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Placed:
    """A transaction in its block; `first_log` is the block-wide index of its first log."""

    header: Header
    index: int
    transaction: Transaction
    receipt: Receipt
    first_log: int


@dataclass(frozen=True, slots=True)
class PlacedLog:
    """A log in its block; `index` is block-wide."""

    header: Header
    transaction_hash: bytes
    transaction_index: int
    index: int
    log: Log


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Any of the addresses (none: all); for each position any of the topics (empty: all)."""

    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes], ...]

    def in_bloom(self, bloom: int) -> bool:
        """Might a block with this bloom hold a match?"""
        return all(
            not wanted or any(bloom & bits == bits for bits in map(bloom_bits, wanted))
            for wanted in (self.addresses, *self.topics)
        )

    def matches(self, log: Log) -> bool:
        """Is this log asked for?"""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(not wanted or topic in wanted for wanted, topic in zip(self.topics, log.topics, strict=False))


class Reader:
    """A read-only view of the chain that an application keeps in a store."""

    def __init__(self, application: ChainView, store: StoreReader, executor: Simulator) -> None:
        self._application, self._store, self._executor = application, store, executor

    @property
    def head(self) -> Header:
        """The last committed header."""
        return self._application.head

    @property
    def chain_id(self) -> int:
        """The chain's id."""
        return self._application.rules.chain_id

    @property
    def rules(self) -> ChainRules:
        """What kind of chain it is."""
        return self._application.rules

    @property
    def states_from(self) -> int:
        """The lowest height whose state can be read."""
        return self._store.states_from

    @property
    def blocks_from(self) -> int:
        """The lowest height, block 0 apart, of a whole block."""
        return self._store.blocks_from

    def header(self, number: int) -> Header | None:
        """The header at a height, if it is committed."""
        return self._store.header(number)

    def header_of(self, block_hash: bytes) -> Header | None:
        """The header with a hash."""
        number = self._store.number_of(block_hash)
        return None if number is None else self._store.header(number)

    def block(self, header: Header) -> Block:
        """A whole block."""
        receipts = self._store.receipts(header.number)
        bodies = self._store.body(header.number)
        transactions = tuple(self._decode(raw, receipt.sender) for raw, receipt in zip(bodies, receipts, strict=True))
        return Block(header, transactions, receipts, self._uncles(header), self._withdrawals(header))

    def _decode(self, raw: bytes, sender: bytes) -> Transaction:
        return self._application.rules.decode(raw, sender)

    def _uncles(self, header: Header) -> tuple[Header, ...]:
        """They lie among the nodes, under the hash of their list."""
        if header.uncles_hash == EMPTY_UNCLES:
            return ()
        raw = self._store.node(header.uncles_hash)
        return () if raw is None else tuple(Header.of_fields(fields) for fields in rlp.decode(raw))

    def _withdrawals(self, header: Header) -> tuple[Withdrawal, ...]:
        """They lie among the nodes, as the trie of their root."""
        if header.withdrawals_root in (None, EMPTY_ROOT):
            return ()
        return tuple(Withdrawal.decode(raw) for raw in ordered_items(header.withdrawals_root, self._store.node))

    def transaction(self, transaction_hash: bytes) -> Placed | None:
        """A committed transaction. The store may know of a block before the head does, with which all else agrees."""
        place = self._store.location(transaction_hash)
        if place is None or place[0] > self.head.number:
            return None
        header = self._store.header(place[0])
        return None if header is None else self.transaction_at(header, place[1])

    def transaction_at(self, header: Header, index: int) -> Placed | None:
        """The transaction at an index of a block."""
        bodies = self._store.body(header.number)
        if not 0 <= index < len(bodies):
            return None
        receipts = self._store.receipts(header.number)
        first_log = sum(len(receipt.logs) for receipt in receipts[:index])
        return Placed(header, index, self._decode(bodies[index], receipts[index].sender), receipts[index], first_log)

    def placed(self, block: Block) -> Iterator[Placed]:
        """The transactions of a block with their places."""
        first_log = 0
        for index, (tx, receipt) in enumerate(zip(block.transactions, block.receipts, strict=True)):
            yield Placed(block.header, index, tx, receipt, first_log)
            first_log += len(receipt.logs)

    def logs(self, first: int, last: int, query: LogQuery) -> Iterator[PlacedLog]:
        """Matching logs of a range of heights, in order; blocks that cannot match are skipped by their bloom."""
        for number, bloom in self._store.blooms(first, last):
            if query.in_bloom(bloom):
                header = self._store.header(number)
                if header is not None:
                    yield from logs_of(self.block(header), query)

    def state(self, header: Header) -> StateView:
        """The state after a block."""
        return self._application.view(header)

    def call(self, header: Header, request: CallRequest, overrides: Overrides = NO_OVERRIDES) -> bytes:
        """Execute on the state after a block. Raises CallFailed, CallReverted."""
        environment, nodes = self._application.environment(header), self._state_of(header)
        return self._executor.call(environment, header.state_root, nodes, request, overrides)

    def estimate(self, header: Header, request: CallRequest, overrides: Overrides = NO_OVERRIDES) -> int:
        """Gas for a call on the state after a block. Raises CallFailed, CallReverted."""
        environment, nodes = self._application.environment(header), self._state_of(header)
        return self._executor.estimate(environment, header.state_root, nodes, request, overrides)

    def _state_of(self, header: Header) -> Overlay:
        """Raises StoreError STATE_PRUNED, then or while it is read."""
        self._store.require_state(header)
        return Overlay(self._store.state_node)

    def simulate(
        self, header: Header, simulation: Simulation, limits: SimulationLimits = SIMULATION_LIMITS
    ) -> list[SimulatedBlock]:
        """Blocks upon one of the chain that nobody keeps. Raises CallFailed."""
        rules, ancestors = self._application.rules, self._application.environment(header).ancestors
        self._store.require_state(header)
        return self._executor.simulate(rules, header, ancestors, Overlay(self._store.node), simulation, limits)

    def access_list(self, header: Header, request: CallRequest) -> AccessListFound:
        """What a call on the state after a block touches. Raises CallFailed."""
        environment, nodes = self._application.environment(header), self._state_of(header)
        return self._executor.access_list(environment, header.state_root, nodes, request)

    def proof(self, header: Header, address: bytes, slots: Sequence[int]) -> AccountProof:
        """An account and slots of it, proven under the state root of a block. Raises StoreError STATE_PRUNED."""
        self._store.require_state(header)
        return prove(self._store.state_node, header.state_root, address, slots)

    def trace(self, header: Header, only: int | None, kind: TraceKind, limits: TraceLimits) -> list[Any]:
        """Watch the transactions of a block again, or `only` the one at an index. Raises TraceLimit, CallFailed."""
        block, parent = self.block(header), self._store.header(header.number - 1)
        if parent is None:
            raise CallFailed("NOTHING_TO_TRACE", "genesis is not traceable", "ask for a later block")
        self._store.require_state(parent)
        first, last = (0, len(block.transactions)) if only is None else (only, only + 1)
        replay = Replay(
            header.parent_hash,
            block.transactions[:first],
            block.transactions[first:last],
            sum(len(receipt.logs) for receipt in block.receipts[:first]),
        )
        environment, nodes = self._application.environment(header), Overlay(self._store.node)
        return self._executor.trace(environment, parent.state_root, nodes, replay, kind, limits)

    def trace_call(
        self,
        header: Header,
        request: CallRequest,
        kind: TraceKind,
        limits: TraceLimits,
        overrides: Overrides = NO_OVERRIDES,
    ) -> Any:
        """Watch a call on the state after a block. Raises TraceLimit, CallFailed."""
        environment, nodes = self._application.environment(header), self._state_of(header)
        return self._executor.trace_call(environment, header.state_root, nodes, request, kind, limits, overrides)


def logs_of(block: Block, query: LogQuery) -> Iterator[PlacedLog]:
    """The matching logs of one block."""
    index = 0
    for at, (tx, receipt) in enumerate(zip(block.transactions, block.receipts, strict=True)):
        for log in receipt.logs:
            if query.matches(log):
                yield PlacedLog(block.header, tx.hash, at, index, log)
            index += 1


def log_query(addresses: Collection[bytes], topics: Sequence[Collection[bytes]]) -> LogQuery:
    """A query from plain collections."""
    return LogQuery(frozenset(addresses), tuple(frozenset(position) for position in topics))
