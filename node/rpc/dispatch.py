"""From the bytes of a request to the bytes of an answer: single, batch, notification, errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from node.errors import NodeError
from node.rpc.context import Beside, Context, Later
from node.rpc.errors import Code, RpcError, answer_too_large, rpc_error
from node.rpc.methods import METHODS
from node.rpc.parameters import parse_all
from node.rpc.visit import ANYBODY, Visit

log = logging.getLogger(__name__)
Extra = Callable[[str, Any], Awaitable[Any]]
"""Answers methods outside the table (subscriptions); raises KeyError for one it does not know."""


async def answer(context: Context, body: bytes, extra: Extra | None = None, visit: Visit = ANYBODY) -> bytes | None:
    """The answer to a request body, or None if it holds notifications only. `visit` decides who may call what."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _failure(None, RpcError(Code.PARSE, "invalid JSON"))
    if not isinstance(request, list):
        return await _one(context, request, extra, context.limits.answer_bytes, visit)
    if not request:
        return _failure(None, RpcError(Code.INVALID_REQUEST, "empty batch"))
    if len(request) > context.limits.batch:
        error = RpcError(Code.LIMIT_EXCEEDED, f"more than {context.limits.batch} requests in a batch")
        return _failure(None, error)
    return await _batch(context, request, extra, visit)


async def _batch(context: Context, requests: list[object], extra: Extra | None, visit: Visit) -> bytes | None:
    """One after the other, letting others in between; what would make the answer too large is not run."""
    answers: list[bytes] = []
    room = context.limits.answer_bytes
    for item in requests:
        await asyncio.sleep(0)
        one = await _one(context, item, extra, room, visit)
        if one is not None:
            answers.append(one)
            room = max(0, room - len(one))
    return b"[" + b",".join(answers) + b"]" if answers else None


def _failure(request_id: object, error: RpcError) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error.body()})


async def _one(context: Context, request: object, extra: Extra | None, room: int, visit: Visit) -> bytes | None:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _failure(None, RpcError(Code.INVALID_REQUEST, "invalid request"))
    request_id = request.get("id")
    if not isinstance(request_id, str | int | float | None):
        return _failure(None, RpcError(Code.INVALID_REQUEST, "invalid request id"))
    result, error = b"", None
    try:
        visit.enter(request["method"])
        if room <= 0:
            raise answer_too_large(context.limits.answer_bytes)
        result = await _run(context, request["method"], request.get("params"), extra, visit.who)
        if len(result) > room:
            raise answer_too_large(context.limits.answer_bytes)
    except RpcError as caught:
        error = caught
    except NodeError as caught:
        error = rpc_error(caught)
    except Exception:
        log.exception("%s failed", request["method"][:100])
        error = RpcError(Code.INTERNAL, "internal error")
    visit.leave(request["method"], error)
    if error is not None:
        return _failure(request_id, error)
    if "id" not in request:
        return None
    return b'{"jsonrpc":"2.0","id":' + orjson.dumps(request_id) + b',"result":' + result + b"}"


async def _run(context: Context, name: str, params: object, extra: Extra | None, who: str) -> bytes:
    """The result in JSON, encoded where it was computed."""
    method = METHODS.get(name)
    if method is None:
        if extra is not None and name in ("eth_subscribe", "eth_unsubscribe"):
            return orjson.dumps(await extra(name, params))
        raise RpcError(Code.METHOD_NOT_FOUND, f"Method {name[:100]} not found")
    arguments = parse_all(method.parsers, method.required, params)
    if method.beside is not None:
        return await context.answer(method.beside, method.function, tuple(arguments), who)
    if method.paced:
        await context.turns.take()
    result = method.function(context, *arguments)
    if isinstance(result, Later):
        encoded = await context.answer(result.where, result.function, result.arguments, who)
        result.done()
        return encoded
    return await context.beside(Beside.READS, _encoded, result) if callable(result) else orjson.dumps(result)


def _encoded(function: Callable[[], Any]) -> bytes:
    return orjson.dumps(function())
