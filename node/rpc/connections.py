"""Connections before anything is read from them: how many, from whom, how slow they may be.

A guard stands between the transport and the HTTP protocol. It refuses one connection too many (of all, or of one
address; an IPv6 client is its /64), ends one that does not get its header across in time, one that does not take what
is sent to it, and counts the bytes that have come in and are not yet used.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from node.config import FrontLimits
from node.rpc.budget import Budget
from node.rpc.errors import Code

PROGRESS = 65_536
"""Bytes that a slow reader must take in `write_seconds` to be kept."""


class Connections:
    """All open connections of one port."""

    def __init__(self, limits: FrontLimits, budget: Budget) -> None:
        self.limits, self.budget = limits, budget
        self._by_transport: dict[asyncio.BaseTransport, Guard] = {}
        self._by_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_transport)

    def guarded(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """A protocol factory whose protocols are guarded."""
        return lambda: Guard(self, make())

    def guard(self, transport: asyncio.BaseTransport | None) -> "Guard | None":
        """The guard of an open connection."""
        return None if transport is None else self._by_transport.get(transport)

    def enter(self, transport: asyncio.BaseTransport, guard: "Guard", client: str) -> str:
        """Why this connection cannot be taken, or nothing."""
        if len(self) >= self.limits.connections:
            return f"more than {self.limits.connections} connections"
        if self._by_client[client] >= self.limits.per_client:
            return f"more than {self.limits.per_client} connections from one address"
        self._by_client[client] += 1
        self._by_transport[transport] = guard
        return ""

    def leave(self, transport: asyncio.BaseTransport, client: str) -> None:
        """It is closed."""
        if self._by_transport.pop(transport, None) is not None:
            self._by_client[client] -= 1
            if not self._by_client[client]:
                del self._by_client[client]


class Guard(asyncio.Protocol):
    """One connection. `begun` and `ended` are told by whoever answers its requests."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._connections, self._inner = connections, inner
        self._transport: asyncio.Transport
        self._client = ""
        self._taken = self._last = 0
        self._open = self._answering = False
        self._header_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unsent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or answer 503 and close."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._client = client_of(transport.get_extra_info("peername"))
        refusal = self._connections.enter(transport, self, self._client)
        if refusal:
            self._refuse("503 Service Unavailable", refusal)
            return
        self._open = True
        self._await_header()
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give everything back."""
        self._cancel()
        self._connections.leave(self._transport, self._client)
        self._connections.budget.give(self._taken)
        self._taken = 0
        if self._open:
            self._open = False
            self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count, then pass on."""
        if not self._open or self._transport.is_closing():
            return
        if not self._connections.budget.take(len(data)):
            self._refuse("503 Service Unavailable", "the node holds too much for its clients; try again")
            return
        self._taken += len(data)
        self._last = len(data)
        if not self._answering and self._header_timer is None:
            self._await_header()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._inner.eof_received() if self._open else None

    def pause_writing(self) -> None:
        """The client takes less than is sent: from now on it must show progress."""
        self._inner.pause_writing()
        self._unsent = self._transport.get_write_buffer_size()
        self._await_progress()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        self._inner.resume_writing()

    def begun(self) -> None:
        """The header of a request is in; it is being answered."""
        self._answering = True
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def ended(self) -> None:
        """The request is answered and nothing of it is kept."""
        self._answering = False
        self._give(self._taken)

    def consumed(self) -> None:
        """A WebSocket message has been taken out: only the last piece received can still hold a part of another."""
        self._give(self._taken - self._last)

    def abort(self) -> None:
        """Drop the connection with all that waits in it."""
        self._transport.abort()

    def _give(self, size: int) -> None:
        self._connections.budget.give(size)
        self._taken -= size

    def _await_header(self) -> None:
        self._header_timer = asyncio.get_running_loop().call_later(
            self._connections.limits.header_seconds, self._refuse, "408 Request Timeout", "the request did not arrive"
        )

    def _await_progress(self) -> None:
        self._write_timer = asyncio.get_running_loop().call_later(
            self._connections.limits.write_seconds, self._check_progress
        )

    def _check_progress(self) -> None:
        unsent = self._transport.get_write_buffer_size()
        if unsent > self._unsent - PROGRESS:
            self._transport.abort()
            return
        self._unsent = unsent
        self._await_progress()

    def _refuse(self, status: str, message: str) -> None:
        """A last word, if nothing is being answered, and the end."""
        if self._answering:
            self._transport.abort()
            return
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": int(Code.LIMIT_EXCEEDED), "message": message}}
        body = json.dumps(error).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._transport.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        self._transport.close()

    def _cancel(self) -> None:
        for timer in (self._header_timer, self._write_timer):
            if timer is not None:
                timer.cancel()


def client_of(peer: object) -> str:
    """Whom a connection counts for: an IPv4 address, or the /64 of an IPv6 address."""
    text = str(peer[0]) if isinstance(peer, tuple) and peer else ""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or address.packed[:8].hex())
    return str(address)
