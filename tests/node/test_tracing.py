"""Watching executions: against receipts, known values, and laws that hold for any code."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.opcode_values import SHA3, SSTORE
from evm_trace import CallType, create_trace_frames, get_calltree_from_geth_call_trace, get_calltree_from_geth_trace
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import CallFailed, CallReverted, NodeError, TraceLimit
from node.evm import PyEvm
from node.evm.tracing.hook import watched
from node.execution import CallRequest
from node.reader import Reader
from node.traces import CallTree, Prestate, StructLogs, TraceKind, TraceLimits
from node.transactions import created_address
from tests.node.scenes import DEEPENS, LOOPS, REVERTS, STORES, Scene, assembled, calling, deploying, everything
from tests.node.support import FOUNDER, SECOND, Chain, chain, grant_code, raw, sign

AMPLE = TraceLimits(answer_bytes=50_000_000, steps=10_000_000, seconds=60)


class Watcher:
    """Traces on one chain."""

    def __init__(self, on: Chain) -> None:
        self.chain, self.reader = on, Reader(on.application, on.store, PyEvm())

    def last(self, kind: TraceKind, limits: TraceLimits = AMPLE) -> Any:
        """The only transaction of the last block."""
        return json(self.reader.trace(self.chain.application.head, 0, kind, limits)[0])

    def call(self, request: CallRequest, kind: TraceKind, limits: TraceLimits = AMPLE) -> Any:
        return json(self.reader.trace_call(self.chain.application.head, request, kind, limits))


def json(value: object) -> Any:
    return orjson.loads(orjson.dumps(value))


def played(on: Chain, scene: Scene) -> Watcher:
    for transaction in scene.transactions:
        on.seal(transaction)
    return Watcher(on)


@pytest.fixture(scope="module", autouse=True)
def _without_boa() -> Iterator[None]:
    """Titanoboa, once loaded, hangs its own code into two opcodes; it breaks on an empty stack."""
    opcodes = PragueComputation.opcodes
    found = {value: opcodes[value] for value in (SHA3, SSTORE)}
    for value, opcode in found.items():
        opcodes[value] = getattr(opcode, "sha3", getattr(opcode, "sstore", opcode))
    watched.cache_clear()
    yield
    opcodes.update(found)
    watched.cache_clear()


@pytest.fixture(scope="module")
def watcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    """A chain whose last transaction does everything at once."""
    with chain(tmp_path_factory.mktemp("traces")) as made:
        yield played(made, everything())


def flat(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield call
    for inner in call.get("calls", []):
        yield from flat(inner)


def test_the_gas_of_each_step_is_what_the_next_one_lacks(watcher: Watcher) -> None:
    steps = watcher.last(StructLogs())["structLogs"]
    assert len(steps) == 1_614
    calls = {"CALL", "CALLCODE", "DELEGATECALL", "STATICCALL", "CREATE", "CREATE2"}
    compared = 0
    for here, following in pairwise(steps):
        if here["depth"] == following["depth"] and here["op"] not in calls:
            assert here["gas"] - here["gasCost"] == following["gas"], (here, following)
            compared += 1
    assert compared > 1_500


def test_the_totals_are_those_of_the_receipt(watcher: Watcher) -> None:
    receipt = watcher.reader.block(watcher.chain.application.head).receipts[0]
    logs, tree = watcher.last(StructLogs()), watcher.last(CallTree(logs=True))
    assert logs["gas"] == int(tree["gasUsed"], 16) == receipt.gas_used == 2_940_292
    assert logs["failed"] is (receipt.status == 0) is False
    written = [log for call in flat(tree) for log in call.get("logs", [])]
    assert sorted(int(log["index"], 16) for log in written) == list(range(len(receipt.logs)))
    by_index = sorted(written, key=lambda log: int(log["index"], 16))
    assert [log["address"] for log in by_index] == ["0x" + log.address.hex() for log in receipt.logs]
    assert [log["data"] for log in by_index] == ["0x" + log.data.hex() for log in receipt.logs]


def test_the_tree_shows_every_call_with_its_end(watcher: Watcher) -> None:
    shown = [(call["type"], call.get("error", "")) for call in watcher.last(CallTree())["calls"]]
    assert shown == [
        ("CALL", ""),
        ("STATICCALL", ""),
        ("STATICCALL", ""),
        ("CALL", ""),
        ("DELEGATECALL", ""),
        ("CALLCODE", ""),
        ("CALL", "execution reverted"),
        ("CALL", "out of gas"),
        ("CALL", "invalid opcode: INVALID"),
        ("CALL", "stack underflow"),
        ("CALL", "invalid jump destination"),
        ("STATICCALL", "write protection"),
        ("CALL", "execution reverted"),
        ("CREATE", ""),
        ("CREATE2", ""),
        ("CREATE", "execution reverted"),
        ("CALL", ""),
        ("CALL", "insufficient balance for transfer"),
        ("CALL", ""),
        ("CREATE", "invalid code: must not begin with 0xef"),
    ]


def test_what_the_calls_of_the_tree_carry(watcher: Watcher) -> None:
    root = watcher.last(CallTree(logs=True))
    calls = root["calls"]
    me = root["to"]
    assert root["gas"] == hex(3_000_000)
    assert root["from"] == "0x" + raw(FOUNDER).hex()
    assert calls[0]["to"] == "0x" + "00" * 19 + "04"
    assert calls[0]["input"] == calls[0]["output"] == f"0x{7:064x}"
    assert calls[0]["gasUsed"] == hex(18)
    assert "value" not in calls[1]
    assert {call["from"] for call in calls} == {me}
    assert calls[4]["to"] == calls[5]["to"] == calls[3]["to"]
    assert calls[4]["logs"][0]["address"] == me
    assert calls[6]["revertReason"] == "nope"
    assert calls[7]["gasUsed"] == calls[7]["gas"] == hex(5_000)
    assert [call["type"] for call in calls[12]["calls"]] == ["CALL", "CALL"]
    assert "logs" not in calls[12]["calls"][0], "what it logged was taken back"
    assert calls[13]["output"] == "0x6001"
    assert "to" not in calls[15]
    assert calls[16]["calls"][0]["type"] == "SELFDESTRUCT"
    assert calls[16]["calls"][0]["to"] == me
    assert calls[17]["value"] == hex(10**18)
    assert calls[17]["gasUsed"] == "0x0"


def test_only_the_outermost_call(watcher: Watcher) -> None:
    root = watcher.last(CallTree(only_top=True, logs=True))
    assert "calls" not in root
    assert [log["topics"][0][-2:] for log in root["logs"]] == ["88"]


def test_failing_steps_carry_the_reason(watcher: Watcher) -> None:
    failed = [(step["op"], step["error"]) for step in watcher.last(StructLogs())["structLogs"] if "error" in step]
    assert failed == [
        ("JUMP", "out of gas"),
        ("INVALID", "invalid opcode: INVALID"),
        ("ADD", "stack underflow"),
        ("JUMP", "invalid jump destination"),
        ("SSTORE", "write protection"),
    ]


def test_refunds_rise_with_each_slot_cleared(watcher: Watcher) -> None:
    steps = watcher.last(StructLogs())["structLogs"]
    assert steps[-1]["refund"] == 19_900, "slot 5 was set and cleared in one transaction (EIP-3529)"
    assert steps[-1]["op"] == "RETURN"
    assert all("refund" not in step for step in steps[:100])


def test_options_choose_what_steps_show(watcher: Watcher) -> None:
    bare = watcher.last(StructLogs(stack=False, storage=False, most=40))["structLogs"]
    assert len(bare) == 40
    assert all(set(step) <= {"pc", "op", "gas", "gasCost", "depth", "error", "refund"} for step in bare)
    rich = watcher.last(StructLogs(memory=True, return_data=True))["structLogs"]
    after = rich[next(i for i, step in enumerate(rich) if step["op"] == "CALL") + 1]
    assert after["memory"][:2] == [f"0x{7:064x}", f"0x{7:064x}"]
    assert after["returnData"] == f"0x{7:064x}"
    assert after["stack"] == ["0x1"]
    stored = next(step for step in rich if step["op"] == "SSTORE")
    assert stored["storage"] == {f"0x{0:064x}": f"0x{7:064x}"}


def test_accounts_before_and_after(watcher: Watcher) -> None:
    before, changes = watcher.last(Prestate()), watcher.last(Prestate(changes=True))
    founder, me = "0x" + raw(FOUNDER).hex(), watcher.last(CallTree())["to"]
    assert before[founder]["nonce"] + 1 == changes["post"][founder]["nonce"]
    assert before[me]["storage"][f"0x{0:064x}"] == f"0x{0:064x}"
    assert changes["post"][me]["storage"] == {f"0x{0:064x}": f"0x{7:064x}"}
    assert "storage" not in changes["pre"][me]
    made = [account for account in changes["post"] if account not in changes["pre"]]
    assert len(made) == 2, "CREATE and CREATE2"
    assert all(changes["post"][account]["nonce"] == 1 for account in made)


def test_earlier_transactions_of_the_block_come_first(governed: Chain) -> None:
    scene = Scene([])
    stores = scene.deploy(STORES)
    first, second = scene.send(stores), scene.send(stores)
    governed.seal(scene.transactions[0])
    governed.seal(first, second)
    reader = Reader(governed.application, governed.store, PyEvm())
    block = reader.block(governed.application.head)
    for kind in (StructLogs(), Prestate(), CallTree(logs=True)):
        together = json(reader.trace(governed.application.head, None, kind, AMPLE))
        alone = [json(reader.trace(governed.application.head, at, kind, AMPLE)[0]) for at in (0, 1)]
        assert together == alone
    assert [trace["gas"] for trace in json(reader.trace(block.header, None, StructLogs(), AMPLE))] == [
        receipt.gas_used for receipt in block.receipts
    ]
    indices = [json(reader.trace(block.header, at, CallTree(logs=True), AMPLE)[0])["logs"][0]["index"] for at in (0, 1)]
    assert indices == ["0x0", "0x1"]
    with pytest.raises(CallFailed, match="genesis is not traceable"):
        reader.trace(reader.header(0) or block.header, None, StructLogs(), AMPLE)


def test_creations_destructions_and_delegations(governed: Chain) -> None:
    scene = Scene([])
    stores = scene.deploy(STORES)
    governed.seal(scene.transactions[0])
    watcher = Watcher(governed)
    tree = watcher.last(CallTree())
    assert (tree["type"], tree["to"]) == ("CREATE", "0x" + stores.hex())
    assert tree["output"] == "0x" + assembled(STORES).hex() == watcher.last(StructLogs())["returnValue"]
    gone = scene.send(None, assembled("CALLER SELFDESTRUCT"), gas=100_000)
    governed.seal(gone)
    assert watcher.last(CallTree())["calls"][0]["type"] == "SELFDESTRUCT"
    assert list(watcher.last(Prestate(changes=True))["post"]) == ["0x" + raw(FOUNDER).hex()]
    grant = grant_code(SECOND, stores, 0)
    governed.seal(sign(FOUNDER, scene.nonce, raw(SECOND), type=4, gas=300_000, authorizationList=[grant]))
    assert watcher.last(CallTree(logs=True))["logs"][0]["address"] == "0x" + raw(SECOND).hex()
    post = watcher.last(Prestate(changes=True))["post"]["0x" + raw(SECOND).hex()]
    assert post["code"] == "0xef0100" + stores.hex()
    assert post["nonce"] == 1


def test_a_call_is_traced_like_a_transaction(governed: Chain) -> None:
    scene = Scene([])
    reverts, stores = scene.deploy(REVERTS), scene.deploy(STORES)
    outer = scene.deploy(f"{calling(stores)} 0 0 RETURN")
    watcher = played(governed, scene)
    tree = watcher.call(CallRequest(None, reverts, 0, b""), CallTree())
    assert (tree["error"], tree["revertReason"]) == ("execution reverted", "nope")
    logs = watcher.call(CallRequest(None, reverts, 0, b""), StructLogs())
    assert (logs["failed"], logs["returnValue"][:10]) == (True, "0x08c379a0")
    changes = watcher.call(CallRequest(raw(FOUNDER), outer, 0, b""), Prestate(changes=True))
    assert changes["post"]["0x" + stores.hex()]["storage"] == {f"0x{0:064x}": f"0x{7:064x}"}
    assert watcher.call(CallRequest(raw(FOUNDER), outer, 0, b""), Prestate())["0x" + stores.hex()]["nonce"] == 1
    assert watcher.reader.state(governed.application.head).storage(stores, 0) == 0
    with pytest.raises(CallFailed, match="insufficient funds"):
        watcher.call(CallRequest(raw(FOUNDER), stores, 1, b""), StructLogs())


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (TraceLimits(200_000, 10_000_000, 60), "TRACE_TOO_LARGE"),
        (TraceLimits(10**9, 5_000, 60), "TRACE_TOO_LONG"),
        (TraceLimits(10**9, 10_000_000, 0.0), "TRACE_TIMEOUT"),
    ],
)
def test_a_loop_ends_when_it_is_too_much(governed: Chain, limits: TraceLimits, code: str) -> None:
    scene = Scene([])
    loops = scene.deploy(LOOPS)
    with pytest.raises(TraceLimit) as caught:
        played(governed, scene).call(CallRequest(None, loops, 0, b""), StructLogs(), limits)
    assert caught.value.code == code


@pytest.mark.parametrize("kind", [CallTree(), CallTree(logs=True), Prestate(), StructLogs(memory=True)])
def test_every_kind_keeps_to_its_bytes(governed: Chain, kind: TraceKind) -> None:
    """Calls with a long input, distinct accounts, and memory that grows."""
    scene = Scene([])
    wide = f"JUMPDEST {'0 0 30000 0 0 GAS 50000 CALL POP ' * 20} 0 JUMP"
    fans = f"JUMPDEST {'GAS BALANCE POP ' * 30} 0 JUMP"
    target = scene.deploy(fans if isinstance(kind, Prestate) else wide)
    watcher = played(governed, scene)
    with pytest.raises(TraceLimit) as caught:
        watcher.call(CallRequest(None, target, 0, b""), kind, TraceLimits(100_000, 10_000_000, 60))
    assert caught.value.code == "TRACE_TOO_LARGE"


def test_calls_as_deep_as_the_gas_allows(governed: Chain) -> None:
    scene = Scene([])
    deep = scene.deploy(DEEPENS)
    request = CallRequest(None, deep, 0, b"")
    watcher = played(governed, scene)
    text = bytes(
        orjson.dumps(watcher.reader.trace_call(governed.application.head, request, CallTree(logs=True), AMPLE))
    )
    calls = text.count(b'"type":"CALL"')
    assert calls > 300, "deeper than JSON libraries write by recursion"
    assert text.count(b"{") == text.count(b"}")
    assert text.count(b'"calls":[') == calls - 1


def test_the_parser_that_ape_uses_reads_both_forms(watcher: Watcher) -> None:
    root = watcher.last(CallTree(logs=True))
    from_tree = get_calltree_from_geth_call_trace(root)
    logs = watcher.last(StructLogs(memory=True, return_data=True))
    from_steps = get_calltree_from_geth_trace(
        create_trace_frames(logs["structLogs"]), address=root["to"], callType=CallType.CALL
    )
    entered = [call for call in from_tree.calls if call.address != b""]
    assert len(from_tree.calls) == len(from_steps.calls) == 20
    for ours, theirs in zip(from_tree.calls, from_steps.calls, strict=True):
        assert ours.call_type == theirs.call_type
        assert ours.failed == theirs.failed
    assert entered[0].returndata == from_steps.calls[0].returndata
    assert [len(call.events) for call in from_tree.calls][3:6] == [1, 1, 1]


def plainly(watcher: Watcher, request: CallRequest) -> tuple[bool, bytes]:
    """How a call ends that nobody watches: did it fail, and with what output?"""
    try:
        return False, watcher.reader.call(watcher.chain.application.head, request)
    except CallReverted as reverted:
        return True, reverted.data
    except NodeError:
        return True, b""


@given(code=st.binary(min_size=1, max_size=120))
@settings(max_examples=150, deadline=None)
def test_watching_changes_nothing(watcher: Watcher, code: bytes) -> None:
    """Any initcode: same end, same output, and the gas of steps adds up."""
    request = CallRequest(raw(FOUNDER), b"", 0, code, gas=200_000)
    logs = watcher.call(request, StructLogs(memory=True, return_data=True))
    tree = watcher.call(request, CallTree(logs=True))
    failed, output = plainly(watcher, request)
    assert (logs["failed"], logs["returnValue"]) == (failed, "0x" + output.hex())
    assert bool(tree.get("error")) is failed
    assert int(tree["gasUsed"], 16) == logs["gas"] <= 200_000
    for here, following in pairwise(logs["structLogs"]):
        if here["depth"] == following["depth"] and here["op"][:4] not in ("CALL", "CREA", "DELE", "STAT"):
            assert here["gas"] - here["gasCost"] == following["gas"]


def test_the_end_of_the_code_is_a_stop_behind_it(watcher: Watcher) -> None:
    def positions(code: bytes) -> list[tuple[int, str]]:
        steps = watcher.call(CallRequest(None, b"", 0, code), StructLogs())["structLogs"]
        return [(step["pc"], step["op"]) for step in steps]

    assert positions(b"\x60\x00") == [(0, "PUSH1"), (2, "STOP")]
    assert positions(b"\x5f\x00") == [(0, "PUSH0"), (1, "STOP")]
    assert positions(b"\x61\x00") == [(0, "PUSH2"), (3, "STOP")]
    assert positions(b"\x20" * 0 + b"\x0c") == [(0, "opcode 0xc not defined")]


def test_what_could_never_be_paid_is_a_number_of_64_bits(watcher: Watcher) -> None:
    code = assembled("1 0xffffffffffffffff MSTORE")
    steps = watcher.call(CallRequest(None, b"", 0, code), StructLogs())["structLogs"]
    assert (steps[-1]["gasCost"], steps[-1]["error"]) == (2**64 - 1, "out of gas")


def test_scenes_are_where_they_say(watcher: Watcher) -> None:
    state = watcher.reader.state(watcher.chain.application.head)
    assert state.code(created_address(raw(FOUNDER), 1)) == assembled(STORES)
    assert deploying(assembled(STORES)).endswith(assembled(STORES))


def test_a_chain_may_lie_anywhere(tmp_path: Path) -> None:
    """A replay needs nothing but the store: a chain opened again gives the same traces."""
    with chain(tmp_path / "again") as made:
        first = played(made, everything()).last(CallTree())
    with chain(tmp_path / "again") as reopened:
        assert Watcher(reopened).last(CallTree()) == first
