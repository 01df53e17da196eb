"""Executing again under a watch: transactions of a recorded block, or a call."""

from typing import Any

import rlp
from eth_hash.auto import keccak

from node.errors import CallFailed, TransactionRefused
from node.evm import calls
from node.evm.block import Run
from node.evm.machine import gas_used_by
from node.evm.state import State
from node.evm.system_calls import before_transactions
from node.evm.tracing.budget import Budget
from node.evm.tracing.call_tree import CallTracer
from node.evm.tracing.hook import Watch, unwatch, watch
from node.evm.tracing.prestate import PrestateTracer
from node.evm.tracing.struct_logs import StructLogger
from node.execution import CallRequest, Environment
from node.overlay import Overlay
from node.receipts import Receipt
from node.traces import CallTree, Prestate, Replay, TraceKind, TraceLimits
from node.transactions import Authorization, Transaction, recover

GRANT_PREFIX = b"\x05"
"""EIP-7702."""


def trace(
    environment: Environment, root: bytes, nodes: Overlay, replay: Replay, kind: TraceKind, limits: TraceLimits
) -> list[Any]:
    """A result for each traced transaction; `root` is the state before the block. Raises TraceLimit, CallFailed."""
    run, budget, first_log = Run(environment, root, nodes), Budget(limits), replay.first_log
    if not environment.native:
        before_transactions(run, replay.parent)
    for tx in replay.before:
        _apply(run, tx)
        budget.look()
    results = []
    for tx in replay.traced:
        result, receipt = _traced(run, tx, kind, budget, first_log)
        first_log += len(receipt.logs)
        results.append(result)
    return results


def trace_call(view: State, request: CallRequest, kind: TraceKind, limits: TraceLimits) -> Any:
    """The result for a call on a state. Raises TraceLimit, CallFailed."""
    environment = view.environment
    gas = min(request.gas or environment.gas_limit, environment.gas_limit)
    budget = Budget(limits)
    if isinstance(kind, Prestate):
        known = (request.sender or bytes(20), environment.proposer)
        tracer = PrestateTracer(kind, budget, known, view)
        _execute(view, request, gas, tracer)
        tracer.read_before(view)
        return tracer.result()
    if isinstance(kind, CallTree):
        tree = CallTracer(kind, budget, 0)
        return tree.result(gas, _execute(view, request, gas, tree))
    logger = StructLogger(kind, budget)
    return logger.result(_execute(view, request, gas, logger))


def _execute(view: State, request: CallRequest, gas: int, by: Watch) -> int:
    watch(view.state, by)
    computation = calls.execute(view, request, gas)
    unwatch(view.state)
    return gas_used_by(gas, computation, request.data, view.environment.fork)


def _traced(run: Run, tx: Transaction, kind: TraceKind, budget: Budget, first_log: int) -> tuple[Any, Receipt]:
    if isinstance(kind, Prestate):
        return _compared(run, tx, kind, budget)
    if isinstance(kind, CallTree):
        tree = CallTracer(kind, budget, first_log)
        receipt = _watched(run, tx, tree)
        return tree.result(tx.gas, receipt.gas_used), receipt
    logger = StructLogger(kind, budget)
    receipt = _watched(run, tx, logger)
    return logger.result(receipt.gas_used), receipt


def _compared(run: Run, tx: Transaction, kind: Prestate, budget: Budget) -> tuple[Any, Receipt]:
    """Execute, read, take back, read, and execute again for what follows."""
    granting = [found for found in map(_authority, tx.authorizations) if found is not None]
    tracer = PrestateTracer(kind, budget, [tx.sender, run.environment.proposer, *granting])
    _watched(run, tx, tracer)
    tracer.read_after(run)
    run.undo()
    tracer.read_before(run)
    return tracer.result(), _apply(run, tx)


def _watched(run: Run, tx: Transaction, by: Watch) -> Receipt:
    watch(run.state, by)
    receipt = _apply(run, tx)
    unwatch(run.state)
    return receipt


def _apply(run: Run, tx: Transaction) -> Receipt:
    try:
        return run.apply(tx)
    except TransactionRefused as error:
        raise CallFailed("STATE_UNAVAILABLE", "the state before this block is not in the store") from error


def _authority(grant: Authorization) -> bytes | None:
    """Who signed an authorization, if anybody."""
    digest = keccak(GRANT_PREFIX + rlp.encode([grant.chain_id, grant.address, grant.nonce]))
    try:
        return recover(digest, grant.y_parity, grant.r, grant.s)
    except TransactionRefused:
        return None
