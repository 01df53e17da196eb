"""Execution on py-evm at the Prague rules: the only module that imports it.

The base fee is zero because headers are ours and none is ever computed: py-evm's two places that derive a base fee
from the parent (header creation and header validation of its London rules) are not used. Signatures were checked when
the transaction was decoded and are not checked again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from eth.abc import ComputationAPI
from eth.db.backends.base import BaseAtomicDB
from eth.exceptions import InsufficientFunds, OutOfGas, PyEVMError, Revert, VMError
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth.vm.forks.prague.transactions import Authorization
from eth.vm.interrupt import EVMMissingData
from eth.vm.message import Message
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.exceptions import ValidationError

from node.blocks import EMPTY_ROOT, ZERO_ADDRESS
from node.errors import CallFailed, CallReverted, Refused, TransactionRefused
from node.execution import Account, CallRequest, Environment
from node.overlay import Overlay
from node.precompiles import CLOSED
from node.receipts import Log, Receipt
from node.transactions import Transaction, created_address, intrinsic_gas, least_gas

REFUND_QUOTIENT = 5
"""EIP-3529."""
CALL_STIPEND = 2_300
ESTIMATE_ERROR = 0.015
REVERT_SELECTOR = bytes.fromhex("08c379a0")
PANIC_SELECTOR = bytes.fromhex("4e487b71")


class _Database(BaseAtomicDB):
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
    def atomic_batch(self) -> Iterator["_Database"]:
        yield self


def _closed(computation: ComputationAPI) -> ComputationAPI:
    raise VMError("PRECOMPILE_CLOSED: this built-in contract is closed on this chain")


class _Computation(PragueComputation):
    """Prague, with the built-in contracts closed that are slow here."""

    _precompiles: ClassVar = {**PragueComputation.get_precompiles(), **dict.fromkeys(CLOSED, _closed)}


class _EvmState(PragueState):
    computation_class = _Computation


class _Payload:
    """What py-evm's state wants to know of a transaction; its sender is given, not recovered."""

    __slots__ = (
        "access_list", "authorization_list", "data", "gas", "intrinsic_gas", "max_fee_per_gas",
        "max_priority_fee_per_gas", "nonce", "s", "sender", "to", "type_id", "value",
    )  # fmt: skip

    def __init__(self, request: CallRequest, sender: bytes, nonce: int, gas: int) -> None:
        self.sender, self.nonce, self.gas = sender, nonce, gas
        self.to, self.value, self.data, self.access_list = request.to, request.value, request.data, request.access_list
        self.max_fee_per_gas = self.max_priority_fee_per_gas = 0
        self.authorization_list: tuple[Authorization, ...] = ()
        self.type_id, self.s = 2, 1
        self.intrinsic_gas = intrinsic_gas(request.data, not request.to, request.access_list, 0)

    @classmethod
    def of(cls, tx: Transaction) -> "_Payload":
        request = CallRequest(tx.sender, tx.to, tx.value, tx.data, access_list=tx.access_list)
        payload = cls(request, tx.sender, tx.nonce, tx.gas)
        payload.max_fee_per_gas, payload.max_priority_fee_per_gas = tx.max_fee, tx.max_priority_fee
        payload.type_id, payload.s = tx.type, tx.s
        payload.authorization_list = tuple(
            Authorization(a.chain_id, a.address, a.nonce, a.y_parity, a.r, a.s) for a in tx.authorizations
        )
        payload.intrinsic_gas += 25_000 * len(tx.authorizations)
        return payload

    def validate(self) -> None:
        """Form and signature were checked at decoding, the rest by `node.rules`."""


class _State:
    """A py-evm state in our words."""

    def __init__(self, environment: Environment, root: bytes, nodes: Overlay) -> None:
        context = ExecutionContext(
            coinbase=environment.proposer,
            timestamp=environment.time,
            block_number=environment.number,
            difficulty=0,
            mix_hash=environment.mix_hash,
            gas_limit=environment.gas_limit,
            prev_hashes=environment.ancestors,
            chain_id=environment.chain_id,
            base_fee_per_gas=0,
            excess_blob_gas=0,
        )
        self._state = _EvmState(_Database(nodes), context, root)

    def account(self, address: bytes) -> Account:
        state = self._state
        return Account(state.get_nonce(address), state.get_balance(address), state.get_code_hash(address))

    def code(self, address: bytes) -> bytes:
        return bytes(self._state.get_code(address))

    def storage(self, address: bytes, slot: int) -> int:
        return int(self._state.get_storage(address, slot))

    def static_call(self, to: bytes, data: bytes, gas: int) -> bytes | None:
        state = self._state
        message = Message(
            gas=gas, to=to, sender=ZERO_ADDRESS, value=0, data=data, code=state.get_code(to), is_static=True
        )
        context = state.get_transaction_context_class()(gas_price=0, origin=ZERO_ADDRESS)
        snapshot = state.snapshot()
        computation = state.computation_class.apply_message(state, message, context)
        state.revert(snapshot)
        return None if computation.is_error else bytes(computation.output)


class _Run(_State):
    """A block in the making."""

    def __init__(self, environment: Environment, root: bytes, nodes: Overlay) -> None:
        super().__init__(environment, root, nodes)
        self.gas_used = 0
        self._last: tuple[Any, int, ComputationAPI] | None = None

    def apply(self, transaction: Transaction) -> Receipt:
        state, before = self._state, self.gas_used
        self._settle()
        state.lock_changes()
        snapshot = state.snapshot()
        try:
            computation = state.apply_transaction(_Payload.of(transaction))
        except (ValidationError, PyEVMError) as error:
            state.revert(snapshot)
            raise TransactionRefused(Refused.TX_INVALID, f"the transaction cannot be executed: {error}") from error
        self._last = (snapshot, before, computation)
        used = _gas_used(transaction.gas, computation, transaction.data)
        self.gas_used += used
        return Receipt(
            type=transaction.type,
            status=int(computation.is_success),
            gas_used=used,
            cumulative_gas=self.gas_used,
            sender=transaction.sender,
            contract=b"" if transaction.to else created_address(transaction.sender, transaction.nonce),
            logs=tuple(
                Log(address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
                for address, topics, data in computation.get_log_entries()
            ),
        )

    def undo(self) -> None:
        if self._last is None:
            raise ValueError("nothing to undo")
        snapshot, self.gas_used, _ = self._last
        self._state.revert(snapshot)
        self._last = None

    def _settle(self) -> None:
        if self._last is not None:
            self._state.commit(self._last[0])
            self._last = None

    def touched(self, address: bytes) -> bool:
        return self._last is not None and _ran_as(self._last[2], address)

    def close(self) -> bytes:
        self._settle()
        self._state.persist()
        return bytes(self._state.state_root)


class PyEvm:
    """The `Executor` on py-evm."""

    def genesis_state(self, alloc: Mapping[bytes, int], nodes: Overlay) -> bytes:
        environment = Environment(0, 0, 0, ZERO_ADDRESS, 0, bytes(32), ())
        run = _Run(environment, EMPTY_ROOT, nodes)
        for address, balance in alloc.items():
            run._state.set_balance(address, balance)
        return run.close()

    def view(self, environment: Environment, root: bytes, nodes: Overlay) -> _State:
        return _State(environment, root, nodes)

    def run(self, environment: Environment, root: bytes, nodes: Overlay) -> _Run:
        return _Run(environment, root, nodes)

    def call(self, environment: Environment, root: bytes, nodes: Overlay, request: CallRequest) -> bytes:
        gas = min(request.gas or environment.gas_limit, environment.gas_limit)
        computation = _execute(_State(environment, root, nodes), request, gas)
        _raise_if_failed(computation)
        return bytes(computation.output)

    def estimate(self, environment: Environment, root: bytes, nodes: Overlay, request: CallRequest) -> int:
        state = _State(environment, root, nodes)
        highest = min(request.gas or environment.gas_limit, environment.gas_limit)
        lowest = least_gas(request.data, not request.to, request.access_list, 0) - 1
        if highest <= lowest:
            raise CallFailed("GAS_EXCEEDS_ALLOWANCE", f"gas required exceeds allowance ({highest})")
        if not request.data and _execute(state, request, lowest + 1).is_success:
            return lowest + 1
        computation = _execute(state, request, highest)
        if computation.is_error and isinstance(computation.error, OutOfGas):
            raise CallFailed("GAS_EXCEEDS_ALLOWANCE", f"gas required exceeds allowance ({highest})")
        _raise_if_failed(computation)
        spent = highest - computation.get_gas_remaining()
        lowest = max(lowest, _gas_used(highest, computation, request.data) - 1)
        guess = (spent + CALL_STIPEND) * 64 // 63
        if lowest < guess < highest:
            lowest, highest = _narrow(state, request, lowest, highest, guess)
        while lowest + 1 < highest and (highest - lowest) / highest >= ESTIMATE_ERROR:
            middle = min((lowest + highest) // 2, max(lowest * 2, lowest + 1))
            lowest, highest = _narrow(state, request, lowest, highest, middle)
        return highest


def _narrow(state: _State, request: CallRequest, lowest: int, highest: int, middle: int) -> tuple[int, int]:
    failed = _execute(state, request, middle).is_error
    return (middle, highest) if failed else (lowest, middle)


def _execute(view: _State, request: CallRequest, gas: int) -> ComputationAPI:
    """Run a call on a state that forgets it. Raises CallFailed."""
    if request.to in CLOSED:
        raise CallFailed("PRECOMPILE_CLOSED", f"the built-in contract 0x{request.to.hex()} is closed on this chain")
    state = view._state
    sender = request.sender or ZERO_ADDRESS
    if gas < least_gas(request.data, not request.to, request.access_list, 0):
        raise CallFailed("INTRINSIC_GAS", "intrinsic gas too low", "leave the gas out, or raise it")
    state.lock_changes()
    snapshot = state.snapshot()
    try:
        if request.sender is None and state.get_balance(sender) < request.value:
            state.set_balance(sender, request.value)
        return state.apply_transaction(_Payload(request, sender, state.get_nonce(sender), gas))
    except (ValidationError, InsufficientFunds) as error:
        raise CallFailed("INSUFFICIENT_FUNDS", f"insufficient funds for transfer: {error}") from error
    except EVMMissingData as error:
        raise CallFailed("STATE_UNAVAILABLE", "the state of this block is not in the store") from error
    except VMError as error:
        raise CallFailed("EXECUTION_FAILED", f"execution failed: {error}") from error
    finally:
        state.revert(snapshot)


def _gas_used(gas: int, computation: ComputationAPI, data: bytes) -> int:
    """Gas charged: execution less refunds, or the floor for calldata (EIP-3529, EIP-7623)."""
    spent = gas - int(computation.get_gas_remaining())
    refund = min(int(computation.get_gas_refund()), spent // REFUND_QUOTIENT)
    zeros = data.count(0)
    return max(spent - refund, 21_000 + 10 * (zeros + 4 * (len(data) - zeros)))


def _ran_as(computation: ComputationAPI, address: bytes) -> bool:
    return computation.msg.storage_address == address or any(_ran_as(c, address) for c in computation.children)


def _raise_if_failed(computation: ComputationAPI) -> None:
    if not computation.is_error:
        return
    if isinstance(computation.error, Revert):
        output = bytes(computation.output)
        raise CallReverted(output, revert_reason(output))
    if isinstance(computation.error, OutOfGas):
        raise CallFailed("OUT_OF_GAS", "out of gas", "raise the gas")
    raise CallFailed("EXECUTION_FAILED", f"execution failed: {type(computation.error).__name__}: {computation.error}")


def revert_reason(output: bytes) -> str:
    """The text of Error(string), the number of Panic(uint256), or nothing."""
    try:
        if output[:4] == REVERT_SELECTOR:
            return str(abi_decode(["string"], output[4:])[0])
        if output[:4] == PANIC_SELECTOR:
            return f"panic code {abi_decode(['uint256'], output[4:])[0]:#x}"
    except (DecodingError, UnicodeDecodeError, OverflowError):
        return ""
    return ""
