"""HTTP: bodies and answers packed or not, CORS, limits that answer in JSON-RPC, slow and too many clients."""

import asyncio
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from node.config import FrontLimits, Limits
from node.rpc.budget import Budget
from node.rpc.subscriptions import Session
from tests.node.front.support import ASK, Ported, exchange, ported

JSON = {"Content-Type": "application/json"}
PAGE = "https://app.example.org"


async def post(at: Ported, body: bytes, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.post(at.url, data=body, headers=JSON | names) as reply,
    ):
        raw = await reply.read()
        if reply.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        return reply.status, json.loads(raw), dict(reply.headers)


def request_of(size: int) -> bytes:
    """A request whose id, and so its answer, is of about this size."""
    return json.dumps(ASK | {"id": "x" * size}).encode()


async def test_packed_requests_and_packed_answers(tmp_path: Path) -> None:
    async with ported(tmp_path) as at:
        body = request_of(3_000)
        for sent, encoding in ((body, "identity"), (gzip.compress(body), "gzip")):
            for accept in ("gzip", "identity", "gzip;q=0", "br, *;q=0.5"):
                status, reply, headers = await post(at, sent, Content_Encoding=encoding, Accept_Encoding=accept)
                assert (status, reply["result"]) == (200, hex(20_210_310))
                assert (headers.get("Content-Encoding") == "gzip") == (accept in ("gzip", "br, *;q=0.5"))
                assert headers["Vary"] == "Accept-Encoding"
        status, reply, headers = await post(at, request_of(10), Accept_Encoding="gzip")
        assert "Content-Encoding" not in headers


async def test_large_answers_arrive_whole(tmp_path: Path) -> None:
    async with ported(tmp_path) as at:
        for accept in ("gzip", "identity"):
            _, reply, _ = await post(at, request_of(1_000_000), Accept_Encoding=accept)
            assert len(reply["id"]) == 1_000_000
        assert at.metric("tideprint_front_bytes") == 0


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (gzip.compress(b" " * 100_000), "gzip", 413, "BODY_TOO_LARGE"),
        (b"x" * 10_001, "identity", 413, "BODY_TOO_LARGE"),
        (gzip.compress(request_of(9))[:-5], "gzip", 400, "BODY_ENCODING"),
        (gzip.compress(request_of(9)) * 2, "gzip", 400, "BODY_ENCODING"),
        (b"nonsense", "gzip", 400, "BODY_ENCODING"),
        (zlib.compress(b"{}"), "deflate", 415, "BODY_ENCODING"),
        (b"{}", "br", 415, "BODY_ENCODING"),
    ],
    ids=["bomb", "too large", "cut short", "two in one", "no gzip", "deflate", "br"],
)
async def test_bodies_refused(tmp_path: Path, body: bytes, encoding: str, status: int, code: str) -> None:
    async with ported(tmp_path, limits=Limits(body_bytes=10_000)) as at:
        got, reply, _ = await post(at, body, Content_Encoding=encoding)
        assert (got, reply["error"]["data"]["code"], reply["id"]) == (status, code, None)
        assert reply["error"]["code"] in (-32005, -32600, -32700)
        assert (await post(at, json.dumps(ASK).encode()))[0] == 200
        assert at.metric("tideprint_front_bytes") == 0


async def test_a_body_without_length_is_bounded_too(tmp_path: Path) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 1_000

    async with (
        ported(tmp_path, limits=Limits(body_bytes=10_000)) as at,
        aiohttp.ClientSession() as http,
        http.post(at.url, data=endless(), headers=JSON) as reply,
    ):
        assert reply.status == 413


async def test_what_is_no_json_request(tmp_path: Path) -> None:
    async with ported(tmp_path) as at:
        status, reply, _ = await post(at, b"{}", Content_Type="text/plain")
        assert (status, reply["error"]["data"]["code"]) == (415, "CONTENT_TYPE")
        status, reply, _ = await post(at, b"{")
        assert (status, reply["error"]["code"]) == (200, -32700)
        async with aiohttp.ClientSession() as http:
            async with http.get(at.url) as page:
                assert "POST or WebSocket" in await page.text()
            async with http.get(at.url + "/nowhere") as page:
                assert page.status == 404


async def test_pages_of_configured_origins_may_ask(tmp_path: Path) -> None:
    async with ported(tmp_path, origins=(PAGE,)) as at, aiohttp.ClientSession() as http:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        async with http.options(at.url, headers=asked) as reply:
            assert reply.status == 204
            assert reply.headers["Access-Control-Allow-Origin"] == PAGE
            assert "Authorization" in reply.headers["Access-Control-Allow-Headers"]
            assert "Access-Control-Allow-Credentials" not in reply.headers
            assert reply.headers["Vary"] == "Origin"
        for refused in (asked | {"Origin": "https://evil.example"}, {"Origin": PAGE}, {}):
            async with http.options(at.url, headers=refused) as reply:
                assert reply.status == 403
                assert "Access-Control-Allow-Origin" not in reply.headers
        body = json.dumps(ASK).encode()
        assert (await post(at, body, Origin=PAGE))[2]["Access-Control-Allow-Origin"] == PAGE
        for page in ("https://evil.example", "http://evil.example:8545", "null"):
            status, reply, other = await post(at, body, Origin=page)
            assert (status, reply["error"]["data"]["code"]) == (403, "ORIGIN")
            assert "Access-Control-Allow-Origin" not in other
            assert other["Vary"] == "Origin"
        assert (await post(at, body, Origin="moz-extension://7c1f"))[0] == 200
        assert (await post(at, b"{}", Origin=PAGE, Content_Encoding="br"))[2]["Access-Control-Allow-Origin"] == PAGE
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await http.ws_connect(at.url, headers={"Origin": "https://evil.example"})
        async with http.ws_connect(at.url, headers={"Origin": PAGE}) as socket:
            await socket.send_json(ASK)
            assert (await socket.receive_json())["result"] == hex(20_210_310)


QUICK = FrontLimits(header_seconds=0.2, body_seconds=0.2, write_seconds=0.2)


@pytest.mark.parametrize("start", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_header_that_does_not_come(tmp_path: Path, start: bytes) -> None:
    async with ported(tmp_path, front=QUICK) as at:
        reply = await exchange(at.address, start)
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert json.loads(reply.split(b"\r\n\r\n")[1])["error"]["code"] == -32005
        assert at.metric("tideprint_connections") == 0


async def trickle(writer: asyncio.StreamWriter) -> None:
    for _ in range(100):
        writer.write(b"X")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_a_header_that_trickles(tmp_path: Path) -> None:
    async with ported(tmp_path, front=QUICK) as at:
        _, writer = await asyncio.open_connection(*at.address)
        started = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionError):
            await trickle(writer)
        assert asyncio.get_running_loop().time() - started < 2
        assert at.metric("tideprint_connections") == 0
        writer.close()


async def test_a_body_that_does_not_come(tmp_path: Path) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with ported(tmp_path, front=QUICK) as at:
        reply = await exchange(at.address, head)
        assert reply.startswith(b"HTTP/1.1 408 ")
        assert b"BODY_TIMEOUT" in reply


async def test_an_idle_connection_is_kept_and_then_closed(tmp_path: Path) -> None:
    body = json.dumps(ASK).encode()
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with ported(tmp_path, front=FrontLimits(header_seconds=0.2, idle_seconds=1)) as at:
        reader, writer = await asyncio.open_connection(*at.address)
        for _ in range(2):
            writer.write(head + body)
            assert b"0x1346286" in await reader.readuntil(b"}")
            await asyncio.sleep(0.4)
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()


async def test_a_reader_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    body = request_of(4_000_000)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with ported(tmp_path, front=QUICK) as at:
        _, writer = await asyncio.open_connection(*at.address, limit=1_024)
        writer.write(head + body)
        await writer.drain()
        async with asyncio.timeout(5):
            while at.metric("tideprint_connections"):
                await asyncio.sleep(0.05)
        assert at.metric("tideprint_front_bytes") == 0
        writer.close()


async def test_connections_are_bounded(tmp_path: Path) -> None:
    for front, text in ((FrontLimits(connections=2), b"more than 2 connections"),
                        (FrontLimits(per_client=2), b"from one address")):  # fmt: skip
        async with ported(tmp_path, front=front) as at:
            held = [await asyncio.open_connection(*at.address) for _ in range(2)]
            await asyncio.sleep(0.05)
            reply = await exchange(at.address, b"")
            assert reply.startswith(b"HTTP/1.1 503 ")
            assert text in reply
            held[0][1].close()
            await asyncio.sleep(0.05)
            assert (await post(at, json.dumps(ASK).encode()))[0] == 200
            held[1][1].close()


async def test_all_clients_together_have_one_budget(tmp_path: Path) -> None:
    async with ported(
        tmp_path, front=FrontLimits(memory_bytes=100_000), limits=Limits(body_bytes=90_000, answer_bytes=10_000)
    ) as at:
        try:
            status, reply, _ = await post(at, request_of(80_000))
            assert (status, reply["error"]["code"]) == (503, -32005)
        except aiohttp.ClientConnectionError:
            """The guard may cut it off before it is read."""
        status, reply, _ = await post(at, request_of(20_000))
        assert status == 200
        assert at.metric("tideprint_front_bytes") == 0


async def test_sockets_share_the_budget() -> None:
    """What waits for all WebSocket clients is bounded together, and given back when it is sent or dropped."""
    budget, cut = Budget(1_000), list[str]()
    first = Session(1, 900, lambda: cut.append("first"), budget)
    second = Session(1, 900, lambda: cut.append("second"), budget)
    first.send(b"x" * 600)
    second.send(b"x" * 300)
    assert budget.taken == 900
    second.send(b"x" * 300)
    assert cut == ["second"]
    assert budget.taken == 600
    assert await first.next() == b"x" * 600
    assert budget.taken == 600
    first.send(b"x" * 400)
    assert await first.next() == b"x" * 400
    assert budget.taken == 400
    first.close()
    assert (budget.taken, cut) == (0, ["second"])


async def test_large_messages_of_a_socket_count_while_they_arrive(tmp_path: Path) -> None:
    small = {"front": FrontLimits(memory_bytes=100_000), "limits": Limits(body_bytes=90_000, answer_bytes=10_000)}
    async with ported(tmp_path, **small) as at, aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(at.url) for _ in range(3)]
        frame = b"\x01\xff" + (80_000).to_bytes(8, "big") + bytes(4) + b" " * 45_000
        for socket in sockets:
            transport = socket._response.connection.transport
            transport.write(frame)
        async with asyncio.timeout(5):
            while at.metric("tideprint_websocket_sessions") == 3:
                await asyncio.sleep(0.02)
        assert at.metric("tideprint_front_bytes") <= 100_000
        for socket in sockets:
            socket._response.close()
        async with asyncio.timeout(5):
            while at.metric("tideprint_connections"):
                await asyncio.sleep(0.02)
        assert at.metric("tideprint_front_bytes") == 0


@pytest.mark.parametrize(
    ("rest", "quiet"),
    [(b"Content-Length: 90\r\n\r\n{", True), (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}", False)],
)
async def test_clients_that_go_away_or_talk_nonsense(
    tmp_path: Path, rest: bytes, quiet: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is kept; who goes away leaves no traceback. What is no HTTP is logged by the HTTP library."""
    async with ported(tmp_path) as at:
        for _ in range(3):
            _, writer = await asyncio.open_connection(*at.address)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + rest)
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.transport.abort()
        async with asyncio.timeout(5):
            while at.metric("tideprint_connections"):
                await asyncio.sleep(0.02)
        assert at.metric("tideprint_front_bytes") == 0
        assert not (quiet and "Traceback" in caplog.text)
        assert "node/rpc" not in caplog.text
