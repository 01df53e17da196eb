"""Bodies of requests and answers: bounded, in time, packed with gzip (RFC 1952) either way."""

import asyncio
import zlib

from aiohttp import web

from node.rpc.budget import Budget
from node.rpc.errors import Code, RpcError

CHUNK = 65_536
LEVEL = 1
"""zlib's fastest: JSON shrinks to a fifth with it already."""
GZIP_WINDOW = 16 + zlib.MAX_WBITS
BESIDE_LOOP = 262_144
"""Bytes from which packing goes to a thread: it takes some milliseconds."""


class BodyRefused(Exception):
    """A request that is not answered; with the HTTP status and the JSON-RPC error."""

    def __init__(self, status: int, message: str, code: str, rpc: Code = Code.LIMIT_EXCEEDED) -> None:
        super().__init__(message)
        self.status, self.error = status, RpcError(rpc, message, {"code": code})


async def read_body(request: web.Request, most: int, seconds: float, budget: Budget) -> bytes:
    """The body, unpacked, of at most `most` bytes. The caller gives its length back to `budget`. Raises BodyRefused."""
    packed = _is_packed(request)
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(seconds):
            raw = await _read(request, most)
    except TimeoutError as error:
        raise BodyRefused(408, f"the body did not arrive within {seconds:g} seconds", "BODY_TIMEOUT") from error
    body = unpack(raw, most) if packed else raw
    if not budget.take(len(body)):
        raise BodyRefused(503, "the node holds too much for its clients; try again", "BUSY")
    return body


async def _read(request: web.Request, most: int) -> bytes:
    body = bytearray()
    while chunk := await request.content.readany():
        body += chunk
        if len(body) > most:
            raise _too_large(most)
    return bytes(body)


def _is_packed(request: web.Request) -> bool:
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise BodyRefused(415, "content-encoding must be gzip, or none", "BODY_ENCODING", Code.INVALID_REQUEST)
    return encoding == "gzip"


def unpack(raw: bytes, most: int) -> bytes:
    """One gzip member, of at most `most` bytes unpacked. Raises BodyRefused."""
    reader = zlib.decompressobj(GZIP_WINDOW)
    try:
        body = reader.decompress(raw, most + 1)
    except zlib.error as error:
        raise BodyRefused(400, "the body is no gzip", "BODY_ENCODING", Code.PARSE) from error
    if len(body) > most:
        raise _too_large(most)
    if not reader.eof or reader.unused_data:
        raise BodyRefused(400, "the body is cut short or more than one gzip member", "BODY_ENCODING", Code.PARSE)
    return body


def _too_large(most: int) -> BodyRefused:
    return BodyRefused(413, f"the request exceeds {most} bytes", "BODY_TOO_LARGE")


def accepts_gzip(header: str) -> bool:
    """Does this Accept-Encoding allow gzip (RFC 9110, section 12.5.3)?"""
    weights = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return weights.get("gzip", weights.get("*", False))


async def packed(body: bytes) -> bytes:
    """The body in gzip."""
    return await asyncio.to_thread(pack, body) if len(body) >= BESIDE_LOOP else pack(body)


def pack(body: bytes) -> bytes:
    """One gzip member."""
    writer = zlib.compressobj(LEVEL, wbits=GZIP_WINDOW)
    return writer.compress(body) + writer.flush()


async def send(request: web.Request, response: web.Response, body: bytes) -> web.StreamResponse:
    """Send a body piece by piece: a slow client holds up its own answer, and is seen to be slow."""
    if len(body) <= CHUNK:
        response.body = body
        return response
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    for at in range(0, len(body), CHUNK):
        await stream.write(body[at : at + CHUNK])
    await stream.write_eof()
    return stream
