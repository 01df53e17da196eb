"""Calls and estimates: executions on a state that forgets them."""

from dataclasses import replace

from eth.abc import ComputationAPI
from eth.exceptions import InsufficientFunds, OutOfGas, Revert, VMError
from eth.vm.interrupt import EVMMissingData
from eth_abi.abi import decode as abi_decode
from eth_abi.exceptions import DecodingError
from eth_utils.exceptions import ValidationError

from node.blocks import ZERO_ADDRESS
from node.errors import CallFailed, CallReverted
from node.evm.machine import gas_used_by
from node.evm.payload import Payload
from node.evm.state import State
from node.execution import CallRequest, Environment
from node.precompiles import CLOSED
from node.transactions import GAS_PER_BLOB, least_gas

CALL_STIPEND = 2_300
ESTIMATE_ERROR = 0.015
REVERT_SELECTOR = bytes.fromhex("08c379a0")
PANIC_SELECTOR = bytes.fromhex("4e487b71")


def visible(environment: Environment, request: CallRequest) -> Environment:
    """The block as a call sees it: who offers no fee sees no base fee. Raises CallFailed."""
    if not request.max_fee:
        return replace(environment, base_fee=0) if environment.base_fee else environment
    if request.max_fee < environment.base_fee:
        raise CallFailed(
            "FEE_BELOW_BASE",
            f"max fee per gas less than block base fee: {request.max_fee} < {environment.base_fee}",
            "offer more, or leave the fees out",
        )
    return environment


def call(state: State, request: CallRequest) -> bytes:
    """What a call returns. Raises CallFailed, CallReverted."""
    limit = state.environment.gas_limit
    computation = execute(state, request, min(request.gas or limit, limit))
    raise_if_failed(computation)
    return bytes(computation.output)


def estimate(state: State, request: CallRequest) -> int:
    """The least gas with which a call succeeds, within 1.5 %. Raises CallFailed, CallReverted."""
    highest = min(request.gas or state.environment.gas_limit, state.environment.gas_limit)
    lowest = _least(state, request) - 1
    if highest <= lowest:
        raise CallFailed("GAS_EXCEEDS_ALLOWANCE", f"gas required exceeds allowance ({highest})")
    if not request.data and execute(state, request, lowest + 1).is_success:
        return lowest + 1
    computation = execute(state, request, highest)
    if computation.is_error and isinstance(computation.error, OutOfGas):
        raise CallFailed("GAS_EXCEEDS_ALLOWANCE", f"gas required exceeds allowance ({highest})")
    raise_if_failed(computation)
    spent = highest - computation.get_gas_remaining()
    lowest = max(lowest, gas_used_by(highest, computation, request.data, state.environment.fork) - 1)
    guess = (spent + CALL_STIPEND) * 64 // 63
    if lowest < guess < highest:
        lowest, highest = _narrow(state, request, lowest, highest, guess)
    while lowest + 1 < highest and (highest - lowest) / highest >= ESTIMATE_ERROR:
        middle = min((lowest + highest) // 2, max(lowest * 2, lowest + 1))
        lowest, highest = _narrow(state, request, lowest, highest, middle)
    return highest


def _narrow(state: State, request: CallRequest, lowest: int, highest: int, middle: int) -> tuple[int, int]:
    failed = execute(state, request, middle).is_error
    return (middle, highest) if failed else (lowest, middle)


def execute(view: State, request: CallRequest, gas: int) -> ComputationAPI:
    """Run a call on a state that forgets it. Raises CallFailed."""
    if view.environment.native and request.to in CLOSED and not _replaced(view, request.to):
        raise CallFailed("PRECOMPILE_CLOSED", f"the built-in contract 0x{request.to.hex()} is closed on this chain")
    state = view.state
    sender = request.sender or ZERO_ADDRESS
    if gas < _least(view, request):
        raise CallFailed("INTRINSIC_GAS", "intrinsic gas too low", "leave the gas out, or raise it")
    state.lock_changes()
    snapshot = state.snapshot()
    try:
        if request.sender is None and state.get_balance(sender) < request.value:
            state.set_balance(sender, request.value)
        settled = _settled(view, request)
        _lend_fees(view, settled, sender, gas)
        return state.apply_transaction(Payload(settled, sender, state.get_nonce(sender), gas, view.environment.fork))
    except (ValidationError, InsufficientFunds) as error:
        raise CallFailed("INSUFFICIENT_FUNDS", f"insufficient funds for transfer: {error}") from error
    except EVMMissingData as error:
        raise CallFailed("STATE_UNAVAILABLE", "the state of this block is not in the store") from error
    except VMError as error:
        raise CallFailed("EXECUTION_FAILED", f"execution failed: {error}") from error
    finally:
        state.revert(snapshot)


def _replaced(view: State, address: bytes) -> bool:
    """Did an override take the built-in contract away from here?"""
    table = getattr(view.state, "precompile_table", None)
    return table is not None and address not in table


def _least(view: State, request: CallRequest) -> int:
    return least_gas(
        request.data, not request.to, request.access_list, len(request.authorizations), view.environment.fork
    )


def _settled(view: State, request: CallRequest) -> CallRequest:
    """The call with the fees that it really pays, in place of its caps."""
    if not request.max_fee and not request.blob_hashes:
        return request
    base_fee = view.environment.base_fee
    price = min(request.max_fee, base_fee + request.max_priority_fee)
    blob_fee = int(getattr(view.state, "blob_base_fee", 0)) if request.blob_hashes else 0
    return replace(request, max_fee=price, max_priority_fee=price - base_fee, max_blob_fee=blob_fee)


def _lend_fees(view: State, request: CallRequest, sender: bytes, gas: int) -> None:
    """Give the sender exactly what the fees will take, so that they are charged to nobody."""
    fees = gas * request.max_fee + GAS_PER_BLOB * len(request.blob_hashes) * request.max_blob_fee
    if fees:
        view.state.set_balance(sender, view.state.get_balance(sender) + fees)


def raise_if_failed(computation: ComputationAPI) -> None:
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
