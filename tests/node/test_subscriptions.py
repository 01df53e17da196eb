"""eth_subscribe over a WebSocket: with web3.py, with aiohttp, and with a client that does not read."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from web3 import AsyncWeb3, WebSocketProvider

from node.rpc.errors import RpcError
from node.rpc.subscriptions import QUEUE, Session
from node.server import Server
from tests.node.support import FOUNDER, call_data, council_creation, creation, sign


async def _ask(socket: aiohttp.ClientWebSocketResponse, request_id: int, method: str, *params: object) -> Any:
    await socket.send_json({"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)})
    while True:
        reply = await socket.receive_json(timeout=10)
        if reply.get("id") == request_id:
            return reply


async def test_subscriptions_tell_of_heads_logs_and_pending(server: Server) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as socket:
        nonce = int((await _ask(socket, 1, "eth_getTransactionCount", FOUNDER.address, "pending"))["result"], 16)
        heads = (await _ask(socket, 2, "eth_subscribe", "newHeads"))["result"]
        pending = (await _ask(socket, 3, "eth_subscribe", "newPendingTransactions"))["result"]
        whole = (await _ask(socket, 4, "eth_subscribe", "newPendingTransactions", True))["result"]
        logs = (await _ask(socket, 5, "eth_subscribe", "logs", {}))["result"]
        if nonce == 0:
            await _ask(socket, 6, "eth_sendRawTransaction", "0x" + council_creation().hex())
            nonce = 1
        created = sign(FOUNDER, nonce, None, data=creation("counter"), gas=2_000_000)
        counter = await _mined_contract(socket, created)
        count = sign(FOUNDER, nonce + 1, counter, data=call_data("count(uint256)", 1), gas=100_000)
        sent = (await _ask(socket, 90, "eth_sendRawTransaction", "0x" + count.hex()))["result"]
        seen: dict[str, Any] = {}
        while not {heads, logs} <= seen.keys():
            message = await socket.receive_json(timeout=10)
            seen[message["params"]["subscription"]] = message["params"]["result"]
        assert seen[logs]["transactionHash"] == sent
        assert "parentHash" in seen[heads]
        for name in (heads, pending, whole, logs):
            assert (await _ask(socket, 91, "eth_unsubscribe", name))["result"] is True
        assert (await _ask(socket, 92, "eth_unsubscribe", heads))["result"] is False


async def _mined_contract(socket: aiohttp.ClientWebSocketResponse, created: bytes) -> str:
    digest = (await _ask(socket, 50, "eth_sendRawTransaction", "0x" + created.hex()))["result"]
    for request_id in range(100, 200):
        receipt = (await _ask(socket, request_id, "eth_getTransactionReceipt", digest))["result"]
        if receipt is not None:
            return str(receipt["contractAddress"])
        await asyncio.sleep(0.1)
    raise AssertionError("never mined")


async def test_pending_hash_comes_before_the_block(server: Server) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as socket:
        nonce = int((await _ask(socket, 1, "eth_getTransactionCount", FOUNDER.address, "pending"))["result"], 16)
        assert nonce > 0
        pending = (await _ask(socket, 2, "eth_subscribe", "newPendingTransactions"))["result"]
        await socket.send_json(
            {
                "jsonrpc": "2.0",
                "id": 3,
                "method": "eth_sendRawTransaction",
                "params": ["0x" + sign(FOUNDER, nonce).hex()],
            }
        )
        messages = [await socket.receive_json(timeout=10) for _ in range(2)]
        told = next(m["params"] for m in messages if "params" in m)
        assert told["subscription"] == pending
        assert told["result"] == next(m["result"] for m in messages if "result" in m)


async def test_web3_subscribes_to_new_heads(server: Server) -> None:
    async with AsyncWeb3(WebSocketProvider(server.url.replace("http", "ws"))) as web3:
        subscription = await web3.eth.subscribe("newHeads")
        async for message in web3.socket.process_subscriptions():
            assert message["subscription"] == subscription
            assert message["result"]["baseFeePerGas"] == 0
            break
        assert await web3.eth.unsubscribe(subscription)


async def test_calls_and_errors_work_over_the_socket_too(server: Server) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as socket:
        assert (await _ask(socket, 1, "eth_chainId"))["result"] == hex(20_210_310)
        assert (await _ask(socket, 2, "eth_subscribe", "weather"))["error"]["code"] == -32602
        assert (await _ask(socket, 3, "eth_subscribe"))["error"]["code"] == -32602
        await socket.send_str("{")
        assert json.loads((await socket.receive()).data)["error"]["code"] == -32700


async def test_subscriptions_are_bounded() -> None:
    session = Session(most=1)
    await session.handle("eth_subscribe", ["newHeads"])
    with pytest.raises(RpcError, match="more than 1"):
        await session.handle("eth_subscribe", ["newHeads"])


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    session = Session(most=1)
    for _ in range(QUEUE + 1):
        session.send(b"{}")
    assert session.queue.qsize() == 1
    assert session.queue.get_nowait() is None


async def test_a_client_that_goes_away_leaves_the_node_well(server: Server) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(3):
            socket = await http.ws_connect(server.url)
            await _ask(socket, 1, "eth_subscribe", "newHeads")
            assert socket._response.connection is not None
            assert socket._response.connection.transport is not None
            socket._response.connection.transport.abort()
        async with http.ws_connect(server.url) as last:
            heads = (await _ask(last, 1, "eth_subscribe", "newHeads"))["result"]
            message = await last.receive_json(timeout=10)
            assert message["params"]["subscription"] == heads
