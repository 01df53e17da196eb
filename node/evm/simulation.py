"""Simulating blocks upon a real one: each has its header, its state and its hash, and the next sees them all.

Sources: execution-apis, `eth_simulateV1`; geth, `internal/ethapi/simulate.go`, where the text leaves it open.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from eth._utils.generator import CachedIterable
from eth.vm.interrupt import EVMMissingData

from node.blocks import EMPTY_ROOT, ZERO_HASH, Header, Withdrawal, ordered_root
from node.chain_rules import ChainRules
from node.errors import CallFailed
from node.evm.forks import VMS
from node.evm.simulated_block import BlockRun, Spending
from node.evm.system_calls import after_transactions, before_transactions
from node.execution import Environment
from node.fees import next_base_fee, next_excess_blob_gas
from node.forks import Fork
from node.overlay import Overlay
from node.proposals import Block
from node.simulations import BlockPlan, SimulatedBlock, Simulation, SimulationLimits, filled

GWEI = 10**9


def simulate(
    rules: ChainRules,
    base: Header,
    ancestors: Iterable[bytes],
    nodes: Overlay,
    simulation: Simulation,
    limits: SimulationLimits,
    clock: Callable[[], float],
) -> list[SimulatedBlock]:
    """The blocks after `base`, whose own ancestors' hashes are given, nearest first. `clock` tells seconds.

    Raises CallFailed.
    """
    if sum(len(plan.calls) for plan in simulation.blocks) > limits.calls:
        raise CallFailed("SIMULATION_LIMIT", f"more than {limits.calls} calls", "simulate less at once")
    if sum(plan.pretended for plan in simulation.blocks) > limits.pretended:
        raise CallFailed("SIMULATION_LIMIT", f"more than {limits.pretended} accounts and slots are overridden")
    plans = list(filled(simulation.blocks, base.number, base.time))
    try:
        return _blocks(rules, base, ancestors, nodes, plans, simulation, Spending.of(limits, clock))
    except EVMMissingData as error:
        raise CallFailed("STATE_UNAVAILABLE", "the state of this block is not in the store") from error


def _blocks(
    rules: ChainRules, base: Header, ancestors: Iterable[bytes], nodes: Overlay, plans: Iterable[BlockPlan],
    simulation: Simulation, spending: Spending,
) -> list[SimulatedBlock]:  # fmt: skip
    older = CachedIterable(chain([base.hash], ancestors))
    parent, root, done, hashes = base, base.state_root, list[SimulatedBlock](), list[bytes]()
    for plan in plans:
        spending.deadline.look()
        environment = environment_of(rules, plan, parent, chain(reversed(hashes), older), simulation.validation)
        block = _simulated(environment, parent, root, nodes, plan, simulation, spending)
        done.append(block)
        parent, root = block.block.header, block.block.header.state_root
        hashes.append(parent.hash)
    return done


def environment_of(
    rules: ChainRules, plan: BlockPlan, parent: Header, ancestors: Iterator[bytes], validation: bool
) -> Environment:
    """The block that a plan makes after another. Its height and time must be set."""
    given = plan.block
    number, time = given.number or 0, given.time or 0
    fork = rules.schedule.fork(number, time)
    base_fee = given.base_fee
    if base_fee is None:
        base_fee = next_base_fee(parent, rules.native, fork >= Fork.LONDON) if validation else 0
    return Environment(
        chain_id=rules.chain_id,
        number=number,
        time=time,
        proposer=parent.proposer if given.fee_recipient is None else given.fee_recipient,
        gas_limit=parent.gas_limit if given.gas_limit is None else given.gas_limit,
        mix_hash=given.prev_randao or ZERO_HASH,
        ancestors=ancestors,
        fork=fork,
        base_fee=(base_fee or 0) if fork >= Fork.LONDON else 0,
        excess_blob_gas=next_excess_blob_gas(parent, fork) or 0,
        difficulty=0 if fork >= Fork.PARIS else parent.difficulty if given.difficulty is None else given.difficulty,
        beacon_root=given.beacon_root or ZERO_HASH,
        native=rules.native,
    )


def _simulated(
    environment: Environment, parent: Header, root: bytes, nodes: Overlay, plan: BlockPlan, simulation: Simulation,
    spending: Spending,
) -> SimulatedBlock:  # fmt: skip
    run = BlockRun(environment, root, nodes, plan, simulation, spending)
    before_transactions(run, parent.hash)
    for call in plan.calls:
        run.execute(call)
    requests = after_transactions(run)
    withdrawals = (plan.block.withdrawals or ()) if environment.fork >= Fork.SHANGHAI else ()
    _pay(run, withdrawals)
    transactions, receipts = tuple(run.done.transactions), tuple(run.done.receipts)
    header = _header(run, parent, withdrawals, requests)
    return SimulatedBlock(Block(header, transactions, receipts, (), withdrawals), tuple(run.done.outcomes))


def _pay(run: BlockRun, withdrawals: Iterable[Withdrawal]) -> None:
    """Withdrawals, and the reward where blocks were mined."""
    for withdrawal in withdrawals:
        if withdrawal.amount:
            run.state.delta_balance(withdrawal.address, withdrawal.amount * GWEI)
    reward = VMS[run.environment.fork].get_block_reward()
    if reward:
        run.state.delta_balance(run.environment.proposer, reward)


def _header(run: BlockRun, parent: Header, withdrawals: tuple[Withdrawal, ...], requests: bytes | None) -> Header:
    environment, done = run.environment, run.done
    fork, bloom = environment.fork, 0
    for receipt in done.receipts:
        bloom |= receipt.bloom
    cancun = fork >= Fork.CANCUN
    return Header(
        number=environment.number,
        parent_hash=parent.hash,
        time=environment.time,
        proposer=environment.proposer,
        state_root=run.close(),
        transactions_root=ordered_root([tx.raw for tx in done.transactions]),
        receipts_root=ordered_root([receipt.encode() for receipt in done.receipts]),
        bloom=bloom,
        gas_limit=environment.gas_limit,
        gas_used=done.gas_used,
        mix_hash=environment.mix_hash,
        difficulty=environment.difficulty,
        base_fee=environment.base_fee if fork >= Fork.LONDON else None,
        withdrawals_root=_withdrawals_root(withdrawals) if fork >= Fork.SHANGHAI else None,
        blob_gas_used=sum(tx.blob_gas for tx in done.transactions) if cancun else None,
        excess_blob_gas=environment.excess_blob_gas if cancun else None,
        beacon_root=environment.beacon_root if cancun else None,
        requests_hash=requests,
    )


def _withdrawals_root(withdrawals: tuple[Withdrawal, ...]) -> bytes:
    return ordered_root([withdrawal.encode() for withdrawal in withdrawals]) if withdrawals else EMPTY_ROOT
