"""Access over HTTP and WebSocket: what the anonymous may, what a key may, and how a refusal reads."""

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from node.access.keys import new_key
from node.config import Access, FrontLimits, Jwt
from tests.node.front.support import ASK, Ported, ported

SECRET = bytes(range(32))
STRICT: dict[str, Any] = {"access": Access(("net_*",))}
TRACE = ASK | {"method": "txpool_content"}


async def post(at: Ported, body: Any, path: str = "/", **headers: str) -> tuple[int, Any, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as http, http.post(at.url + path, json=body, headers=names) as reply:
        return reply.status, json.loads(await reply.read()), reply.headers


async def test_a_key_by_header_or_in_the_path(tmp_path: Path) -> None:
    async with ported(tmp_path, **STRICT) as at:
        key = at.add_key("wallet", "eth_*")
        for path, headers in (("/", {"Authorization": f"Bearer {key}"}), ("/", {"X_API_Key": key}), (f"/k/{key}", {})):
            status, reply, _ = await post(at, ASK, path, **headers)
            assert (status, reply["result"]) == (200, hex(20_210_310))
        assert at.metric('tideprint_rpc_requests_total{method="eth_chainId"}') == 3


async def test_refusals_say_why(tmp_path: Path) -> None:
    async with ported(tmp_path, **STRICT) as at:
        key, other = at.add_key("wallet", "eth_*"), new_key()
        status, reply, headers = await post(at, ASK)
        assert (status, reply["error"]["code"], reply["error"]["data"]) == (401, -40100, {"code": "UNAUTHORIZED"})
        assert "needs a key or a token" in reply["error"]["message"]
        assert headers["WWW-Authenticate"] == "Bearer"
        status, reply, _ = await post(at, ASK | {"method": "net_version"}, f"/k/{key}")
        assert (status, reply["error"]["code"], reply["error"]["data"]) == (403, -40100, {"code": "FORBIDDEN"})
        for path, shown in ((f"/k/{other}", {}), ("/", {"X_API_Key": other}), ("/", {"Authorization": "Bearer a.b.c"})):
            status, reply, _ = await post(at, ASK | {"method": "net_version"}, path, **shown)
            assert (status, reply["error"]["code"]) == (401, -40100)
            assert other not in json.dumps(reply)
        assert at.metric('tideprint_access_refused_total{reason="KEY_UNKNOWN"}') == 2


async def test_a_batch_is_refused_item_by_item(tmp_path: Path) -> None:
    async with ported(tmp_path, **STRICT) as at:
        mixed = [ASK, ASK | {"id": 2, "method": "net_version"}, ASK | {"id": 3, "method": "eth_\u2603"}]
        status, reply, _ = await post(at, mixed)
        assert status == 200
        assert [one.get("error", {}).get("code") for one in reply] == [-40100, None, -40100]
        assert (await post(at, [ASK, ASK]))[0] == 401


async def test_internals_can_be_switched_off_for_the_anonymous(tmp_path: Path) -> None:
    usual = Access(("*", "!debug_*", "!txpool_*", "!testing_*"))
    async with ported(tmp_path, access=usual) as at:
        assert (await post(at, ASK))[0] == 200
        assert (await post(at, TRACE))[0] == 401
        key = at.add_key("operator", "*")
        assert (await post(at, TRACE, f"/k/{key}"))[0] == 200
    async with ported(tmp_path / "open") as at:
        assert (await post(at, TRACE))[0] == 200


async def test_tokens_over_http(tmp_path: Path) -> None:
    (tmp_path / "jwt").touch(0o600)
    (tmp_path / "jwt").write_text(SECRET.hex())
    async with ported(tmp_path, **STRICT, jwt=Jwt("HS256", "jwt", leeway=0)) as at:
        good = jwt.encode({"exp": time.time() + 60, "methods": ["eth_*"]}, SECRET, "HS256")
        old = jwt.encode({"exp": time.time() - 1, "methods": ["eth_*"]}, SECRET, "HS256")
        assert (await post(at, ASK, Authorization=f"Bearer {good}"))[0] == 200
        assert (await post(at, TRACE, Authorization=f"Bearer {good}"))[0] == 403
        status, reply, _ = await post(at, ASK, Authorization=f"Bearer {old}")
        assert (status, reply["error"]["data"]["code"]) == (401, "TOKEN_EXPIRED")


async def closing(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which the node closes."""
    async with asyncio.timeout(5):
        async for _ in socket:
            pass
    return socket.close_code


async def test_sockets_end_with_their_key(tmp_path: Path) -> None:
    async with ported(tmp_path, **STRICT) as at, aiohttp.ClientSession() as http:
        by_path, by_header = at.add_key("a", "eth_*"), at.add_key("b", "eth_*")
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await http.ws_connect(f"{at.url}/k/{new_key()}")
        first = await http.ws_connect(f"{at.url}/k/{by_path}")
        second = await http.ws_connect(at.url, headers={"Authorization": f"Bearer {by_header}"})
        for socket in (first, second):
            await socket.send_json(ASK)
            assert (await socket.receive_json())["result"] == hex(20_210_310)
            await socket.send_json(TRACE)
            assert (await socket.receive_json())["error"]["code"] == -40100
        assert at.metric("tideprint_websocket_sessions") == 2
        at.revoke("a")
        assert await closing(first) == 1008
        await second.send_json(ASK)
        assert (await second.receive_json())["result"] == hex(20_210_310)
        await second.close()


async def test_a_socket_ends_with_its_token_even_when_it_only_listens(tmp_path: Path) -> None:
    (tmp_path / "jwt").touch(0o600)
    (tmp_path / "jwt").write_text(SECRET.hex())
    async with ported(tmp_path, **STRICT, jwt=Jwt("HS256", "jwt", leeway=0)) as at, aiohttp.ClientSession() as http:
        made = jwt.encode({"exp": time.time() + 1.2, "methods": ["eth_*"]}, SECRET, "HS256")
        socket = await http.ws_connect(at.url, headers={"Authorization": f"Bearer {made}"})
        await socket.send_json(ASK | {"method": "eth_subscribe", "params": ["newHeads"]})
        assert "result" in await socket.receive_json()
        assert at.metric("tideprint_subscriptions") == 1
        assert await closing(socket) == 1008
        assert at.metric("tideprint_websocket_sessions") == 0


async def test_a_socket_of_the_anonymous_may_what_the_anonymous_may(tmp_path: Path) -> None:
    async with (
        ported(tmp_path, **STRICT, front=FrontLimits(sockets=1)) as at,
        aiohttp.ClientSession() as http,
        http.ws_connect(at.url) as socket,
    ):
        await socket.send_json(ASK)
        assert (await socket.receive_json())["error"]["data"] == {"code": "UNAUTHORIZED"}
        await socket.send_json(ASK | {"method": "eth_subscribe", "params": ["newHeads"]})
        assert (await socket.receive_json())["error"]["data"] == {"code": "UNAUTHORIZED"}
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await http.ws_connect(at.url)


async def test_metrics_and_health_pages(tmp_path: Path) -> None:
    async with ported(tmp_path, **STRICT) as at, aiohttp.ClientSession() as http:
        key = at.add_key("prometheus", "metrics")
        for path, headers, status in (
            ("/liveness", {}, 200),
            ("/readiness", {}, 200),
            ("/metrics", {}, 401),
            ("/metrics", {"Authorization": f"Bearer {at.add_key('other', 'eth_*')}"}, 403),
            ("/metrics", {"Authorization": f"Bearer {key}"}, 200),
        ):
            async with http.get(at.url + path, headers=headers) as reply:
                assert reply.status == status


async def test_no_secret_reaches_log_answer_or_metric(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with ported(tmp_path, **STRICT) as at:
        good, bad = at.add_key("wallet", "eth_*"), new_key()
        made = jwt.encode({"exp": 1}, SECRET, "HS256")
        seen = ""
        for path, headers in ((f"/k/{good}", {}), (f"/k/{bad}", {}), (f"/k/{bad}/x", {}), (f"/{bad}", {}),
                              ("/", {"Authorization": f"Bearer {made}"}), ("/", {"X_API_Key": bad})):  # fmt: skip
            for body in (ASK, {"method": 5}, ASK | {"method": "nope"}):
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                async with aiohttp.ClientSession() as http, http.post(at.url + path, json=body, headers=names) as reply:
                    seen += await reply.text() + str(reply.headers)
        seen += at.port.metrics.page().decode() + caplog.text
        assert not [secret for secret in (good, bad, made) if secret in seen]
