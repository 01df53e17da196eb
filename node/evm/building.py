"""A block of a foreign chain in the making: what it tells its contracts first, transactions, requests, withdrawals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.blocks import EMPTY_ROOT, Header, Withdrawal, ordered_root
from node.errors import TransactionRefused
from node.evm.block import Run
from node.evm.system_calls import after_transactions, before_transactions
from node.execution import Environment
from node.forks import Fork
from node.overlay import Overlay
from node.proposals import Block
from node.receipts import Receipt
from node.transactions import Transaction

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Order:
    """What a block is to hold besides its transactions."""

    parent: Header
    environment: Environment
    withdrawals: tuple[Withdrawal, ...] = ()
    extra_data: bytes = b""


def build(
    order: Order, nodes: Overlay, transactions: Iterable[Transaction], refused: Callable[[TransactionRefused], None]
) -> Block:
    """The block; `refused` hears why a transaction cannot be in it, and may raise. Nothing is kept."""
    run = Run(order.environment, order.parent.state_root, nodes)
    before_transactions(run, order.parent.hash)
    included: list[Transaction] = []
    receipts: list[Receipt] = []
    for tx in transactions:
        try:
            receipts.append(run.apply(tx))
            included.append(tx)
        except TransactionRefused as refusal:
            refused(refusal)
    run.settle()
    requests = after_transactions(run)
    for withdrawal in order.withdrawals:
        run.state.delta_balance(withdrawal.address, withdrawal.amount * GWEI)
    header = _header(order, run, included, receipts, requests)
    return Block(header, tuple(included), tuple(receipts), (), order.withdrawals)


def _header(
    order: Order, run: Run, included: list[Transaction], receipts: list[Receipt], requests: bytes | None
) -> Header:
    environment, bloom = order.environment, 0
    for receipt in receipts:
        bloom |= receipt.bloom
    cancun = environment.fork >= Fork.CANCUN
    withdrawals_root = ordered_root([one.encode() for one in order.withdrawals]) if order.withdrawals else EMPTY_ROOT
    return Header(
        number=environment.number,
        parent_hash=order.parent.hash,
        time=environment.time,
        proposer=environment.proposer,
        state_root=run.close(),
        transactions_root=ordered_root([tx.raw for tx in included]),
        receipts_root=ordered_root([receipt.encode() for receipt in receipts]),
        bloom=bloom,
        gas_limit=environment.gas_limit,
        gas_used=run.gas_used,
        mix_hash=environment.mix_hash,
        extra_data=order.extra_data,
        base_fee=environment.base_fee,
        withdrawals_root=withdrawals_root if environment.fork >= Fork.SHANGHAI else None,
        blob_gas_used=sum(tx.blob_gas for tx in included) if cancun else None,
        excess_blob_gas=environment.excess_blob_gas if cancun else None,
        beacon_root=environment.beacon_root if cancun else None,
        requests_hash=requests,
    )
