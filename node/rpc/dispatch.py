"""From the bytes of a request to the bytes of an answer: single, batch, notification, errors."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from node.errors import NodeError
from node.rpc.context import Context
from node.rpc.errors import Code, RpcError, rpc_error
from node.rpc.methods import METHODS
from node.rpc.parameters import parse_all

log = logging.getLogger(__name__)
Extra = Callable[[str, Any], Awaitable[Any]]
"""Answers methods outside the table (subscriptions); raises KeyError for one it does not know."""


async def answer(context: Context, body: bytes, extra: Extra | None = None) -> bytes | None:
    """The answer to a request body, or None if it holds notifications only."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.dumps(_failure(None, RpcError(Code.PARSE, "invalid JSON")))
    if not isinstance(request, list):
        single = await _one(context, request, extra)
        return None if single is None else orjson.dumps(single)
    if not request:
        return orjson.dumps(_failure(None, RpcError(Code.INVALID_REQUEST, "empty batch")))
    if len(request) > context.limits.batch:
        error = RpcError(Code.LIMIT_EXCEEDED, f"more than {context.limits.batch} requests in a batch")
        return orjson.dumps(_failure(None, error))
    answers = [one for item in request if (one := await _one(context, item, extra)) is not None]
    return orjson.dumps(answers) if answers else None


def _failure(request_id: object, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "error": error.body()}


async def _one(context: Context, request: object, extra: Extra | None) -> dict[str, Any] | None:
    if not isinstance(request, dict) or not isinstance(request.get("method"), str):
        return _failure(None, RpcError(Code.INVALID_REQUEST, "invalid request"))
    request_id = request.get("id")
    if not isinstance(request_id, str | int | float | None):
        return _failure(None, RpcError(Code.INVALID_REQUEST, "invalid request id"))
    try:
        result = await _run(context, request["method"], request.get("params"), extra)
    except RpcError as error:
        return _failure(request_id, error)
    except NodeError as error:
        return _failure(request_id, rpc_error(error))
    except Exception:
        log.exception("%s failed", request["method"])
        return _failure(request_id, RpcError(Code.INTERNAL, "internal error"))
    return {"jsonrpc": "2.0", "id": request_id, "result": result} if "id" in request else None


async def _run(context: Context, name: str, params: object, extra: Extra | None) -> Any:
    method = METHODS.get(name)
    if method is None:
        if extra is not None and name in ("eth_subscribe", "eth_unsubscribe"):
            return await extra(name, params)
        raise RpcError(Code.METHOD_NOT_FOUND, f"Method {name[:100]} not found")
    arguments = parse_all(method.parsers, method.required, params)
    if method.long:
        return await context.in_worker(method.function, context, *arguments)
    return method.function(context, *arguments)
