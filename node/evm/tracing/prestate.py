"""The accounts and slots that an execution looked at: as they were before, or what it changed (geth's prestateTracer).

The watch only notes which they are; their values are read from the state afterwards, before and after taking it back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eth.abc import MessageAPI
from eth.exceptions import VMError

from node.evm.state import State
from node.evm.tracing.budget import Budget
from node.evm.tracing.hook import CALLS, Watch, address_of, stack_of
from node.traces import Prestate

LOOKS = frozenset({"BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH", "SELFDESTRUCT"})
ACCOUNT_BYTES, SLOT_BYTES = 200, 140
"""What an account without code takes as JSON, about; and a slot."""
Snapshot = dict[bytes, "_Account"]


@dataclass(slots=True)
class _Account:
    balance: int
    nonce: int
    code: bytes
    storage: dict[int, int] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        return bool(self.balance or self.nonce or self.code)

    def fields(self, other: "_Account | None" = None) -> dict[str, Any]:
        """As JSON; with `other`, only what is different from it."""
        shown: dict[str, Any] = {}
        if other is None or self.balance != other.balance:
            shown["balance"] = hex(self.balance)
        if self.nonce and (other is None or self.nonce != other.nonce):
            shown["nonce"] = self.nonce
        if self.code and (other is None or self.code != other.code):
            shown["code"] = "0x" + self.code.hex()
        slots = {
            f"0x{slot:064x}": f"0x{value:064x}"
            for slot, value in self.storage.items()
            if other is None or (value and value != other.storage[slot])
        }
        return shown | ({"storage": slots} if slots else {})


class PrestateTracer(Watch):
    """Notes accounts and slots of one execution, beginning with `known`; reads them from `view`, if any, at the end."""

    def __init__(self, kind: Prestate, budget: Budget, known: Iterable[bytes], view: State | None = None) -> None:
        self._kind, self._budget, self._view = kind, budget, view
        self._seen: dict[bytes, set[int]] = {address: set() for address in known}
        self._gone: set[bytes] = set()
        self._before: Snapshot = {}
        self._after: Snapshot = {}
        self._depth = 0

    def step(self, computation: Any, pc: int, name: str) -> None:
        self._budget.step()
        stack, here = computation._stack.values, computation.msg.storage_address
        if name in ("SLOAD", "SSTORE") and stack:
            self._see(here)
            self._see_slot(here, stack_of(computation)[-1])
        elif name in LOOKS and stack:
            self._see(address_of(stack_of(computation)[-1]))
        elif name in CALLS and len(stack) > 1:
            self._see(address_of(stack_of(computation)[-2]))

    def stepped(self, computation: Any, cost: int, error: VMError | None) -> None:
        for address in computation.accounts_to_delete:
            self._gone.add(address)

    def enter(self, computation: Any, message: MessageAPI) -> None:
        self._depth += 1
        self._see(message.storage_address)

    def leave(self, computation: Any, error: VMError | None) -> None:
        self._depth -= 1
        if self._depth == 0 and self._view is not None:
            self.read_after(self._view)

    def read_before(self, view: State) -> None:
        """Read from the state as it was."""
        self._before = self._read(view)

    def read_after(self, view: State) -> None:
        """Read from the state as it became."""
        self._after = self._read(view)

    def result(self) -> dict[str, Any]:
        """Accounts by address; or those that changed, in `pre` and `post`."""
        before, after = self._before, self._after
        if not self._kind.changes:
            return {"0x" + address.hex(): account.fields() for address, account in before.items() if account.exists}
        changed = [address for address in before if before[address] != after[address]]
        gone = {address for address in self._gone if not after[address].exists}
        return {
            "post": {
                "0x" + address.hex(): after[address].fields(before[address])
                for address in changed
                if address not in gone
            },
            "pre": {
                "0x" + address.hex(): _base(before[address], after[address])
                for address in changed
                if before[address].exists
            },
        }

    def _see(self, address: bytes) -> None:
        if address not in self._seen:
            self._budget.spend(ACCOUNT_BYTES)
            self._seen[address] = set()

    def _see_slot(self, address: bytes, slot: int) -> None:
        if slot not in self._seen[address]:
            self._budget.spend(SLOT_BYTES)
            self._seen[address].add(slot)

    def _read(self, view: State) -> Snapshot:
        found = {}
        for address, slots in self._seen.items():
            account, code = view.account(address), view.code(address)
            self._budget.spend(len(code))
            storage = {slot: view.storage(address, slot) for slot in sorted(slots)}
            found[address] = _Account(account.balance, account.nonce, code, storage)
        return found


def _base(before: _Account, after: _Account) -> dict[str, Any]:
    """The account as it was, with those of its slots that changed and held something."""
    slots = {slot: value for slot, value in before.storage.items() if value and value != after.storage[slot]}
    return _Account(before.balance, before.nonce, before.code, slots).fields()
