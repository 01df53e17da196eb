"""debug_trace* against a real server: the forms that clients ask for, and every error they may meet."""

from typing import Any

import pytest
from evm_trace import CallType, create_trace_frames, get_calltree_from_geth_call_trace, get_calltree_from_geth_trace
from hexbytes import HexBytes
from web3 import Web3

from node.config import Limits
from node.server import Server
from node.transactions import created_address
from tests.node.scenes import LOOPS, READS, STORES, Scene, assembled, calling, deploying
from tests.node.support import FOUNDER, Client, council_creation, raw, serving, sign

UNKNOWN = "0x" + "ab" * 32


@pytest.fixture(scope="module")
def node(server: Server) -> Client:
    client = Client(server.url)
    client.mined(council_creation())
    return client


@pytest.fixture(scope="module")
def scene(node: Client) -> dict[str, str]:
    """Addresses of contracts, and the hash of a transaction that calls one through another."""
    made = Scene([])
    stores, loops = made.deploy(STORES), made.deploy(LOOPS)
    outer = made.deploy(f"{calling(stores)} 0 0 RETURN")
    made.send(outer)
    receipts = [node.mined(transaction) for transaction in made.transactions]
    assert all(receipt["status"] == "0x1" for receipt in receipts)
    names = {"stores": stores, "loops": loops, "outer": outer}
    found = {name: "0x" + address.hex() for name, address in names.items()}
    return found | {"hash": receipts[-1]["transactionHash"], "gas": receipts[-1]["gasUsed"]}


def test_a_transaction_in_both_forms(node: Client, scene: dict[str, str]) -> None:
    logs = node.ask("debug_traceTransaction", scene["hash"])
    assert set(logs) == {"gas", "failed", "returnValue", "structLogs"}
    assert set(logs["structLogs"][0]) == {"pc", "op", "gas", "gasCost", "depth", "stack"}
    assert logs["gas"] == int(scene["gas"], 16)
    tree = node.ask("debug_traceTransaction", scene["hash"], {"tracer": "callTracer", "timeout": "4s"})
    assert tree["calls"][0]["to"] == scene["stores"]
    assert tree["gasUsed"] == scene["gas"]
    assert "calls" not in node.ask(
        "debug_traceTransaction", scene["hash"], {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}}
    )
    assert scene["stores"] in node.ask("debug_traceTransaction", scene["hash"], {"tracer": "prestateTracer"})
    diff = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    assert set(node.ask("debug_traceTransaction", scene["hash"], diff)) == {"pre", "post"}


def test_a_block_by_number_and_by_hash(node: Client, scene: dict[str, str]) -> None:
    receipt = node.ask("eth_getTransactionReceipt", scene["hash"])
    by_number = node.ask("debug_traceBlockByNumber", receipt["blockNumber"], {"tracer": "callTracer"})
    assert by_number == node.ask("debug_traceBlockByHash", receipt["blockHash"], {"tracer": "callTracer"})
    assert [trace["txHash"] for trace in by_number] == [scene["hash"]]
    assert by_number[0]["result"]["calls"][0]["to"] == scene["stores"]
    assert "structLogs" in node.ask("debug_traceBlockByNumber", receipt["blockNumber"])[0]["result"]


def test_a_call_with_and_without_pretending(node: Client, scene: dict[str, str]) -> None:
    form = {"from": FOUNDER.address, "to": scene["outer"]}
    tree = node.ask("debug_traceCall", form, "latest", {"tracer": "callTracer", "tracerConfig": {"withLog": True}})
    assert tree["calls"][0]["logs"][0]["address"] == scene["stores"]
    assert node.ask("debug_traceCall", form)["structLogs"]
    creating = {"from": FOUNDER.address, "data": "0x" + deploying(assembled(STORES)).hex()}
    assert node.ask("debug_traceCall", creating, "latest")["returnValue"] == "0x" + assembled(STORES).hex()
    pretended = {
        "stateOverrides": {scene["stores"]: {"code": "0x" + assembled(READS).hex()}},
        "blockOverrides": {"number": "0x7b"},
    }
    silent = node.ask("debug_traceCall", {"to": scene["stores"]}, "latest", pretended)
    assert [step["op"] for step in silent["structLogs"]][-1] == "RETURN"
    assert silent["returnValue"] == f"0x{7:064x}"
    code = {"code": "0x4360005260206000f3"}
    height = {"stateOverrides": {scene["stores"]: code}, "blockOverrides": {"number": "0x7b"}}
    assert node.ask("debug_traceCall", {"to": scene["stores"]}, "latest", height)["returnValue"] == f"0x{123:064x}"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tracer": "4byteTracer"}, "unknown tracer '4byteTracer'"),
        ({"tracer": 7}, "unknown tracer 7"),
        ({"tracer": "callTracer", "tracerConfig": []}, None),
        ({"tracer": "callTracer", "tracerConfig": "x"}, "tracerConfig must be an object"),
        ({"tracer": "callTracer", "tracerConfig": {"withLog": "yes"}}, "boolean expected"),
        ({"disableStack": 1}, "boolean expected"),
        ({"limit": -1}, "hex quantity expected"),
        ({"timeout": "soon"}, "duration"),
        ({"timeout": 5}, "duration"),
        ("callTracer", "must be an object"),
    ],
)
def test_options_that_make_no_sense(node: Client, scene: dict[str, str], options: Any, words: str | None) -> None:
    if words is None:
        assert node.ask("debug_traceTransaction", scene["hash"], options)["type"] == "CALL"
        return
    error = node.error("debug_traceTransaction", scene["hash"], options)
    assert error["code"] == -32602
    assert words in error["message"]


def test_what_cannot_be_traced(node: Client, scene: dict[str, str]) -> None:
    assert node.error("debug_traceTransaction", UNKNOWN)["message"] == "transaction not found"
    assert node.error("debug_traceTransaction", "__CHECK_IF_SUPPORTS_TRACING__")["code"] == -32602
    assert node.error("debug_traceBlockByHash", UNKNOWN)["message"] == "header not found"
    assert "genesis is not traceable" in node.error("debug_traceBlockByNumber", "earliest")["message"]
    assert node.error("debug_traceBlockByNumber", "0xffffff")["message"] == "header not found"
    poor = {"from": FOUNDER.address, "to": scene["stores"], "value": "0x1"}
    assert "insufficient funds" in node.error("debug_traceCall", poor)["message"]


def test_a_loop_is_cut_short(node: Client, scene: dict[str, str]) -> None:
    endless = {"to": scene["loops"]}
    assert node.error("debug_traceCall", endless)["data"] == {"code": "TRACE_TOO_LARGE"}
    slow = node.error("debug_traceCall", endless, "latest", {"tracer": "callTracer", "timeout": "10ms"})
    assert slow["code"] == -32005
    assert slow["data"] == {"code": "TRACE_TIMEOUT"}
    assert len(node.ask("debug_traceCall", endless | {"gas": "0x186a0"}, "latest", {"limit": 5})["structLogs"]) == 5
    assert node.ask("eth_blockNumber"), "the node goes on"


def test_the_answer_keeps_to_the_limit_of_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("small"), limits=Limits(answer_bytes=20_000)) as small:
        client = Client(small.url)
        client.mined(council_creation())
        receipt = client.mined(sign(FOUNDER, 1, None, data=deploying(assembled(LOOPS)), gas=100_000))
        error = client.error("debug_traceCall", {"to": receipt["contractAddress"]})
        assert error["code"] == -32005
        assert "exceeds 20000 bytes" in error["message"]


def test_as_web3_and_ape_read_it(server: Server, node: Client, scene: dict[str, str]) -> None:
    web3 = Web3(Web3.HTTPProvider(server.url))
    trace: Any = web3.geth.debug.trace_transaction(HexBytes(scene["hash"]), {"enableMemory": True})  # type: ignore[typeddict-unknown-key]
    tree = get_calltree_from_geth_trace(
        create_trace_frames([dict(step) for step in trace["structLogs"]]),
        address=scene["outer"],
        callType=CallType.CALL,
    )
    assert [call.address.hex() for call in tree.calls] == [scene["stores"][2:]]
    assert [event.topics[0][-1] for event in tree.calls[0].events] == [0xAA]
    same = get_calltree_from_geth_call_trace(
        node.ask("debug_traceTransaction", scene["hash"], {"enableMemory": True, "tracer": "callTracer"})
    )
    assert same.calls[0].gas_limit == 100_000
    assert created_address(raw(FOUNDER), 1).hex() == scene["stores"][2:]
