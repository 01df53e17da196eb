"""The calls of an execution as a tree, in the form of geth's callTracer.

The tree is written without recursion: it may be as deep as calls are.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson
from eth.abc import MessageAPI
from eth.constants import STACK_DEPTH_LIMIT
from eth.exceptions import Revert, VMError
from eth.vm.mnemonics import CALL, CALLCODE, CREATE, SELFDESTRUCT, STATICCALL

from node.evm.calls import revert_reason
from node.evm.tracing.budget import Budget
from node.evm.tracing.failures import words
from node.evm.tracing.hook import CALLS, CREATES, Watch, address_of, stack_of
from node.traces import CallTree

FRAME_BYTES, LOG_BYTES = 320, 220
"""What a call without data takes as JSON, about; and a log."""


@dataclass(slots=True)
class Frame:
    """A call; bytes become hex only when the tree is written. `log_count` is the index of the next log as it began."""

    kind: str
    sender: bytes
    to: bytes | None
    gas: int
    input: bytes
    value: int | None
    log_count: int = 0
    gas_used: int = 0
    output: bytes = b""
    error: str = ""
    calls: list["Frame"] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)

    def fields(self, logs: bool) -> dict[str, Any]:
        """All but the inner calls."""
        shown: dict[str, Any] = {
            "type": self.kind,
            "from": "0x" + self.sender.hex(),
            "gas": hex(self.gas),
            "gasUsed": hex(self.gas_used),
            "input": "0x" + self.input.hex(),
        }
        if self.to is not None:
            shown["to"] = "0x" + self.to.hex()
        if self.value is not None:
            shown["value"] = hex(self.value)
        if self.output:
            shown["output"] = "0x" + self.output.hex()
        if self.error:
            shown["error"] = self.error
            reason = revert_reason(self.output)
            if reason:
                shown["revertReason"] = reason
        if logs and self.logs:
            shown["logs"] = self.logs
        return shown


class CallTracer(Watch):
    """Keeps the calls of one execution. `first_log` is the block-wide index of its first log."""

    def __init__(self, kind: CallTree, budget: Budget, first_log: int) -> None:
        self._kind, self._budget, self._log_count = kind, budget, first_log
        self._open: list[Frame] = []
        self._root: Frame | None = None
        self._name, self._stack = CALL, list[int]()
        self._leaf: Frame | None = None

    def step(self, computation: Any, pc: int, name: str) -> None:
        self._budget.step()
        self._name, self._leaf = name, None
        if name in CALLS or name in CREATES:
            self._stack = stack_of(computation)
            self._leaf = refused(name, self._stack, computation)
        elif name == SELFDESTRUCT:
            self._leaf = destructed(stack_of(computation), computation)

    def stepped(self, computation: Any, cost: int, error: VMError | None) -> None:
        leaf, self._leaf = self._leaf, None
        if leaf is None or error is not None or self._kind.only_top:
            return
        if leaf.error:
            leaf.gas, leaf.input = computation.returned, _argument(computation, leaf.kind, self._stack)
        self._budget.spend(FRAME_BYTES + 2 * len(leaf.input))
        self._open[-1].calls.append(leaf)

    def enter(self, computation: Any, message: MessageAPI) -> None:
        data = bytes(message.code if message.is_create else message.data)
        if computation is None:
            kind, sender, to = (CREATE if message.is_create else CALL), message.sender, message.storage_address
        else:
            kind, sender = self._name, computation.msg.storage_address
            to = message.storage_address if message.is_create else address_of(self._stack[-2])
        value = None if kind == STATICCALL else message.value
        frame = Frame(kind, sender, to, message.gas, data, value, self._log_count)
        if self._wanted:
            self._budget.spend(FRAME_BYTES + 2 * len(data))
            if self._open:
                self._open[-1].calls.append(frame)
        self._open.append(frame)

    def leave(self, computation: Any, error: VMError | None) -> None:
        frame = self._open.pop()
        frame.gas_used = frame.gas if computation is None else computation.get_gas_used()
        if error is None or isinstance(error, Revert):
            frame.output = bytes(computation.output)
        if error is not None:
            frame.error = words(error)
            self._log_count = frame.log_count
            if computation is None or computation.msg.is_create:
                frame.to = None
        if self._wanted:
            self._budget.spend(2 * len(frame.output))
        if not self._open:
            self._root = frame

    def emitted(self, address: bytes, topics: tuple[int, ...], data: bytes) -> None:
        if not self._kind.logs or (self._kind.only_top and len(self._open) > 1):
            return
        self._budget.spend(LOG_BYTES + 2 * len(data) + 70 * len(topics))
        frame = self._open[-1]
        frame.logs.append(
            {
                "address": "0x" + address.hex(),
                "topics": [f"0x{topic:064x}" for topic in topics],
                "data": "0x" + data.hex(),
                "index": hex(self._log_count),
                "position": hex(len(frame.calls)),
            }
        )
        self._log_count += 1

    def result(self, gas: int, gas_used: int) -> Any:
        """The tree; `gas` is what the transaction offered."""
        root = self._root
        if root is None:
            raise ValueError("nothing was executed")
        root.gas, root.gas_used = gas, gas_used
        return orjson.Fragment(bytes(_written(root)))

    @property
    def _wanted(self) -> bool:
        return not self._open or not self._kind.only_top


def destructed(stack: list[int], computation: Any) -> Frame | None:
    """The end of a contract, shown as a call that takes its balance along."""
    if not stack:
        return None
    address = computation.msg.storage_address
    balance = computation.state.get_balance(address)
    return Frame(SELFDESTRUCT, address, address_of(stack[-1]), 0, b"", balance)


def refused(name: str, stack: list[int], computation: Any) -> Frame | None:
    """A call or creation that will not even be entered, for want of balance or because it would be too deep."""
    value_at = -1 if name in CREATES else -3 if name in (CALL, CALLCODE) else 0
    if len(stack) < (3 if name in CREATES else 6):
        return None
    here, value = computation.msg.storage_address, stack[value_at] if value_at else None
    if computation.msg.depth >= STACK_DEPTH_LIMIT:
        error = "max call depth exceeded"
    elif value and computation.state.get_balance(here) < value:
        error = "insufficient balance for transfer"
    else:
        return None
    to = None if name in CREATES else address_of(stack[-2])
    return Frame(name, here, to, 0, b"", value, error=error)


def _argument(computation: Any, name: str, stack: list[int]) -> bytes:
    """The memory that a call or creation was given."""
    first = 2 if name in CREATES else 4 if name in (CALL, CALLCODE) else 3
    return bytes(computation.memory_read_bytes(stack[-first], stack[-first - 1]))


def _written(root: Frame) -> bytearray:
    """The tree in JSON; what a failed call logged, itself or within, did not happen."""
    text = bytearray()
    work: list[bytes | tuple[Frame, bool]] = [(root, True)]
    while work:
        item = work.pop()
        if isinstance(item, bytes):
            text += item
            continue
        frame, kept = item
        kept = kept and not frame.error
        text += orjson.dumps(frame.fields(kept))
        if not frame.calls:
            continue
        text[-1:] = b',"calls":['
        work.append(b"]}")
        for number, call in enumerate(reversed(frame.calls), 1):
            work.append((call, kept))
            if number < len(frame.calls):
                work.append(b",")
    return text
