"""The application: one object in the shape of ABCI 2.0 that owns execution and state, whoever drives it.

Nothing is durable before `commit`, which writes everything of a block in one transaction of the store. A block is
executed once: preparing or judging a proposal keeps the outcome, and finalizing the same proposal takes it. Bad
transactions are results, never exceptions; what is raised means that the node cannot go on.

Threads: `check_tx` from one thread; preparing, judging, finalizing and committing from one other; the rest from any.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from node.admission import Admission
from node.blocks import Header, ordered_root
from node.chain_rules import ChainRules
from node.errors import ConfigError, NodeError, StoreError, TransactionRefused
from node.execution import Account, BlockRun, Environment, Executor, StateView
from node.genesis import EXTRA_DATA, LATEST_TIME, Genesis
from node.overlay import Overlay
from node.proposals import (
    Block,
    CheckResult,
    Finalized,
    Info,
    Prepared,
    Proposal,
    QueryResult,
    Slot,
    TransactionResult,
    Verdict,
)
from node.receipts import Receipt
from node.rules.allowance import TABLE, Allowances
from node.rules.block import Conditions, Executed, admit, fill
from node.rules.permissions import Permissions
from node.store import BlockStore
from node.transactions import Transaction, decode

log = logging.getLogger(__name__)
DECODED_BYTES = 64 * 1024 * 1024
"""Wire bytes of the checked transactions whose decoded form is kept until a block takes them."""
REFUSED = 2


@dataclass(frozen=True, slots=True)
class _Outcome:
    proposal: Proposal
    block: Block
    nodes: Overlay
    results: tuple[TransactionResult, ...]
    counts: Mapping[bytes, bytes | None]

    @property
    def kept_rules(self) -> bool:
        return all(result.code != REFUSED for result in self.results)


class Application:
    """The state machine of one chain on one store."""

    def __init__(self, genesis: Genesis, store: BlockStore, executor: Executor) -> None:
        """Raises ConfigError GENESIS_MISMATCH when the store belongs to another chain."""
        self._genesis, self._store, self._executor = genesis, store, executor
        self._decoded: dict[bytes, Transaction] = {}
        self._decoded_bytes = 0
        self._birth: _Outcome | None = None
        self._outcome: _Outcome | None = None
        self._permissions: Permissions | None = None
        header = store.head()
        if header is not None:
            self._check_same_chain(header)
        self.admission = Admission(genesis, store, executor, self._decode)

    def _check_same_chain(self, head: Header) -> None:
        nodes = Overlay(lambda _: None)
        expected = self._genesis.header(self._executor.genesis_state(self._genesis.alloc, nodes)).hash
        if self._store.genesis() != expected:
            raise ConfigError(
                "GENESIS_MISMATCH",
                f"the store belongs to another chain (head at {head.number})",
                "use the genesis.toml it was started with, or another data directory",
            )

    @property
    def genesis(self) -> Genesis:
        """The rules that never change."""
        return self._genesis

    @property
    def rules(self) -> ChainRules:
        """What the chain is to those who read it."""
        return self.admission.rules

    @property
    def head(self) -> Header:
        """The last committed header. Raises StoreError STORE_EMPTY before genesis is committed."""
        return self.admission.head

    @property
    def decoded_kept(self) -> int:
        """Wire bytes of the transactions whose decoded form is kept at present."""
        return self._decoded_bytes

    def info(self) -> Info:
        """The last committed height and hash."""
        header = self._store.head()
        return Info(-1, b"") if header is None else Info(header.number, header.hash)

    def init_chain(self) -> bytes:
        """Compute block 0; the next commit writes it. Returns its hash."""
        nodes = Overlay(self._store.node)
        header = self._genesis.header(self._executor.genesis_state(self._genesis.alloc, nodes))
        block = Block(header, (), ())
        self._birth = _Outcome(Proposal(Slot(0, header.time), ()), block, nodes, (), {})
        return header.hash

    def check_tx(self, raw: bytes) -> CheckResult:
        """Is this transaction worth keeping, as things stand at the head? Form, sender, permission."""
        checked = self.admission.check_tx(raw)
        if checked.transaction is not None:
            self._keep_decoded(checked.transaction)
        return checked

    def expect(self, raw: bytes, sender: bytes) -> None:
        """A candidate will hold this transaction, which was checked elsewhere: its sender is known.

        Raises TransactionRefused when it cannot be decoded.
        """
        if raw not in self._decoded:
            self._keep_decoded(decode(raw, sender))

    def prepare_proposal(
        self, slot: Slot, candidates: Iterable[bytes], in_time: Callable[[], bool] = lambda: True
    ) -> Prepared:
        """Choose from the candidates, in their order, what can run; stop when `in_time` says so."""
        environment, nodes, run, conditions = self._open(slot)
        done = fill(run, conditions, self._decodable(candidates), in_time)
        proposal = Proposal(slot, tuple(tx.raw for tx in done.included))
        results = tuple(_result(receipt) for receipt in done.receipts)
        root = run.close()
        block = self._assemble(environment, root, done)
        self._outcome = _Outcome(proposal, block, nodes, results, conditions.allowances.changes())
        return Prepared(proposal, tuple(done.refused))

    def process_proposal(self, proposal: Proposal) -> Verdict:
        """Does the proposal keep every rule, as the next block? Executes it and keeps the outcome."""
        problem = self._misplaced(proposal.slot)
        if problem:
            log.warning("proposal rejected: %s", problem)
            return Verdict(False)
        if self._outcome is not None and self._outcome.proposal == proposal and self._outcome.kept_rules:
            return Verdict(True)
        refusals = self._execute(proposal)
        if refusals:
            self._outcome = None
            log.warning("proposal rejected: %s", ", ".join(sorted({refusal.code for refusal in refusals})))
        return Verdict(not refusals, tuple(refusals))

    def finalize_block(self, proposal: Proposal) -> Finalized:
        """Execute a decided block. A transaction that breaks a rule is a result with code 2 and is recorded nowhere.

        Raises NodeError PROPOSAL_MISPLACED for one that is not the next: it would overwrite a block or leave a gap.
        """
        problem = self._misplaced(proposal.slot)
        if problem:
            raise NodeError("PROPOSAL_MISPLACED", f"a decided block cannot follow: {problem}", "verify the store")
        if self._outcome is None or self._outcome.proposal != proposal:
            self._execute(proposal)
        if self._outcome is None:
            raise StoreError("NOTHING_EXECUTED", "the block has no outcome", "this is a defect, please report it")
        return Finalized(self._outcome.results, self._outcome.block.header.hash)

    def commit(self) -> Block:
        """Make the finalized block durable. Raises StoreError when nothing is finalized or the store cannot write."""
        for outcome in (self._birth, self._outcome):
            if outcome is not None:
                transactions = [(tx.hash, tx.raw) for tx in outcome.block.transactions]
                self._store.write_block(
                    outcome.block.header,
                    transactions,
                    outcome.block.receipts,
                    outcome.nodes.pending,
                    {TABLE: outcome.counts},
                )
        last = self._outcome or self._birth
        if last is None:
            raise StoreError("NOTHING_FINALIZED", "there is no block to commit", "finalize a block first")
        self._birth = self._outcome = None
        self.admission.advance(last.block.header)
        for tx in last.block.transactions:
            if self._decoded.pop(tx.raw, None) is not None:
                self._decoded_bytes -= len(tx.raw)
        return last.block

    def query(self, path: str, data: bytes = b"") -> QueryResult:
        """`/head`, `/account` (20 bytes): JSON values; any other path has code 1."""
        header = self.head
        if path == "/head":
            value: dict[str, str | int] = {"number": header.number, "hash": header.hash.hex(), "time": header.time}
        elif path == "/account" and len(data) == 20:
            value = self.admission.described(data)
        else:
            return QueryResult(1, b"", header.number)
        return QueryResult(0, json.dumps(value, sort_keys=True).encode(), header.number)

    def account(self, address: bytes) -> Account:
        """The account at the head; for the thread of `check_tx`."""
        return self.admission.account(address)

    def is_trusted(self, address: bytes) -> bool:
        """Is this a member or role holder at the head? For the thread of `check_tx`."""
        return self.admission.is_trusted(address)

    def view(self, header: Header) -> StateView:
        """A fresh view of the state after a block."""
        return self.admission.view(header)

    def environment(self, header: Header) -> Environment:
        """The environment in which a block's code ran."""
        return self.admission.environment(header)

    def _decode(self, raw: bytes) -> Transaction:
        return self._decoded.get(raw) or decode(raw)

    def _decodable(self, candidates: Iterable[bytes]) -> Iterator[Transaction]:
        """Decode one by one, as they are asked for: it counts into the time of a block."""
        for raw in candidates:
            try:
                yield self._decode(raw)
            except TransactionRefused as refusal:
                log.warning("candidate left out: %s", refusal)

    def _keep_decoded(self, tx: Transaction) -> None:
        """Spare the next decoding of a transaction that passed every check."""
        if tx.raw in self._decoded:
            return
        if self._decoded_bytes + len(tx.raw) > DECODED_BYTES:
            self._decoded.clear()
            self._decoded_bytes = 0
        self._decoded[tx.raw] = tx
        self._decoded_bytes += len(tx.raw)

    def _parent(self) -> Header:
        return self._birth.block.header if self._birth is not None else self.admission.head

    def _misplaced(self, slot: Slot) -> str:
        parent = self._parent()
        if slot.height != parent.number + 1:
            return f"height {slot.height} does not follow {parent.number}"
        if slot.time >= LATEST_TIME:
            return f"time {slot.time} is beyond {LATEST_TIME}"
        return "" if slot.time > parent.time else f"time {slot.time} is not after {parent.time}"

    def _open(self, slot: Slot) -> tuple[Environment, Overlay, BlockRun, Conditions]:
        parent = self._parent()
        environment = Environment(
            self._genesis.chain_id, slot.height, slot.time, slot.proposer, self._genesis.gas_limit, slot.engine_hash,
            self.admission.ancestors(parent.hash, slot.height),
        )  # fmt: skip
        nodes = Overlay(self._store.state_node if self._birth is None else self._birth.nodes.get)
        run = self._executor.run(environment, parent.state_root, nodes)
        self._permissions = Permissions(self._genesis, run, self._permissions)
        allowances = Allowances(self._genesis.window, slot.time, self._store)
        conditions = Conditions(self._genesis.chain_id, self._genesis.gas_limit, self._permissions, allowances)
        return environment, nodes, run, conditions

    def _execute(self, proposal: Proposal) -> list[TransactionRefused]:
        """Replay a proposal into `_outcome`; returns the refusals."""
        environment, nodes, run, conditions = self._open(proposal.slot)
        results: list[TransactionResult] = []
        refusals: list[TransactionRefused] = []
        done = Executed()
        for raw in proposal.transactions:
            try:
                tx = self._decode(raw)
                receipt = admit(run, conditions, tx)
                done.included.append(tx)
                done.receipts.append(receipt)
                results.append(_result(receipt))
            except TransactionRefused as refusal:
                refusals.append(refusal)
                results.append(TransactionResult(REFUSED, log=f"{refusal.code}: {refusal.message}"))
        root = run.close()
        block = self._assemble(environment, root, done)
        self._outcome = _Outcome(proposal, block, nodes, tuple(results), conditions.allowances.changes())
        return refusals

    def _assemble(self, environment: Environment, root: bytes, done: Executed) -> Block:
        receipts, bloom = tuple(done.receipts), 0
        for receipt in receipts:
            bloom |= receipt.bloom
        header = Header(
            number=environment.number,
            parent_hash=self._parent().hash,
            time=environment.time,
            proposer=environment.proposer,
            state_root=root,
            transactions_root=ordered_root([tx.raw for tx in done.included]),
            receipts_root=ordered_root([receipt.encode() for receipt in receipts]),
            bloom=bloom,
            gas_limit=environment.gas_limit,
            gas_used=receipts[-1].cumulative_gas if receipts else 0,
            mix_hash=environment.mix_hash,
            extra_data=EXTRA_DATA,
        )
        return Block(header, tuple(done.included), receipts)


def _result(receipt: Receipt) -> TransactionResult:
    return TransactionResult(0 if receipt.status else 1, receipt.gas_used)
