"""Messages between the node's own processes: 4 bytes of length (big-endian), then a pickle.

Pickles are read from nobody else: each socket pair connects the node with a process that it started itself.
"""

import asyncio
import pickle
import socket
from collections import deque
from typing import Any

HEAD = 4


def pack(message: object) -> bytes:
    """A message as it travels."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(body).to_bytes(HEAD, "big") + body


def send(wire: socket.socket, message: object) -> None:
    """Send from a process that may wait. Raises OSError."""
    wire.sendall(pack(message))


def receive(wire: socket.socket) -> Any:
    """The next message; waits for it. Raises EOFError when the other end is gone."""
    return pickle.loads(_exactly(wire, int.from_bytes(_exactly(wire, HEAD), "big")))  # noqa: S301


def _exactly(wire: socket.socket, size: int) -> bytes:
    found = bytearray(size)
    view, at = memoryview(found), 0
    while at < size:
        count = wire.recv_into(view[at:])
        if count == 0:
            raise EOFError("the other process is gone")
        at += count
    return bytes(found)


class Stream(asyncio.Protocol):
    """The event loop's end of a wire. An answer wakes who waits for it at once, with no task in between."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._messages: deque[Any] = deque()
        self._waiter: asyncio.Future[Any] | None = None
        self._transport: asyncio.Transport | None = None
        self._lost = False

    @classmethod
    async def over(cls, wire: socket.socket) -> "Stream":
        """Take a connected socket over."""
        wire.setblocking(False)
        _, stream = await asyncio.get_running_loop().create_connection(cls, sock=wire)
        return stream

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEAD:
            end = HEAD + int.from_bytes(self._buffer[:HEAD], "big")
            if len(self._buffer) < end:
                return
            message = pickle.loads(memoryview(self._buffer)[HEAD:end].tobytes())  # noqa: S301
            del self._buffer[:end]
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(message)
            else:
                self._messages.append(message)

    def connection_lost(self, _: Exception | None) -> None:
        self._lost = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(EOFError("the other process is gone"))

    def send(self, message: object) -> None:
        """Raises EOFError when the other end is gone."""
        if self._lost or self._transport is None:
            raise EOFError("the other process is gone")
        self._transport.write(pack(message))

    async def receive(self, seconds: float | None = None) -> Any:
        """The next message. Raises EOFError when the other end is gone, TimeoutError after so many seconds."""
        if self._messages:
            return self._messages.popleft()
        if self._lost:
            raise EOFError("the other process is gone")
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _give_up, waiter)
        try:
            return await waiter
        finally:
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()


def _give_up(waiter: "asyncio.Future[Any]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
