"""py-evm as this chain configures it: its database is an overlay, and the slow built-in contracts are closed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from eth.abc import ComputationAPI
from eth.db.backends.base import BaseAtomicDB
from eth.exceptions import VMError
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState

from node.evm.accounts import Accounts
from node.evm.interpreter import run
from node.evm.transient import Transient
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
        self.find = overlay.get

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


_PLAIN_METER = PragueComputation._configure_gas_meter


def _closed(computation: ComputationAPI) -> ComputationAPI:
    raise VMError("PRECOMPILE_CLOSED: this built-in contract is closed on this chain")


class _Computation(PragueComputation):
    """Prague, with the built-in contracts closed that are slow here."""

    _precompiles: ClassVar = {**PragueComputation.get_precompiles(), **dict.fromkeys(CLOSED, _closed)}

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> ComputationAPI:
        """As in py-evm, with our loop, unless instructions or the gas meter are watched."""
        if cls.opcodes is not PragueComputation.opcodes or cls._configure_gas_meter is not _PLAIN_METER:
            return super().apply_computation(state, message, transaction_context, parent_computation)
        with cls(state, message, transaction_context) as computation:
            if computation.is_origin_computation:
                computation.contracts_created = []
                if message.is_create:
                    cls.consume_initcode_gas_cost(computation)
            if parent_computation is not None:
                computation.contracts_created = parent_computation.contracts_created
            if message.is_create:
                computation.contracts_created.append(message.storage_address)
            precompile = computation.precompiles.get(message.code_address)
            if precompile is None:
                run(computation)
            elif not message.is_delegation:
                precompile(computation)
        return computation


class EvmState(PragueState):
    computation_class = _Computation
    account_db_class = Accounts
    wider = False
    """Has an instruction asked for more than the code and storage of the account it runs for? Reset by who asks."""
    _transient_storage_class = Transient

    def set_system_contracts(self) -> None:
        """Py-evm sets the code of two system contracts where it is that code already: two reads, and no change."""


def gas_used_by(gas: int, computation: ComputationAPI, data: bytes, fork: Fork = Fork.PRAGUE) -> int:
    """Gas charged: execution less refunds, or the floor for calldata (EIP-3529, EIP-7623)."""
    spent = gas - int(computation.get_gas_remaining())
    quotient = REFUND_QUOTIENT if fork >= Fork.LONDON else EARLY_REFUND_QUOTIENT
    charged = spent - min(int(computation.get_gas_refund()), spent // quotient)
    return max(charged, data_floor(data)) if fork >= Fork.PRAGUE else charged


def ran_as(computation: ComputationAPI, address: bytes) -> bool:
    return computation.msg.storage_address == address or any(ran_as(c, address) for c in computation.children)
