"""The state in which simulated blocks execute.

It charges what it is told, numbers logs through the block, shows movements of value as logs if asked, counts where
py-evm would refuse what a pretended state can hold, and stops when its time is up. Permissions of our own chain do not
hold on it: they ask what may be recorded, and nothing is.
"""

from collections.abc import Callable
from functools import cache
from itertools import count
from typing import Any, ClassVar

from eth.exceptions import Halt
from eth.vm.gas_meter import GasMeter
from eth.vm.mnemonics import SELFDESTRUCT
from eth.vm.opcode_values import SELFDESTRUCT as SELFDESTRUCT_VALUE
from eth.vm.state import BaseState

from node.errors import CallFailed
from node.evm.overrides import overridable_state
from node.forks import Fork
from node.transactions import GAS_PER_BLOB

TRANSFER_ADDRESS = bytes.fromhex("ee" * 20)
"""ERC-7528: the native asset as if it were a token."""
TRANSFER_TOPIC = 0xDDF252AD1BE2C89B69C2B068FC378DAA952BA7F163C4A11628F55A4DF523B3EF
"""Transfer(address,address,uint256)."""
WORD, NONCES = 1 << 256, 1 << 64
CHARGES_BETWEEN_LOOKS = 512


class Transfer(tuple[int, ...]):
    """Topics of a log that is shown to the caller and not written to the receipt."""


class Deadline:
    """Seconds of work that a request may take. Raises CallFailed EXECUTION_TIMEOUT."""

    __slots__ = ("_charges", "_clock", "_seconds", "_until")

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock, self._charges = seconds, clock, 0
        self._until = clock() + seconds

    def charge(self) -> None:
        """Gas is about to be taken: a good moment to look at the clock, once in a while."""
        self._charges += 1
        if self._charges % CHARGES_BETWEEN_LOOKS == 0:
            self.look()

    def look(self) -> None:
        """Is the time up?"""
        if self._clock() > self._until:
            raise CallFailed(
                "EXECUTION_TIMEOUT", f"execution aborted (timeout = {self._seconds:g} s)", "simulate less at once"
            )


class TimedMeter(GasMeter):
    """A gas meter that ends an execution whose time is up."""

    deadline: Deadline

    def consume_gas(self, amount: int, reason: str) -> None:
        self.deadline.charge()
        super().consume_gas(amount, reason)


class SimulatedComputation:
    """Mixed into an overridable computation class."""

    state: Any
    msg: Any

    def _configure_gas_meter(self) -> GasMeter:
        usual = super()._configure_gas_meter()  # type: ignore[misc]
        meter = TimedMeter(usual.start_gas, usual.refund_strategy)
        meter.deadline = self.state.deadline
        return meter

    def __enter__(self) -> Any:
        self.state.deadline.look()
        message = self.msg
        if self.state.show_transfers and message.should_transfer_value and not _is_callcode(message):
            _show_transfer(self, message.sender, message.storage_address, message.value)
        return super().__enter__()  # type: ignore[misc]

    @classmethod
    def consume_initcode_gas_cost(cls, computation: Any) -> None:
        """Only for the transaction itself: a contract may be a sender here, and py-evm takes its creations for such."""
        if computation.msg.depth == 0:
            super().consume_initcode_gas_cost(computation)  # type: ignore[misc]


class SimulatedExecutor:
    """Mixed into a transaction executor; who may send what was checked before."""

    vm_state: Any

    def validate_transaction(self, transaction: Any) -> None:
        pass

    def calc_data_fee(self, transaction: Any) -> int:
        fee = min(self.vm_state.blob_base_fee, transaction.max_fee_per_blob_gas)
        return GAS_PER_BLOB * len(transaction.blob_versioned_hashes) * int(fee)


class SimulatedState:
    """Mixed into an overridable state class. Set `deadline` before anything executes."""

    computation_class: ClassVar[Any]
    transaction_executor_class: ClassVar[Any]
    deadline: Deadline
    show_transfers = False

    def __init__(self, *arguments: Any) -> None:
        self.log_counter = count()
        super().__init__(*arguments)

    def get_gas_price(self, transaction: Any) -> int:
        return int(transaction.price)

    def get_tip(self, transaction: Any) -> int:
        return int(transaction.tip)

    def get_transaction_context(self, transaction: Any) -> Any:
        kind = self.get_transaction_context_class()  # type: ignore[attr-defined]
        context = kind(transaction.price, transaction.sender, transaction.blob_versioned_hashes)
        context._log_counter = self.log_counter
        return context

    def set_balance(self, address: bytes, balance: int) -> None:
        """Pretended balances may add up to more than a word."""
        super().set_balance(address, balance % WORD)  # type: ignore[misc]

    def increment_nonce(self, address: bytes) -> None:
        """A pretended nonce may be the last one."""
        self.set_nonce(address, (self.get_nonce(address) + 1) % NONCES)  # type: ignore[attr-defined]


@cache
def simulated_state(fork: Fork, native: bool) -> type[BaseState]:
    """The state class for simulated blocks of a fork."""
    usual: Any = overridable_state(fork, native)
    inner, executor = usual.computation_class, usual.transaction_executor_class
    opcodes = dict(inner.opcodes)
    opcodes[SELFDESTRUCT_VALUE] = _showing(_unwarned(opcodes[SELFDESTRUCT_VALUE]))
    parts = {
        "computation_class": type(f"Simulated{inner.__name__}", (SimulatedComputation, inner), {"opcodes": opcodes}),
        "transaction_executor_class": type(f"Simulated{executor.__name__}", (SimulatedExecutor, executor), {}),
    }
    return type(f"Simulated{usual.__name__}", (SimulatedState, usual), parts)


def _is_callcode(message: Any) -> bool:
    """Others' code in the caller's own name: the value stays where it is."""
    return message.sender == message.storage_address and message.code_address != message.to


def _unwarned(opcode: Any) -> Any:
    """py-evm wraps this opcode only to warn of it."""
    return getattr(opcode, "__wrapped__", opcode)


def _showing(selfdestruct: Callable[..., None]) -> Callable[..., None]:
    def run(computation: Any) -> None:
        address = computation.msg.storage_address
        balance = computation.state.get_balance(address)
        try:
            selfdestruct(computation=computation)
        except Halt:
            if computation.state.show_transfers:
                _show_transfer(computation, address, computation.beneficiaries[-1], balance)
            raise

    run.mnemonic = SELFDESTRUCT  # type: ignore[attr-defined]
    return run


def _show_transfer(computation: Any, sender: bytes, to: bytes, value: int) -> None:
    if value:
        topics = Transfer((TRANSFER_TOPIC, int.from_bytes(sender, "big"), int.from_bytes(to, "big")))
        computation.add_log_entry(TRANSFER_ADDRESS, topics, value.to_bytes(32, "big"))
