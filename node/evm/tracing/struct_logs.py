"""Every instruction with what it saw: the form of geth's default tracer, hex always with 0x (execution-apis 762).

Each step becomes JSON at once and counts into the budget, so that a long trace ends when it is too large and never
fills the memory first.
"""

from dataclasses import dataclass
from typing import Any

import orjson
from eth.abc import MessageAPI
from eth.exceptions import Revert, VMError

from node.evm.tracing.budget import Budget
from node.evm.tracing.failures import words
from node.evm.tracing.hook import Watch, stack_of
from node.traces import StructLogs

WORD = 32
MOST_GAS = 2**64 - 1
"""JSON libraries read no larger numbers; only what can never be paid costs more."""


@dataclass(slots=True)
class _Refunds:
    """The refund counter when a call began, and what its finished calls added."""

    before: int
    settled: int = 0


class StructLogger(Watch):
    """Keeps the steps of one execution."""

    def __init__(self, kind: StructLogs, budget: Budget) -> None:
        self._kind, self._budget = kind, budget
        self._steps, self._count = bytearray(), 0
        self._pending: dict[str, Any] | None = None
        self._storage: dict[bytes, dict[str, str]] = {}
        self._refunds: list[_Refunds] = []
        self._output, self._error = b"", None

    def step(self, computation: Any, pc: int, name: str) -> None:
        self._budget.step()
        if self._kind.most and self._count >= self._kind.most:
            return
        meter = computation.get_gas_meter()
        seen: dict[str, Any] = {
            "pc": pc, "op": name, "gas": meter.gas_remaining, "gasCost": 0, "depth": computation.msg.depth + 1,
        }  # fmt: skip
        if self._kind.stack:
            seen["stack"] = [hex(word) for word in stack_of(computation)]
        if self._kind.memory:
            self._add_memory(seen, computation)
        if self._kind.return_data and computation.return_data:
            self._budget.spend(2 * len(computation.return_data))
            seen["returnData"] = "0x" + bytes(computation.return_data).hex()
        if self._kind.storage and name in ("SLOAD", "SSTORE"):
            self._add_storage(seen, computation, name)
        refund = self._refund(computation)
        if refund:
            seen["refund"] = refund
        self._pending = seen

    def stepped(self, computation: Any, cost: int, error: VMError | None) -> None:
        seen, self._pending = self._pending, None
        if seen is None:
            return
        seen["gasCost"] = min(cost, MOST_GAS)
        if error is not None and not isinstance(error, Revert):
            seen["error"] = words(error)
        step = orjson.dumps(seen)
        self._budget.spend(len(step) + 1)
        self._count += 1
        if self._steps:
            self._steps += b","
        self._steps += step

    def enter(self, computation: Any, message: MessageAPI) -> None:
        self._refunds.append(_Refunds(message.refund if computation is None else self._refund(computation)))

    def leave(self, computation: Any, error: VMError | None) -> None:
        ended = self._refunds.pop()
        if not self._refunds:
            self._error = error
            self._output = b"" if computation is None else bytes(computation.output)
        elif error is None:
            self._refunds[-1].settled += computation.get_gas_meter().gas_refunded + ended.settled

    def result(self, gas_used: int) -> dict[str, Any]:
        """The whole trace."""
        return {
            "gas": gas_used,
            "failed": self._error is not None,
            "returnValue": "0x" + self._output.hex(),
            "structLogs": orjson.Fragment(b"[" + bytes(self._steps) + b"]"),
        }

    def _refund(self, computation: Any) -> int:
        here = self._refunds[-1]
        return int(here.before + here.settled + computation.get_gas_meter().gas_refunded)

    def _add_memory(self, seen: dict[str, Any], computation: Any) -> None:
        size = len(computation._memory)
        if size:
            self._budget.spend(2 * size)
            text = computation.memory_read_bytes(0, size).hex()
            seen["memory"] = ["0x" + text[at : at + 2 * WORD] for at in range(0, len(text), 2 * WORD)]

    def _add_storage(self, seen: dict[str, Any], computation: Any, name: str) -> None:
        """All slots of this contract that were read or written so far, with this one as it is or will be."""
        stack, address = stack_of(computation), computation.msg.storage_address
        if len(stack) < (1 if name == "SLOAD" else 2):
            return
        slot = stack[-1]
        value = computation.state.get_storage(address, slot) if name == "SLOAD" else stack[-2]
        slots = self._storage.setdefault(address, {})
        slots[f"0x{slot:064x}"] = f"0x{value:064x}"
        self._budget.spend(100 * len(slots))
        seen["storage"] = dict(slots)
