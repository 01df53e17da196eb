"""Watching py-evm run: a computation whose instructions and calls report to a `Watch`.

It is a subclass that only a traced state uses; what executes blocks and answers calls never meets it. Each opcode is
wrapped in a closure, so that a watched instruction runs py-evm's own code, and none of its loop is repeated here.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from eth.abc import MessageAPI
from eth.exceptions import Halt, VMError
from eth.vm.gas_meter import GasMeter
from eth.vm.logic.invalid import InvalidOpcode
from eth.vm.mnemonics import CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, STATICCALL

from node.evm.tracing.failures import opcode_name

STOP = 0x00
CALLS = frozenset({CALL, CALLCODE, DELEGATECALL, STATICCALL})
CREATES = frozenset({CREATE, CREATE2})
_NAMES = {"SHA3": "KECCAK256"}
"""Where today's name differs from py-evm's."""


class Watch:
    """Hears of what happens, in order; this one ignores it. An exception that is no VMError ends the execution."""

    def step(self, computation: Any, pc: int, name: str) -> None:
        """An instruction is about to run; `name` is its mnemonic."""

    def stepped(self, computation: Any, cost: int, error: VMError | None) -> None:
        """It ran, failed, or is about to enter a call. `cost` is its gas, with what a call hands on (but without the
        stipend) and without what a creation does."""

    def enter(self, computation: Any, message: MessageAPI) -> None:
        """A call or creation begins; `computation` is the one that makes it, or None for the outermost."""

    def leave(self, computation: Any, error: VMError | None) -> None:
        """It ended; without a computation where it could not begin."""

    def emitted(self, address: bytes, topics: tuple[int, ...], data: bytes) -> None:
        """A log was written."""


class Meter(GasMeter):
    """A gas meter that remembers what could not be paid."""

    missing = 0

    def consume_gas(self, amount: int, reason: str) -> None:
        if amount > self.gas_remaining:
            self.missing = amount
        super().consume_gas(amount, reason)


class _Watched:
    """Mixed into a computation class; its state carries the watch.

    `had` is the gas before the instruction at hand, or None once that is reported; `lowest` what it left before any
    came back, and `returned` what came back first.
    """

    had: int | None = None
    lowest: int | None = None
    returned = 0

    def _configure_gas_meter(self) -> GasMeter:
        usual = super()._configure_gas_meter()  # type: ignore[misc]
        return Meter(usual.start_gas, usual.refund_strategy)

    def return_gas(self, amount: int) -> None:
        if self.lowest is None:
            self.lowest, self.returned = self._gas_meter.gas_remaining, amount  # type: ignore[attr-defined]
        super().return_gas(amount)  # type: ignore[misc]

    def add_log_entry(self, account: bytes, topics: tuple[int, ...], data: bytes) -> None:
        super().add_log_entry(account, topics, data)  # type: ignore[misc]
        self.state.watch.emitted(account, topics, data)  # type: ignore[attr-defined]

    @classmethod
    def apply_message(cls, state: Any, message: MessageAPI, context: Any, parent_computation: Any = None) -> Any:
        apply = super().apply_message  # type: ignore[misc]
        if message.is_create:
            return apply(state, message, context, parent_computation=parent_computation)
        return _framed(apply, state, message, context, parent_computation)

    @classmethod
    def apply_create_message(cls, state: Any, message: MessageAPI, context: Any, parent_computation: Any = None) -> Any:
        apply = super().apply_create_message  # type: ignore[misc]
        return _framed(apply, state, message, context, parent_computation)


def _framed(apply: Callable[..., Any], state: Any, message: MessageAPI, context: Any, parent: Any) -> Any:
    if parent is not None and parent.had is not None:
        handed_on = message.gas if message.is_create else 0
        cost = parent.had - parent.get_gas_meter().gas_remaining - handed_on
        parent.had = None
        state.watch.stepped(parent, cost, None)
    state.watch.enter(parent, message)
    try:
        computation = apply(state, message, context, parent_computation=parent)
    except VMError as error:
        state.watch.leave(None, error)
        raise
    state.watch.leave(computation, computation.error if computation.is_error else None)
    return computation


class _Opcodes(dict[int, Callable[..., None]]):
    """Opcodes that report; one that is not defined fails as py-evm's own does."""

    def __missing__(self, value: int) -> Callable[..., None]:
        made = self[value] = _reporting(InvalidOpcode(value), opcode_name(value), value)
        return made


def _reporting(opcode: Callable[..., None], name: str, value: int) -> Callable[..., None]:
    def run(computation: Any) -> None:
        code = computation.code
        if len(code) == 0:
            opcode(computation=computation)
            return
        meter, state = computation.get_gas_meter(), computation.state
        state.watch.step(computation, _position(code, value), name)
        computation.had, computation.lowest, computation.returned = meter.gas_remaining, None, 0
        try:
            opcode(computation=computation)
        except Halt:
            _report(computation, meter.gas_remaining, None)
            raise
        except VMError as error:
            _report(computation, meter.gas_remaining - meter.missing, error)
            raise
        _report(computation, meter.gas_remaining if computation.lowest is None else computation.lowest, None)

    return run


def _report(computation: Any, left: int, error: VMError | None) -> None:
    if computation.had is not None:
        computation.state.watch.stepped(computation, computation.had - left, error)
        computation.had = None


def _position(code: Any, value: int) -> int:
    """Where the instruction stands. The stop behind the end of the code is in no byte of it."""
    counter = code.program_counter
    if value == STOP and (counter > len(code) or code[counter - 1] != STOP or not code.is_valid_opcode(counter - 1)):
        return counter
    return counter - 1


@cache
def watched(usual: type[Any]) -> type[Any]:
    """The computation class that does what `usual` does and reports it. py-evm wraps one opcode only to warn of it."""
    opcodes = _Opcodes()
    for value, opcode in usual.opcodes.items():
        bare = getattr(opcode, "__wrapped__", opcode)
        opcodes[value] = _reporting(bare, _NAMES.get(bare.mnemonic, bare.mnemonic), value)
    return type(f"Watched{usual.__name__}", (_Watched, usual), {"opcodes": opcodes})


def watch(state: Any, by: Watch) -> None:
    """From now on everything that this state executes is reported."""
    state.computation_class = watched(type(state).computation_class)
    state.watch = by


def stack_of(computation: Any) -> list[int]:
    """The stack, top last."""
    return [v if isinstance(v, int) else int.from_bytes(v, "big") for v in computation._stack.values]


def address_of(word: int) -> bytes:
    """The address in a word of the stack."""
    return (word % (1 << 160)).to_bytes(20, "big")


def unwatch(state: Any) -> None:
    """Back to executing unseen."""
    state.computation_class = type(state).computation_class
