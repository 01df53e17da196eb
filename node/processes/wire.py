"""Messages between the node's own processes: 4 bytes of length (big-endian), then a pickle.

Pickles are read from nobody else: each socket pair connects the node with a process that it started itself.
"""

import asyncio
import pickle
import socket
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


class Stream:
    """The event loop's end of a wire."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def over(cls, wire: socket.socket) -> "Stream":
        """Take a connected socket over."""
        return cls(*await asyncio.open_connection(sock=wire))

    async def send(self, message: object) -> None:
        """Raises OSError when the other end is gone."""
        self._writer.write(pack(message))
        await self._writer.drain()

    async def receive(self) -> Any:
        """Raises EOFError or OSError when the other end is gone."""
        size = int.from_bytes(await self._reader.readexactly(HEAD), "big")
        return pickle.loads(await self._reader.readexactly(size))  # noqa: S301

    def close(self) -> None:
        """Let go of the socket."""
        self._writer.close()
