"""eth_subscribe over a WebSocket: with web3.py, with aiohttp, and with a client that does not read."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from web3 import AsyncWeb3, WebSocketProvider
from yarl import URL

from node.config import Limits
from node.rpc.errors import RpcError
from node.rpc.subscriptions import QUEUE, Session
from node.server import Server
from tests.node.support import FOUNDER, call_data, council_creation, creation, serving, sign


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
        if nonce == 0:
            await _mined_contract(socket, council_creation())
            nonce = 1
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
        quiet = (await _ask(socket, 4, "eth_subscribe", "syncing"))["result"]
        assert (await _ask(socket, 5, "eth_unsubscribe", quiet))["result"] is True
        assert (await _ask(socket, 3, "eth_subscribe"))["error"]["code"] == -32602
        await socket.send_str("{")
        assert json.loads((await socket.receive()).data)["error"]["code"] == -32700


async def test_subscriptions_are_bounded() -> None:
    session = Session(1, 100, lambda: None)
    await session.handle("eth_subscribe", ["newHeads"])
    with pytest.raises(RpcError, match="more than 1"):
        await session.handle("eth_subscribe", ["newHeads"])


@pytest.mark.parametrize(("message", "fitting"), [(b"{}", QUEUE), (b"x" * 40_000, 25)])
async def test_a_client_that_does_not_read_is_cut_off(message: bytes, fitting: int) -> None:
    """By the number of its messages, or by their bytes."""
    cut: list[bool] = []
    session = Session(1, 1_000_000, lambda: cut.append(True))
    for _ in range(fitting):
        session.send(message)
    assert not cut
    assert session.waiting == fitting * len(message)
    session.send(message)
    session.send(message)
    assert cut == [True]
    assert session.waiting == 0
    assert await session.next() is None


async def test_what_is_read_makes_room() -> None:
    session = Session(1, 10, lambda: pytest.fail("cut off"))
    for _ in range(5):
        session.send(b"x" * 10)
        assert await session.next() == b"x" * 10


async def test_a_socket_that_never_reads_is_cut_off(tmp_path: Path) -> None:
    """Answers pile up behind a client that only asks; the node drops it and its bytes, and goes on."""
    with serving(tmp_path, limits=Limits(socket_bytes=200_000)) as running:
        url = URL(running.url)
        reader, writer = await asyncio.open_connection(url.host, url.port, limit=1_024)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        ask = {"jsonrpc": "2.0", "id": "x" * 60_000, "method": "eth_chainId"}
        body = json.dumps(ask).encode()
        frame = b"\x81\xfe" + len(body).to_bytes(2, "big") + bytes(4) + body
        with pytest.raises(ConnectionError):
            await _write_for_ever(writer, frame)
        writer.close()
        async with aiohttp.ClientSession() as http, http.ws_connect(running.url) as socket:
            assert (await _ask(socket, 1, "eth_chainId"))["result"] == hex(20_210_310)


async def _write_for_ever(writer: asyncio.StreamWriter, frame: bytes) -> None:
    for _ in range(2_000):
        writer.write(frame)
        await asyncio.wait_for(writer.drain(), 10)


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
