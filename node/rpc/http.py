"""The aiohttp application: POST and WebSocket on `/`, health on `/liveness` and `/readiness`.

Web pages of others are kept out: a POST must say `application/json`, which browsers send across sites only after
asking, and we never allow it; a WebSocket with an `Origin` is accepted only from the configured ones.
"""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import WSMsgType, web

from node.proposals import Block
from node.rpc.context import Context
from node.rpc.dispatch import answer
from node.rpc.subscriptions import Session
from node.transactions import Transaction

MOST_SESSIONS = 1_000
NOTHING = b""


class Front:
    """Where clients come in. `trouble` says why the node is not ready, or nothing."""

    def __init__(self, context: Context, origins: tuple[str, ...], trouble: Callable[[], str]) -> None:
        self._context, self._origins, self._trouble = context, origins, trouble
        self._sessions: set[Session] = set()

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=self._context.limits.body_bytes)
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._websocket)
        app.router.add_get("/liveness", self._liveness)
        app.router.add_get("/readiness", self._readiness)
        return app

    def on_block(self, block: Block) -> None:
        """A block was committed."""
        for session in list(self._sessions):
            session.on_block(block)

    def on_transaction(self, tx: Transaction) -> None:
        """A transaction entered the pool."""
        for session in list(self._sessions):
            session.on_transaction(tx)

    def close(self) -> None:
        """End all WebSocket connections."""
        for session in list(self._sessions):
            session.close()

    async def _liveness(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "UP"})

    async def _readiness(self, _: web.Request) -> web.Response:
        trouble = self._trouble()
        number = self._context.reader.head.number
        state = {"status": "DOWN" if trouble else "UP", "block": number} | ({"reason": trouble} if trouble else {})
        return web.json_response(state, status=503 if trouble else 200)

    async def _post(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return web.Response(status=415, text="send content-type application/json\n")
        body = await answer(self._context, await request.read())
        return web.Response(body=NOTHING if body is None else body, content_type="application/json")

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(text="JSON-RPC: POST or WebSocket here\n")
        origin = request.headers.get("Origin")
        if origin is not None and origin not in self._origins:
            return web.Response(status=403, text="this origin is not allowed; see `origins` in node.toml\n")
        if len(self._sessions) >= MOST_SESSIONS:
            return web.Response(status=503, text="too many connections\n")
        socket = web.WebSocketResponse(max_msg_size=self._context.limits.body_bytes, heartbeat=30)
        await socket.prepare(request)
        limits = self._context.limits
        session = Session(limits.subscriptions, limits.socket_bytes, lambda: _cut_off(request))
        self._sessions.add(session)
        writer = asyncio.create_task(_write(socket, session))
        try:
            await self._read(socket, session)
        finally:
            self._sessions.discard(session)
            session.close()
            await writer
        return socket

    async def _read(self, socket: web.WebSocketResponse, session: Session) -> None:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            raw = message.data.encode() if isinstance(message.data, str) else message.data
            reply = await answer(self._context, raw, session.handle)
            if reply is not None:
                session.send(reply)


async def _write(socket: web.WebSocketResponse, session: Session) -> None:
    """Send what waits until the session ends or the client is gone."""
    with contextlib.suppress(ConnectionError):
        while (message := await session.next()) is not None:
            await socket.send_str(message.decode())
    await socket.close()


def _cut_off(request: web.Request) -> None:
    """Drop a connection with all that waits in it; a polite close would wait for a client that does not read."""
    if request.transport is not None:
        request.transport.abort()
