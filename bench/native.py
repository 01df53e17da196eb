"""An experiment: a native EVM (pyrevm) executes, our tries and receipts stay; compared block by block with py-evm.

pyrevm runs the messages and names the slots that changed; nonces, the account and storage tries, receipts and their
roots are ours, the same code as in the node. Every block must end in the same state root, with the same status and logs
of every transaction, or the bench fails. Gas is not compared: pyrevm 0.3.7 keeps addresses and slots warm from one
message to the next (EIP-2929 begins anew with each transaction), so what it charges is too little. For the same reason
it stays an experiment, and because it must be told the state beforehand and tells what changed as text only.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bench.measuring import ROUNDS, Against, Comparison, NotRun, Result, Scale, Setting
from bench.token_chain import Signing, holders, in_rows
from node.addresses import checksummed
from node.blocks import EMPTY_ROOT, ZERO_ADDRESS, ZERO_HASH, ordered_root
from node.evm import PyEvm
from node.evm.accounts import Accounts
from node.evm.machine import Database
from node.execution import Environment
from node.genesis import CHAIN_ID, GAS_LIMIT
from node.overlay import Overlay
from node.receipts import Log, Receipt
from node.transactions import Transaction, decode

if TYPE_CHECKING:
    import pyrevm

BENCH = "native"
BLOCK = 500
TIME = 1_700_000_000
SPEC = "CANCUN"
"""The newest that pyrevm 0.3.7 knows by name; the token's code uses nothing newer."""
ACCOUNT = re.compile(r"(0x[0-9a-f]{40}): Account \{.*?storage: \{(.*?)\}, status:", re.DOTALL)
SLOT = re.compile(
    r"(0x[0-9a-f]+|\d+): \w+ \{ [a-z_]*original_value: (0x[0-9a-f]+|\d+), present_value: (0x[0-9a-f]+|\d+)"
)
SIZES = {Scale.SMALL: (16, 2), Scale.NORMAL: (100, 30)}
"""Holders, and payments of each in a round."""


@dataclass(slots=True)
class Made:
    """What a block came to, and the seconds of its parts."""

    root: bytes
    outcome: bytes
    """A root over status and logs of every transaction."""
    executing: float
    rooting: float


@dataclass(slots=True)
class Parts:
    """Seconds of all blocks of a round, by part."""

    decoding: float = 0.0
    executing: float = 0.0
    rooting: float = 0.0
    ends: list[tuple[bytes, bytes]] = field(default_factory=list)

    def add(self, made: Made) -> None:
        """One block more."""
        self.executing += made.executing
        self.rooting += made.rooting
        self.ends.append((made.root, made.outcome))

    @property
    def seconds(self) -> float:
        """All parts together."""
        return self.decoding + self.executing + self.rooting


class OnPyEvm:
    """Blocks on the node's own executor, in memory."""

    def __init__(self) -> None:
        self.nodes, self.number, self.root = Overlay(lambda _: None), 0, EMPTY_ROOT
        self.slots: dict[bytes, dict[int, int]] = {}

    def block(self, transactions: Sequence[Transaction], remember: bool = False) -> Made:
        """Execute; every transaction must succeed. `remember` keeps what lies in the storage of contracts."""
        self.number += 1
        begin = time.perf_counter()
        run = PyEvm().run(_environment(self.number), self.root, self.nodes)
        receipts = [run.apply(tx) for tx in transactions]
        executed = time.perf_counter()
        if remember:
            for address, slots in run.state._account_db._slots.items():
                self.slots.setdefault(address, {}).update(slots.values)
        self.root = run.close()
        return _made(self.root, receipts, begin, executed)


class OnNative:
    """Blocks on pyrevm, with our tries, from where py-evm stands. The machine is told the contracts anew for each."""

    def __init__(self, start: OnPyEvm) -> None:
        """Raises ImportError where there is no pyrevm."""
        import pyrevm

        self._revm, self._number, self._root = pyrevm, start.number, start.root
        self._nodes = Overlay(start.nodes.get)
        self._slots = {address: dict(slots) for address, slots in start.slots.items()}
        view = PyEvm().view(_environment(self._number), self._root, self._nodes)
        self._codes = {address: view.code(address) for address in self._slots}

    def _machine(self) -> "pyrevm.EVM":
        revm = self._revm
        block = revm.BlockEnv(number=self._number, timestamp=TIME + self._number, gas_limit=GAS_LIMIT, basefee=0)
        machine: pyrevm.EVM = revm.EVM(env=revm.Env(block=block), spec_id=SPEC)
        for address, code in self._codes.items():
            shown = checksummed(address)
            machine.insert_account_info(shown, revm.AccountInfo(nonce=1, code=code))
            for slot, value in self._slots[address].items():
                machine.insert_account_storage(shown, slot, value)
        return machine

    def block(self, transactions: Sequence[Transaction]) -> Made:
        """Execute calls; every one must succeed."""
        self._number += 1
        begin = time.perf_counter()
        machine, receipts, nonces, gas = self._machine(), list[Receipt](), dict[bytes, int](), 0
        for tx in transactions:
            machine.message_call(checksummed(tx.sender), checksummed(tx.to), tx.data, value=tx.value, gas=tx.gas)
            result = machine.result
            assert result is not None
            gas += result.gas_used
            nonces[tx.sender] = tx.nonce + 1
            receipts.append(
                Receipt(tx.type, result.is_success, result.gas_used, gas, tx.sender, b"", tuple(map(_log, result.logs)))
            )
        changes = _changes(machine.journal_str)
        executed = time.perf_counter()
        self._root = self._into_tries(nonces, changes)
        return _made(self._root, receipts, begin, executed)

    def _into_tries(self, nonces: dict[bytes, int], changes: dict[bytes, dict[int, int]]) -> bytes:
        accounts = Accounts(Database(self._nodes), self._root)
        for address, nonce in nonces.items():
            accounts.set_nonce(address, nonce)
        for address, slots in changes.items():
            self._slots[address].update(slots)
            for slot, value in slots.items():
                accounts.set_storage(address, slot, value)
        accounts.persist()
        return accounts.state_root


def _made(root: bytes, receipts: list[Receipt], begin: float, executed: float) -> Made:
    """The receipts root belongs to the work of a block, although its gas is not compared."""
    ordered_root([receipt.encode() for receipt in receipts])
    ended = time.perf_counter()
    assert all(receipt.status for receipt in receipts)
    outcome = ordered_root([replace(receipt, gas_used=0, cumulative_gas=0).encode() for receipt in receipts])
    return Made(root, outcome, executed - begin, ended - executed)


def measure(setting: Setting) -> list[Result]:
    """Payments a second on both machines: all the work of a block, and its parts."""
    people, each = SIZES[setting.scale]
    accounts, signing, plain = holders(people), Signing(), OnPyEvm()
    setting.say("setting up both machines")
    for raw in signing.setup(accounts):
        plain.block([decode(raw)], remember=True)
    try:
        native = OnNative(plain)
    except ImportError as error:
        return [NotRun(BENCH, "payments on a native EVM", f"not installed ({error})")]
    rounds: tuple[list[Parts], list[Parts]] = ([], [])
    for number in range(ROUNDS):
        setting.say(f"round {number + 1} of {ROUNDS}")
        raws = in_rows([signing.transfers(holder, number * each, each) for holder in accounts])
        parts = _round(native, raws), _round(plain, raws)
        assert parts[0].ends == parts[1].ends, "a block ends otherwise on the native machine"
        for kept, one in zip(rounds, parts, strict=True):
            kept.append(one)
    count = people * each
    return [_line(what, count, *rounds) for what in ("all of a block", "decoding", "executing", "rooting")]


def _round(machine: OnPyEvm | OnNative, raws: Sequence[bytes]) -> Parts:
    parts = Parts()
    for start in range(0, len(raws), BLOCK):
        begin = time.perf_counter()
        transactions = [decode(raw) for raw in raws[start : start + BLOCK]]
        parts.decoding += time.perf_counter() - begin
        parts.add(machine.block(transactions))
    return parts


WORDS = {
    "all of a block": "payments, all but HTTP and disk",
    "decoding": "decoding and recovering the sender alone",
    "executing": "executing alone, with receipts",
    "rooting": "state root and receipts root alone",
}


def _line(what: str, count: int, native: list[Parts], plain: list[Parts]) -> Comparison:
    name = "seconds" if what == "all of a block" else what
    rates = [tuple(count / getattr(parts, name) for parts in machine) for machine in (native, plain)]
    return Comparison(BENCH, WORDS[what], "payments/s", rates[0], "py-evm", rates[1], Against.PEER)


def _environment(number: int) -> Environment:
    return Environment(CHAIN_ID, number, TIME + number, ZERO_ADDRESS, GAS_LIMIT, ZERO_HASH, ())


def _log(entry: object) -> Log:
    topics, data = entry.data  # type: ignore[attr-defined]
    return Log(
        bytes.fromhex(entry.address[2:]),  # type: ignore[attr-defined]
        tuple(bytes(topic) for topic in topics),
        bytes(data),
    )


def _changes(journal: str) -> dict[bytes, dict[int, int]]:
    """Slots that differ from what they were before the block, out of the text in which the journal is shown."""
    found: dict[bytes, dict[int, int]] = {}
    for address, storage in ACCOUNT.findall(journal):
        slots = {
            int(slot, 0): int(after, 0)
            for slot, before, after in SLOT.findall(storage)
            if int(before, 0) != int(after, 0)
        }
        if slots:
            found[bytes.fromhex(address[2:])] = slots
    return found
