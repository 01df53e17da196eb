"""py-evm as this chain configures it: its database is an overlay, and the slow built-in contracts are closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from eth.abc import ComputationAPI
from eth.db.backends.base import BaseAtomicDB
from eth.exceptions import VMError
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState

from node.forks import Fork
from node.overlay import Overlay
from node.precompiles import CLOSED
from node.transactions import data_floor

REFUND_QUOTIENT, EARLY_REFUND_QUOTIENT = 5, 2
"""EIP-3529, and before it."""


class Database(BaseAtomicDB):
    """py-evm's view of an overlay. Deletions never come: archived nodes stay."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay

    def __getitem__(self, key: bytes) -> bytes:
        value = self._overlay.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._overlay.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self._overlay.get(key) is not None

    @contextmanager
    def atomic_batch(self) -> Iterator["Database"]:
        yield self


def _closed(computation: ComputationAPI) -> ComputationAPI:
    raise VMError("PRECOMPILE_CLOSED: this built-in contract is closed on this chain")


class _Computation(PragueComputation):
    """Prague, with the built-in contracts closed that are slow here."""

    _precompiles: ClassVar = {**PragueComputation.get_precompiles(), **dict.fromkeys(CLOSED, _closed)}


class EvmState(PragueState):
    computation_class = _Computation


def gas_used_by(gas: int, computation: ComputationAPI, data: bytes, fork: Fork = Fork.PRAGUE) -> int:
    """Gas charged: execution less refunds, or the floor for calldata (EIP-3529, EIP-7623)."""
    spent = gas - int(computation.get_gas_remaining())
    quotient = REFUND_QUOTIENT if fork >= Fork.LONDON else EARLY_REFUND_QUOTIENT
    charged = spent - min(int(computation.get_gas_refund()), spent // quotient)
    return max(charged, data_floor(data)) if fork >= Fork.PRAGUE else charged


def ran_as(computation: ComputationAPI, address: bytes) -> bool:
    return computation.msg.storage_address == address or any(ran_as(c, address) for c in computation.children)
