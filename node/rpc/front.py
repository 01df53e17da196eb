"""The aiohttp application: POST and WebSocket on `/` and `/k/<key>`, `/liveness`, `/readiness`, `/metrics`.

Web pages of others are kept out: a POST must say `application/json`, which browsers send across sites only after
asking, and only the configured origins are told yes; a page that need not ask, and a WebSocket with an `Origin`, are
accepted only from these too.
A key in the path is for wallets that cannot send headers; it is never written anywhere.
"""

import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from node.access import Caller, Gate
from node.access.errors import AccessRefused
from node.access.gate import Shown
from node.access.rights import METRICS
from node.clock import Clock
from node.config import Config
from node.health import Health, Question, question
from node.metrics import CONTENT_TYPE, Metrics
from node.proposals import Block
from node.rpc import cors
from node.rpc.bodies import BodyRefused, accepts_gzip, packed, read_body, send
from node.rpc.budget import Budget
from node.rpc.caller_visit import CallerVisit, not_allowed
from node.rpc.connections import Connections, client_of
from node.rpc.context import Context
from node.rpc.dispatch import answer
from node.rpc.errors import Code, RpcError
from node.rpc.sockets import Sockets
from node.transactions import Transaction

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEY_PATH = "/k/{key}"
WRONG_ORIGIN = "this origin is not allowed; see `origins` in node.toml"
BUSY = "the node holds too much for its clients; try again"


class Front:
    """Where clients come in."""

    def __init__(self, context: Context, config: Config, gate: Gate, metrics: Metrics, clock: Clock,
                 health: Callable[[], Health]) -> None:  # fmt: skip
        self._context, self._origins, self._limits = context, frozenset(config.origins), config.front
        self._gate, self._metrics, self._clock, self._health = gate, metrics, clock, health
        self.budget = Budget(config.front.memory_bytes)
        self.connections = Connections(config.front, self.budget)
        self.sockets = Sockets(context, config.front.sockets, self.budget, gate, self._visit)

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[self._around])
        for path in ("/", KEY_PATH):
            app.router.add_post(path, self._post)
            app.router.add_get(path, self._websocket)
            app.router.add_route("OPTIONS", path, self._preflight)
        app.router.add_get("/liveness", self._liveness)
        app.router.add_get("/readiness", self._readiness)
        app.router.add_get("/metrics", self._page)
        return app

    def on_block(self, block: Block) -> None:
        """A block was committed."""
        self.sockets.on_block(block)

    def on_transaction(self, tx: Transaction) -> None:
        """A transaction entered the pool."""
        self.sockets.on_transaction(tx)

    def close(self) -> None:
        """End all WebSocket connections."""
        self.sockets.close()

    @web.middleware
    async def _around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Tell the guard when a request begins and ends; answer refusals."""
        guard = self.connections.guard(request.transport)
        if guard is None:
            raise web.HTTPServiceUnavailable
        guard.begun()
        try:
            return await handler(request)
        except BodyRefused as refused:
            return self._refusal(request, refused.status, refused.error)
        except AccessRefused as refused:
            self._metrics.on_refusal(refused.code)
            log.warning("access refused: %s", refused.code)
            message = f"Unauthorized: {refused.message}" + (f" ({refused.hint})" if refused.hint else "")
            return self._refusal(request, 401, RpcError(Code.UNAUTHORIZED, message, {"code": refused.code}))
        except (web.RequestPayloadError, ConnectionError):
            """The client went away, or sent a body that is no HTTP: nobody is there to be told much."""
            return web.Response(status=400, text="the body is broken\n")
        finally:
            guard.ended()

    def _refusal(self, request: web.Request, status: int, error: RpcError) -> web.Response:
        body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error.body()})
        response = web.Response(status=status, body=body, content_type="application/json")
        response.headers.update(self._cors(request) | ({"WWW-Authenticate": "Bearer"} if status == 401 else {}))
        if status != 401:
            response.force_close()
        return response

    def _cors(self, request: web.Request) -> dict[str, str]:
        return cors.headers(request.headers.get("Origin"), self._origins)

    def _visit(self, caller: Caller, request: web.Request) -> CallerVisit:
        peer = None if request.transport is None else request.transport.get_extra_info("peername")
        return CallerVisit(caller, client_of(peer), self._metrics, self._clock.elapsed)

    def _caller(self, request: web.Request) -> Caller:
        return self._gate.identify(
            Shown(
                request.headers.get("Authorization", ""),
                request.headers.get("X-API-Key", ""),
                request.match_info.get("key", ""),
            )
        )

    async def _liveness(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "UP"})

    async def _readiness(self, request: web.Request) -> web.Response:
        try:
            asked: Question = question(request.query)
        except ValueError as error:
            return web.json_response({"status": "DOWN", "reason": "BAD_PARAMETER", "message": str(error)}, status=400)
        health, head = self._health(), self._context.reader.head
        reason = asked.reason(health)
        state = {"status": "DOWN" if reason else "UP", "block": head.number, "time": head.time,
                 "blocksBehind": health.behind, "peers": health.peers}  # fmt: skip
        return web.json_response(state | ({"reason": reason} if reason else {}), status=503 if reason else 200)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        if not caller.rights.allow(METRICS):
            self._metrics.on_refusal("UNAUTHORIZED" if caller.kind == "anonymous" else "FORBIDDEN")
            return self._refusal(request, 401 if caller.kind == "anonymous" else 403, not_allowed(caller, METRICS))
        return web.Response(body=self._metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    async def _preflight(self, request: web.Request) -> web.Response:
        headers = cors.preflight(request.headers, self._origins)
        return web.Response(status=403 if headers is None else 204, headers=headers or {"Vary": "Origin"})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            raise BodyRefused(415, "send content-type application/json", "CONTENT_TYPE", Code.INVALID_REQUEST)
        if cors.foreign_page(request.headers.get("Origin"), self._origins):
            raise BodyRefused(403, WRONG_ORIGIN, "ORIGIN", Code.INVALID_REQUEST)
        caller = self._caller(request)
        body = await read_body(request, self._context.limits.body_bytes, self._limits.body_seconds, self.budget)
        visit = self._visit(caller, request)
        try:
            reply = await answer(self._context, body, None, visit) or b""
        finally:
            self.budget.give(len(body))
        return await self._send(request, visit.status, reply)

    async def _send(self, request: web.Request, status: int, reply: bytes) -> web.StreamResponse:
        if not self.budget.take(size := len(reply)):
            raise BodyRefused(503, BUSY, "BUSY")
        try:
            response = web.Response(status=status, content_type="application/json", headers=self._cors(request))
            if status == 401:
                response.headers["WWW-Authenticate"] = "Bearer"
            if size >= self._limits.gzip_bytes:
                response.headers.add("Vary", "Accept-Encoding")
                if accepts_gzip(request.headers.get("Accept-Encoding", "")):
                    reply = await packed(reply)
                    response.headers["Content-Encoding"] = "gzip"
            return await send(request, response, reply)
        finally:
            self.budget.give(size)

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(text="JSON-RPC: POST or WebSocket here\n")
        if not cors.allowed(request.headers.get("Origin"), self._origins):
            return web.Response(status=403, text=WRONG_ORIGIN + "\n")
        caller = self._caller(request)
        if self.sockets.full:
            raise BodyRefused(503, f"more than {self._limits.sockets} WebSocket connections", "BUSY")
        guard = self.connections.guard(request.transport)
        if guard is None:
            raise web.HTTPServiceUnavailable
        return await self.sockets.serve(request, caller, guard)
