"""WebSocket connections: read, answered, written, told of blocks; ended when their key or token is."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from node.access import Caller, Gate
from node.config import Limits
from node.proposals import Block
from node.rpc.budget import Budget
from node.rpc.caller_visit import CallerVisit
from node.rpc.connections import Guard
from node.rpc.context import Context
from node.rpc.dispatch import answer
from node.rpc.subscriptions import Session
from node.transactions import Transaction

log = logging.getLogger(__name__)
HEARTBEAT = 30
"""Seconds between pings."""
CHECK_SECONDS = 1.0
"""How long a connection may outlive its key or token."""
ENDED = "the key or token of this connection has ended"


class Sockets:
    """All WebSocket connections of a node, at most `most`."""

    def __init__(self, context: Context, most: int, budget: Budget, gate: Gate,
                 visit: Callable[[Caller, web.Request], CallerVisit]) -> None:  # fmt: skip
        self._context, self._most, self._budget, self._gate, self._visit = context, most, budget, gate, visit
        self._sessions: dict[Session, tuple[Caller, web.WebSocketResponse]] = {}
        self._closing: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def full(self) -> bool:
        """No more can be taken."""
        return len(self) >= self._most

    @property
    def subscriptions(self) -> int:
        """Of all connections."""
        return sum(session.subscriptions for session in self._sessions)

    def on_block(self, block: Block) -> None:
        """A block was committed."""
        for session in list(self._sessions):
            session.on_block(block)

    def on_transaction(self, tx: Transaction) -> None:
        """A transaction entered the pool."""
        for session in list(self._sessions):
            session.on_transaction(tx)

    def close(self) -> None:
        """End all."""
        for session in list(self._sessions):
            session.close()

    def end_expired(self) -> None:
        """Close the connections whose key or token is no longer accepted (code 1008)."""
        for session, (caller, socket) in list(self._sessions.items()):
            if not self._gate.valid(caller):
                del self._sessions[session]
                task = asyncio.create_task(_close(socket))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)

    async def watch(self) -> None:
        """End what has expired, for ever."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self.end_expired()

    async def serve(self, request: web.Request, caller: Caller, guard: Guard) -> web.WebSocketResponse:
        """One connection, until it ends."""
        limits: Limits = self._context.limits
        socket = web.WebSocketResponse(max_msg_size=limits.body_bytes, heartbeat=HEARTBEAT, compress=False)
        await socket.prepare(request)
        session = Session(limits.subscriptions, limits.socket_bytes, guard.abort, self._budget)
        self._sessions[session] = caller, socket
        writer = asyncio.create_task(_write(socket, session))
        try:
            await self._read(socket, session, caller, guard, request)
        finally:
            self._sessions.pop(session, None)
            session.close()
            await writer
        return socket

    async def _read(
        self, socket: web.WebSocketResponse, session: Session, caller: Caller, guard: Guard, request: web.Request
    ) -> None:
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            raw = message.data.encode() if isinstance(message.data, str) else message.data
            guard.consumed()
            if not self._gate.valid(caller):
                self.end_expired()
                return
            if not self._budget.take(len(raw)):
                guard.abort()
                return
            try:
                reply = await answer(self._context, raw, session.handle, self._visit(caller, request))
            finally:
                self._budget.give(len(raw))
            if reply is not None:
                session.send(reply)


async def _write(socket: web.WebSocketResponse, session: Session) -> None:
    """Send what waits until the session ends or the client is gone."""
    with contextlib.suppress(ConnectionError):
        while (message := await session.next()) is not None:
            await socket.send_str(message.decode())
    await socket.close()


async def _close(socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=ENDED.encode())
