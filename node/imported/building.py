"""Trying out a next block on an imported chain, as a test asks for it; the chain stays as it is."""

from collections.abc import Iterable

from node.blocks import Header
from node.building import Attributes
from node.errors import CallFailed, TransactionRefused
from node.evm.building import Order, build
from node.execution import Environment
from node.fees import next_base_fee, next_excess_blob_gas
from node.forks import Fork
from node.imported.chain import ImportedChain
from node.overlay import Overlay
from node.proposals import Block
from node.store import Store
from node.transactions import Transaction

GAS_LIMIT = 60_000_000
"""What blocks move towards, a 1024th at a time (geth's default)."""
STEP = 1_024


class Builder:
    """Builds blocks that nobody keeps."""

    def __init__(self, chain: ImportedChain, store: Store) -> None:
        self._chain, self._store = chain, store

    def build(self, parent: Header, wanted: Attributes, raw: Iterable[bytes]) -> Block:
        """A block of these transactions. Raises CallFailed BLOCK_INVALID, TransactionRefused."""
        transactions = [self._chain.rules.decode(one) for one in raw]
        return build(self._order(parent, wanted), Overlay(self._store.node), transactions, _refuse)

    def build_from(self, parent: Header, wanted: Attributes, waiting: Iterable[Transaction]) -> Block:
        """A block of what waits, as far as it can be in it. Raises CallFailed BLOCK_INVALID."""
        return build(self._order(parent, wanted), Overlay(self._store.node), waiting, lambda refusal: None)

    def _order(self, parent: Header, wanted: Attributes) -> Order:
        rules = self._chain.rules
        fork = rules.schedule.fork(parent.number + 1, wanted.time)
        if wanted.time <= parent.time or fork < Fork.PARIS:
            raise CallFailed(
                "BLOCK_INVALID",
                "the block must be later than its parent, and after the merge",
                "give a later timestamp",
            )
        environment = Environment(
            chain_id=rules.chain_id,
            number=parent.number + 1,
            time=wanted.time,
            proposer=wanted.proposer,
            gas_limit=_next_gas_limit(parent.gas_limit),
            mix_hash=wanted.mix_hash,
            ancestors=(parent.hash, *self._chain.ancestors(parent)),
            fork=fork,
            base_fee=next_base_fee(parent, native=False) or 0,
            excess_blob_gas=next_excess_blob_gas(parent, fork) or 0,
            beacon_root=wanted.beacon_root,
            native=False,
        )
        return Order(parent, environment, wanted.withdrawals, wanted.extra_data)


def _next_gas_limit(before: int) -> int:
    step = before // STEP - 1
    return min(before + step, GAS_LIMIT) if before < GAS_LIMIT else max(before - step, GAS_LIMIT)


def _refuse(refusal: TransactionRefused) -> None:
    raise refusal
