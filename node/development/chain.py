"""A chain in memory on the node's executor: a block whenever it is asked for, any number of pasts to return to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from eth_hash.auto import keccak

from node.blocks import EMPTY_ROOT, ZERO_ADDRESS, ZERO_HASH, Header, ordered_root
from node.chain_rules import ChainRules
from node.development.fees import next_base_fee
from node.errors import Refused, TransactionRefused
from node.execution import BlockRun, CallRequest, Executor, StateView
from node.genesis import EXTRA_DATA
from node.overlay import Overlay
from node.proposals import Block
from node.receipts import Receipt
from node.rules.transactions import check_form, check_next, check_sender
from node.transactions import Transaction

ANCESTORS = 256


@dataclass(frozen=True, slots=True)
class Birth:
    """Block 0: balances in wei, time in UTC seconds, base fee in wei (0 for ever where gas is free)."""

    balances: Mapping[bytes, int]
    time: int
    gas_limit: int
    base_fee: int


class MemoryChain:
    """Blocks and states from `birth` on. There are no permissions: no Council stands above a chain for tests."""

    def __init__(self, rules: ChainRules, birth: Birth, executor: Executor) -> None:
        self.rules, self._executor = rules, executor
        self._nodes: dict[bytes, bytes] = {}
        nodes = Overlay(self._nodes.get)
        root = executor.genesis_state(birth.balances, nodes)
        self._nodes.update(nodes.pending)
        header = Header(
            0, ZERO_HASH, birth.time, ZERO_ADDRESS, root, EMPTY_ROOT, EMPTY_ROOT, 0, birth.gas_limit, 0,
            extra_data=EXTRA_DATA, base_fee=birth.base_fee,
        )  # fmt: skip
        self._blocks: tuple[Block, ...] = (Block(header, (), ()),)
        self._open(header.time + 1, ZERO_ADDRESS)

    @property
    def head(self) -> Header:
        """The last finished block."""
        return self._blocks[-1].header

    @property
    def pending(self) -> Block:
        """The block in the making; its header lacks roots, and its hash means nothing yet."""
        header = replace(self._header, gas_used=self._run.gas_used)
        return Block(header, tuple(self._transactions), tuple(self._receipts))

    def snapshot(self) -> tuple[Block, ...]:
        """What `revert` takes to come back to the last finished block."""
        return self._blocks

    def revert(self, snapshot: tuple[Block, ...]) -> None:
        """Return to a snapshot, earlier or later; what was pending is gone."""
        self._blocks = snapshot
        self._open(self.head.time + 1, ZERO_ADDRESS)

    def send(self, raw: bytes) -> Transaction:
        """Execute a transaction as the next of the pending block. Raises TransactionRefused."""
        tx = self.rules.decode(raw)
        self._apply(tx)
        return tx

    def mine(self, time: int | None = None, proposer: bytes = ZERO_ADDRESS) -> Block:
        """Finish the pending block, at `time` (default: a second after its parent), and begin the next."""
        wanted = self._header.time if time is None else time
        if (wanted, proposer) != (self._header.time, self._header.proposer):
            again = self._transactions
            self._open(wanted, proposer)
            for tx in again:
                self._apply(tx)
        block = self._finish()
        self._blocks = (*self._blocks, block)
        self._open(block.header.time + 1, ZERO_ADDRESS)
        return block

    def block(self, number: int) -> Block | None:
        """A finished block by its height."""
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def block_of(self, block_hash: bytes) -> Block | None:
        """A finished block by its hash, if it belongs to this past."""
        return next((block for block in reversed(self._blocks) if block.header.hash == block_hash), None)

    def place(self, transaction_hash: bytes) -> tuple[Block, int] | None:
        """The block, finished or pending, with a transaction, and the transaction's index in it."""
        for block in (self.pending, *reversed(self._blocks)):
            for index, tx in enumerate(block.transactions):
                if tx.hash == transaction_hash:
                    return block, index
        return None

    def state(self, header: Header) -> StateView:
        """The state after a finished block, or of the pending one as it is."""
        if header.number > self.head.number:
            return self._run
        environment = self.rules.environment(header, self._ancestors(header))
        return self._executor.view(environment, header.state_root, Overlay(self._nodes.get))

    def call(self, header: Header, request: CallRequest) -> bytes:
        """What a call on the state after a block returns. Raises CallFailed, CallReverted."""
        environment = self.rules.environment(header, self._ancestors(header))
        return self._executor.call(environment, self._root(header), Overlay(self._nodes.get), request)

    def estimate(self, header: Header, request: CallRequest) -> int:
        """The gas that a call needs. Raises CallFailed, CallReverted."""
        environment = self.rules.environment(header, self._ancestors(header))
        return self._executor.estimate(environment, self._root(header), Overlay(self._nodes.get), request)

    def _root(self, header: Header) -> bytes:
        return self.head.state_root if header.number > self.head.number else header.state_root

    def _ancestors(self, header: Header) -> Iterator[bytes]:
        for number in range(header.number - 1, max(-1, header.number - 1 - ANCESTORS), -1):
            yield self._blocks[number].header.hash

    def _open(self, time: int, proposer: bytes) -> None:
        parent = self.head
        fee = 0 if self.rules.native else next_base_fee(parent)
        self._header = Header(
            parent.number + 1, parent.hash, time, proposer, parent.state_root, EMPTY_ROOT, EMPTY_ROOT, 0,
            parent.gas_limit, 0, mix_hash=keccak(parent.hash), extra_data=EXTRA_DATA, base_fee=fee,
        )  # fmt: skip
        environment = self.rules.environment(self._header, self._ancestors(self._header))
        self._overlay = Overlay(self._nodes.get)
        self._run: BlockRun = self._executor.run(environment, parent.state_root, self._overlay)
        self._transactions: list[Transaction] = []
        self._receipts: list[Receipt] = []

    def _apply(self, tx: Transaction) -> None:
        run, limit = self._run, self._header.gas_limit
        check_form(tx, self.rules.chain_id, limit, self.rules.native)
        if tx.gas > limit - run.gas_used:
            raise TransactionRefused(Refused.BLOCK_GAS_EXCEEDED, "the block has no room for this transaction's gas")
        account = run.account(tx.sender)
        check_sender(tx, account, run.code(tx.sender))
        check_next(tx, account)
        self._receipts.append(run.apply(tx))
        self._transactions.append(tx)

    def _finish(self) -> Block:
        root, bloom = self._run.close(), 0
        self._nodes.update(self._overlay.pending)
        for receipt in self._receipts:
            bloom |= receipt.bloom
        header = replace(
            self._header,
            state_root=root,
            transactions_root=ordered_root([tx.raw for tx in self._transactions]),
            receipts_root=ordered_root([receipt.encode() for receipt in self._receipts]),
            bloom=bloom,
            gas_used=self._run.gas_used,
        )
        return Block(header, tuple(self._transactions), tuple(self._receipts))
