"""What one client may ask of a node: bounded, and answered with an error that says so."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
import requests

from node.config import Limits
from node.rpc.dispatch import answer
from node.server import Server
from tests.node.support import FOUNDER, NOBODY, Client, call_data, council_creation, creation, serving, sign


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A node that answers with little."""
    limits = Limits(answer_bytes=4_000, log_results=2)
    with serving(tmp_path_factory.mktemp("small"), limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def client(small: Server) -> Client:
    return Client(small.url)


@pytest.fixture(scope="module")
def counter(client: Client) -> str:
    """A contract that emits a log for each call."""
    client.mined(council_creation())
    return str(client.mined(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000))["contractAddress"])


@pytest.mark.parametrize("method", ["eth_getLogs", "eth_newFilter"])
def test_a_log_query_names_no_more_than_a_filter_may_keep(client: Client, method: str) -> None:
    addresses = [f"0x{number:040x}" for number in range(600)]
    topics = [[f"0x{number:064x}" for number in range(200)]] * 2
    client.ask(method, {"address": addresses, "topics": topics})
    error = client.error(method, {"address": [*addresses, NOBODY], "topics": topics})
    assert (error["code"], "more than 1000 addresses and topics" in error["message"]) == (-32602, True)


def test_limits(tmp_path_factory: pytest.TempPathFactory) -> None:
    limits = Limits(body_bytes=2_000, batch=2, log_blocks=1, filters=1, calls=1)
    with serving(tmp_path_factory.mktemp("limits"), limits=limits) as running:
        small = Client(running.url)
        ask = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
        assert small.post([ask] * 3)["error"]["code"] == -32005
        assert requests.post(running.url, json=[ask] * 100, timeout=5).status_code == 413
        while int(small.ask("eth_blockNumber"), 16) < 1:
            time.sleep(0.05)
        assert small.error("eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x9"})["code"] in (-32005, -32602)
        small.ask("eth_newBlockFilter")
        assert small.error("eth_newBlockFilter")["code"] == -32005
        spin = {"data": "0x5b600056", "gas": hex(3_000_000)}
        with ThreadPoolExecutor(4) as many:
            replies = list(many.map(lambda _: Client(running.url).answer("eth_call", spin), range(4)))
        codes = {reply["error"]["code"] for reply in replies}
        assert -32005 in codes


def test_percentiles_are_few_and_rise_from_0_to_100(client: Client) -> None:
    good = [n / 2 for n in range(1, 101)]
    assert len(client.ask("eth_feeHistory", "0x1", "latest", good)["reward"][0]) == 100
    for bad in ([*good, 51], [50, 10], [10, 10], [-1], [100.1], [True], ["1"], 5):
        assert client.error("eth_feeHistory", "0x1", "latest", bad)["code"] == -32602
    assert "rising" in client.error("eth_feeHistory", "0x1", "latest", [50, 10])["message"]


def test_fees_of_a_block_to_come_are_an_error(client: Client) -> None:
    assert "beyond head block" in client.error("eth_feeHistory", "0x1", "0xfffffff")["message"]
    assert client.error("eth_feeHistory", "0x1", "0x" + "00" * 32)["message"] == "header not found"


def test_a_batch_has_one_budget_and_does_not_run_what_exceeds_it(client: Client) -> None:
    ask = {"jsonrpc": "2.0", "method": "eth_getBlockByNumber", "params": ["latest", False]}
    replies = client.post([ask | {"id": n} for n in range(20)])
    assert [reply["id"] for reply in replies] == list(range(20))
    fits = ["result" in reply for reply in replies]
    assert fits[0] is True
    assert fits[-1] is False
    assert replies[-1]["error"]["data"] == {"code": "ANSWER_TOO_LARGE"}
    assert sum(len(orjson.dumps(reply)) for reply in replies if "result" in reply) <= 4_000


def test_an_answer_or_a_pool_too_large_to_write_out_says_so(client: Client, counter: str) -> None:
    heavy = sign(FOUNDER, 3_000, NOBODY, data=b"\1" * 3_000, gas=200_000)
    digest = client.ask("eth_sendRawTransaction", "0x" + heavy.hex())
    error = client.error("eth_getRawTransactionByHash", digest)
    assert (error["code"], error["data"]) == (-32005, {"code": "ANSWER_TOO_LARGE"})
    assert client.error("txpool_content")["data"] == {"code": "ANSWER_TOO_LARGE"}
    assert client.ask("txpool_status") == {"pending": "0x0", "queued": "0x1"}


def test_a_filter_that_has_too_much_to_tell_loses_nothing(client: Client, counter: str) -> None:
    name = client.ask("eth_newFilter", {"address": counter})
    nonce = int(client.ask("eth_getTransactionCount", FOUNDER.address, "pending"), 16)
    for n in range(3):
        client.mined(sign(FOUNDER, nonce + n, counter, data=call_data("count(uint256)", 1), gas=100_000))
    for _ in range(2):
        assert client.error("eth_getFilterChanges", name)["code"] == -32005


def test_heights_beyond_every_chain(client: Client, counter: str) -> None:
    for height in (2**63, 2**64, 2**200):
        assert client.error("eth_getLogs", {"fromBlock": hex(height), "toBlock": hex(height)})["code"] == -32602
        assert client.error("eth_getLogs", {"fromBlock": "latest", "toBlock": "0x0"})["code"] == -32602
        name = client.ask("eth_newFilter", {"fromBlock": hex(height), "toBlock": hex(height)})
        assert client.ask("eth_getFilterChanges", name) == []
        assert client.ask("eth_getFilterLogs", name) == []


@pytest.mark.parametrize(
    ("accesses", "code"),
    [
        ([{"address": NOBODY, "storageKeys": None}], None),
        ([{"address": NOBODY}], None),
        ([{"address": NOBODY, "storageKeys": "0x"}], -32602),
        ([{"storageKeys": []}], -32602),
        ([5], -32602),
        ({}, -32602),
    ],
)
def test_access_lists_of_every_form(client: Client, accesses: object, code: int | None) -> None:
    reply = client.answer("eth_call", {"to": NOBODY, "accessList": accesses}, "latest")
    assert reply.get("error", {}).get("code") == code


async def test_a_batch_lets_others_in_between(small: Server) -> None:
    """Something else runs on the loop for every item of a batch."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(other())
    ask: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
    body = await answer(small.context, orjson.dumps([ask] * 50))
    running.cancel()
    assert body is not None
    assert len(orjson.loads(body)) == 50
    assert turns >= 50
