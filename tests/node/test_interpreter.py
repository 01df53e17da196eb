"""Our loop, accounts and trie against py-evm's own: same gas, output, logs and state root, for random code."""

from typing import Any, ClassVar

import pytest
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from hypothesis import given, settings
from hypothesis import strategies as st

from node.evm import machine
from node.evm.interpreter import analyse
from node.evm.machine import Database, EvmState
from node.evm.payload import Payload
from node.execution import CallRequest
from node.overlay import Overlay
from node.trie import EMPTY_ROOT

SENDER, CONTRACTS = b"\x11" * 20, [bytes([0xC0 + n]) * 20 for n in range(3)]


class Plain(PragueComputation):
    """py-evm's loop with the closed built-in contracts."""

    _precompiles: ClassVar = machine._Computation._precompiles


class PlainState(PragueState):
    """py-evm's accounts and transient storage."""

    computation_class = Plain


def op(*codes: int) -> st.SearchStrategy[bytes]:
    return st.sampled_from(codes).map(lambda code: bytes([code]))


def push(values: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    return values.map(lambda n: bytes([0x5F + (size := max(1, (n.bit_length() + 7) // 8))]) + n.to_bytes(size, "big"))


NUMBERS = st.one_of(st.integers(0, 5), st.integers(0, 100), st.just(2**256 - 1), st.integers(0, 2**256 - 1))
SMALL = push(st.integers(0, 70))
CALL = st.builds(
    lambda kind, to, gas: b"\x60\x20\x5f\x60\x20\x5f" + (b"\x60\x01" if kind in b"\xf1\xf2" else b"")
    + b"\x73" + to + b"\x61" + gas.to_bytes(2, "big") + kind,
    st.sampled_from([b"\xf1", b"\xf2", b"\xf4", b"\xfa"]),
    st.sampled_from([*CONTRACTS, bytes(19) + b"\x04", bytes(19) + b"\x02", bytes(19) + b"\x06", b"\x99" * 20]),
    st.integers(0, 60_000),
)  # fmt: skip
PIECES = st.one_of(
    push(NUMBERS), SMALL, SMALL, op(*range(0x01, 0x0C)), op(*range(0x10, 0x1E)), op(*range(0x80, 0x88)),
    op(*range(0x90, 0x98)), op(*range(0x30, 0x4B)), op(0x50, 0x58, 0x59, 0x5A, 0x5B, 0x5F),
    st.builds(lambda a, o: a + o, SMALL, op(0x51, 0x54, 0x5C, 0x35, 0x3F, 0x31)),
    st.builds(lambda a, b, o: a + b + o, push(NUMBERS), SMALL, op(0x52, 0x53, 0x55, 0x5D)),
    st.builds(lambda a, b, o: a + b + o, SMALL, SMALL, op(0x20, 0xA0, 0xF3, 0xFD)),
    st.builds(lambda a, b, c, o: a + b + c + o, SMALL, SMALL, SMALL, op(0x37, 0x39, 0x3E, 0x5E, 0xF0, 0xA1)),
    st.builds(lambda a, o: a + o, SMALL, op(0x56)), st.builds(lambda a, b: a + b + b"\x57", SMALL, SMALL),
    CALL, op(0x00, 0xFE, 0xFF, 0x0C, 0xF5), st.binary(max_size=2),
)  # fmt: skip
CODES = st.lists(PIECES, max_size=40).map(b"".join)


def states() -> list[tuple[Any, Overlay]]:
    context = ExecutionContext(b"\xcc" * 20, 1_700_000_000, 7, 0, bytes(32), 30_000_000, (), 1, 0, 0)
    made = []
    for kind in (PlainState, EvmState):
        nodes = Overlay(lambda _: None)
        made.append((kind(Database(nodes), context, EMPTY_ROOT), nodes))
    return made


def transact(state: Any, to: bytes, data: bytes, gas: int) -> tuple[object, ...]:
    state.lock_changes()
    payload = Payload(CallRequest(SENDER, to, 1, data), SENDER, state.get_nonce(SENDER), gas)
    done = state.apply_transaction(payload)
    kind = type(done.error).__name__ if done.is_error else ""
    # Which of two faults an instruction has, gas or stack, is told by whichever is looked at first; both take all gas.
    burnt = kind in ("OutOfGas", "InsufficientStack", "FullStack")
    return (
        done.get_gas_remaining(), done.get_gas_refund(), bytes(done.output), done.get_log_entries(),
        "burnt" if burnt else kind,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:SELFDESTRUCT")
@settings(max_examples=250, deadline=None)
@given(
    st.lists(CODES, min_size=3, max_size=3),
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=70), st.integers(60_000, 400_000)), max_size=5),
)
def test_random_code_does_the_same_on_both(codes: list[bytes], calls: list[tuple[int, bytes, int]]) -> None:
    roots = []
    (plain, _), (ours, nodes) = states()
    for state in (plain, ours):
        state.set_balance(SENDER, 10**18)
        for address, code in zip(CONTRACTS, codes, strict=True):
            state.set_code(address, code)
            state.set_storage(address, 1, 5)
    for target, data, gas in calls:
        to = CONTRACTS[target] if target < 3 else b""
        sent = codes[0] if target == 3 else data
        assert transact(plain, to, sent, gas) == transact(ours, to, sent, gas)
    for state in (plain, ours):
        state.persist()
        roots.append(state.state_root)
    assert roots[0] == roots[1]
    again = EvmState(Database(nodes), ours.execution_context, roots[1])
    for address in CONTRACTS:
        assert again.get_code(address) == plain.get_code(address)
        assert again.get_balance(address) == plain.get_balance(address)
        assert all(again.get_storage(address, slot) == plain.get_storage(address, slot) for slot in range(70))


def test_a_pushed_jump_destination_is_none() -> None:
    code, pushes, destinations = analyse(bytes.fromhex("605b5b7fff"))
    assert (code[-1], destinations) == (0, {2})
    assert pushes[1] == (0x5B, 2)
    assert pushes[4] == (0xFF << 248, 5)


def test_deep_recursion_and_endless_loops_end_alike() -> None:
    """A contract that calls itself, and one that loops until its gas is gone."""
    itself = b"\x5f\x5f\x5f\x5f\x5f\x30\x5a\xf1\x60\x01\x54\x60\x01\x01\x60\x01\x55"
    for code in (itself, b"\x5b\x60\x01\x50\x5f\x56"):
        outcomes = []
        for state, _ in states():
            state.set_balance(SENDER, 10**18)
            state.set_code(CONTRACTS[0], code)
            outcomes.append((transact(state, CONTRACTS[0], b"", 300_000), state.get_storage(CONTRACTS[0], 1)))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("keeps", [True, False])
def test_a_watched_computation_runs_on_the_loop_of_py_evm(keeps: bool) -> None:
    """Other instructions, as tracing has them, are all called."""
    seen: list[int] = []

    def watched(number: int, usual: Any) -> Any:
        def instruction(computation: Any) -> None:
            seen.append(number)
            usual(computation=computation)

        return instruction

    opcodes = {number: watched(number, usual) for number, usual in PragueComputation.opcodes.items()}
    kind = type("Watched", (machine._Computation,), {} if keeps else {"opcodes": opcodes})
    state, _ = states()[1]
    state.computation_class = kind
    state.set_balance(SENDER, 10**18)
    state.set_code(CONTRACTS[0], b"\x60\x01\x50\x00")
    transact(state, CONTRACTS[0], b"", 100_000)
    assert seen == ([] if keeps else [0x60, 0x50, 0x00])
