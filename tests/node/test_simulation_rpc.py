"""eth_simulateV1, eth_call and eth_estimateGas with overrides, as clients ask for them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.rpc.errors import Code, RpcError
from node.rpc.eth_simulate import payload
from node.server import Server
from tests.node.scenes import REVERTS, STORES, assembled
from tests.node.support import Client

PLACE, POOR = "0x" + "aa" * 20, "0x" + "cc" * 20
HIGH = "0x" + "f" * 64


@pytest.fixture(scope="module")
def node(server: Server) -> Client:
    return Client(server.url)


def code(words: str) -> str:
    return "0x" + assembled(words).hex()


def block(*calls: dict[str, Any], state: dict[str, Any] | None = None, **overrides: str) -> dict[str, Any]:
    return {"stateOverrides": state or {}, "blockOverrides": overrides, "calls": list(calls)}


def simulated(node: Client, *blocks: dict[str, Any], **options: bool) -> Any:
    return node.ask("eth_simulateV1", {"blockStateCalls": list(blocks), **options}, "latest")


def refused(node: Client, *blocks: dict[str, Any], **options: bool) -> int:
    return int(node.error("eth_simulateV1", {"blockStateCalls": list(blocks), **options}, "latest")["code"])


def test_an_answer_has_the_block_and_its_calls(node: Client) -> None:
    state = {PLACE: {"code": code(STORES)}}
    found = simulated(node, block({"from": POOR, "to": PLACE}, state=state), returnFullTransactions=True)[0]
    done, shown = found["calls"][0], found["transactions"][0]
    assert (done["status"], done["returnData"], len(done["logs"])) == ("0x1", f"0x{42:064x}", 1)
    assert done["logs"][0]["blockHash"] == shown["blockHash"] == found["hash"]
    assert done["logs"][0]["transactionHash"] == shown["hash"]
    assert done["logs"][0]["blockTimestamp"] == found["timestamp"]
    assert (shown["from"], shown["to"], shown["type"], shown["v"], shown["r"]) == (POOR, PLACE, "0x2", "0x0", "0x0")
    assert found["gasUsed"] == done["gasUsed"]
    assert node.ask("eth_getCode", PLACE, "latest") == "0x"


def test_a_gas_price_makes_a_transaction_of_type_0(node: Client) -> None:
    found = simulated(node, block({"to": PLACE, "gasPrice": "0x0"}), returnFullTransactions=True)[0]
    shown = found["transactions"][0]
    assert (shown["type"], shown["v"], "maxFeePerGas" in shown) == ("0x0", "0x0", False)


def test_a_revert_comes_with_its_reason_and_data(node: Client) -> None:
    state = {PLACE: {"code": code(REVERTS)}}
    done = simulated(node, block({"to": PLACE}, state=state))[0]["calls"][0]
    assert (done["status"], done["error"]["code"], done["error"]["message"]) == ("0x0", 3, "execution reverted: nope")
    assert done["error"]["data"].startswith("0x08c379a0")


def test_another_failure_has_the_code_of_the_machine(node: Client) -> None:
    done = simulated(node, block({"to": PLACE}, state={PLACE: {"code": "0xfe"}}))[0]["calls"][0]
    assert done["error"] == {"message": "invalid opcode: INVALID", "code": -32015}


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (block({"from": POOR, "to": PLACE, "nonce": "0x5"}), -38011),
        (block({"from": POOR, "to": PLACE, "nonce": "0x0"}, state={POOR: {"nonce": "0x2"}}), -38010),
        (block({"from": POOR, "to": PLACE}, baseFeePerGas="0x5"), -38012),
        (block({"to": PLACE, "gas": "0x1"}), -38013),
        (block({"from": POOR, "to": PLACE, "value": "0x1"}), -38014),
        (block({"to": PLACE, "gas": "0x989680"}, gasLimit="0x10000"), -38015),
        (block(number="0x0"), -38020),
        (block(time="0x1"), -38021),
        (block({"input": "0x" + "00" * 49_153}), -38025),
        (block(number=HIGH), -38026),
        (block(state={PLACE: {"movePrecompileToAddress": POOR}}), -32000),
        (block({"to": PLACE, "chainId": "0x1"}), -32602),
        (block({"to": PLACE, "blobVersionedHashes": ["0x" + "01" * 32]}), -32602),
    ],
)
def test_errors_have_the_codes_that_clients_know(node: Client, made: dict[str, Any], code: int) -> None:
    assert refused(node, made, validation=True) == code


def test_an_unknown_block_is_no_base(node: Client) -> None:
    assert node.error("eth_simulateV1", {"blockStateCalls": [{}]}, "0xffffff")["message"] == "header not found"


def test_calls_and_estimates_take_overrides(node: Client) -> None:
    state = {PLACE: {"code": code("NUMBER 0 MSTORE 32 0 RETURN")}}
    request = {"to": PLACE}
    assert node.ask("eth_call", request, "latest", state, {"number": "0x1234"}) == f"0x{0x1234:064x}"
    assert node.ask("eth_call", request, "latest") == "0x"
    plain = int(node.ask("eth_estimateGas", request, "latest"), 16)
    assert int(node.ask("eth_estimateGas", request, "latest", state), 16) > plain == 21_000


def test_contradictions_are_told_to_callers(node: Client) -> None:
    error = node.error("eth_call", {"to": PLACE}, "latest", {PLACE: {"movePrecompileToAddress": POOR}})
    assert (error["code"], error["data"]["code"]) == (-32000, "OVERRIDE_INVALID")
    error = node.error("eth_call", {"to": PLACE}, "latest", {}, {"withdrawals": []})
    assert "not supported for this RPC method" in error["message"]


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


HOSTILE: list[Any] = [
    None, 1, "x", [], {}, {"blockStateCalls": None}, {"blockStateCalls": []}, {"blockStateCalls": {}},
    {"blockStateCalls": [3]}, {"blockStateCalls": deep(50)}, {"blockStateCalls": [{}], "validation": 1},
    {"blockStateCalls": [{}], "traceTransfers": "yes"}, {"blockStateCalls": [{"calls": {}}]},
    {"blockStateCalls": [{"calls": [None]}]}, {"blockStateCalls": [{"calls": [[]]}]},
    {"blockStateCalls": [{"calls": [{"nonce": "0x10000000000000000"}]}]},
    {"blockStateCalls": [{"calls": [{"nonce": "-0x1"}]}]}, {"blockStateCalls": [{"calls": [{"value": -1}]}]},
    {"blockStateCalls": [{"calls": [{"gasPrice": "0x1", "maxFeePerGas": "0x1"}]}]},
    {"blockStateCalls": [{"calls": [{"blobVersionedHashes": "0x"}]}]},
    {"blockStateCalls": [{"calls": [{"blobVersionedHashes": ["0x01"]}]}]},
    {"blockStateCalls": [{"calls": [{"authorizationList": [{}]}]}]},
    {"blockStateCalls": [{"calls": [{"accessList": [{"address": "0x"}]}]}]},
    {"blockStateCalls": [{"stateOverrides": []}]}, {"blockStateCalls": [{"blockOverrides": [deep(20)]}]},
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: str(value)[:60])
def test_malformed_payloads_are_named(value: object) -> None:
    with pytest.raises(RpcError) as refused:
        payload(value)
    assert refused.value.code == Code.INVALID_PARAMS


def test_an_error_says_where_it_is() -> None:
    with pytest.raises(RpcError, match=r"blockStateCalls\[1\]\.calls\[0\]: hex quantity expected"):
        payload({"blockStateCalls": [{}, {"calls": [{"nonce": 5}]}]})
    with pytest.raises(RpcError, match=r"blockStateCalls\[0\]\.stateOverrides\[0xaa"):
        payload({"blockStateCalls": [{"stateOverrides": {PLACE: {"code": 1}}}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["0x", "0x1", HIGH, PLACE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "calls",
                    "stateOverrides",
                    "blockOverrides",
                    "number",
                    "time",
                    "balance",
                    "nonce",
                    "to",
                    "input",
                    PLACE,
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3))
@settings(max_examples=60, deadline=None)
def test_whatever_is_asked_has_an_answer_with_a_code(node: Client, blocks: list[Any]) -> None:
    answer = node.answer("eth_simulateV1", {"blockStateCalls": blocks}, "latest")
    assert "result" in answer or answer["error"]["code"] in (-32602, -32000, -38020, -38021, -38026, -38013, -38014)
