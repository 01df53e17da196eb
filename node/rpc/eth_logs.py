"""eth_: logs and polled filters."""

from typing import Any

from node.reader import LogQuery
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, Later, find_header, need_header
from node.rpc.errors import Code, RpcError, answer_too_large
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice, LogFilter


def get_logs(context: Context, wanted: LogFilter) -> list[dict[str, Any]]:
    if wanted.block_hash is None and (wanted.last.number or 0) > context.reader.head.number:
        raise RpcError(Code.INVALID_PARAMS, "block range extends beyond current head block")
    return _matching(context, wanted)


def _matching(context: Context, wanted: LogFilter) -> list[dict[str, Any]]:
    """A range may reach beyond the head."""
    if wanted.block_hash is not None:
        header = context.reader.header_of(wanted.block_hash)
        if header is None:
            raise RpcError(Code.SERVER, "unknown block")
        return _collect(context, header.number, header.number, wanted.query)
    first, last = (_height(context, choice) for choice in (wanted.first, wanted.last))
    if first > last:
        raise RpcError(Code.INVALID_PARAMS, "invalid block range params")
    head = context.reader.head.number
    return _collect(context, first, min(last, head), wanted.query) if first <= head else []


def _height(context: Context, choice: BlockChoice) -> int:
    return choice.number if choice.number is not None else need_header(context.reader, choice).number


def _collect(context: Context, first: int, last: int, query: LogQuery) -> list[dict[str, Any]]:
    limits = context.limits
    if last - first >= limits.log_blocks:
        raise RpcError(Code.LIMIT_EXCEEDED, f"more than {limits.log_blocks} blocks; ask for a smaller range")
    found: list[dict[str, Any]] = []
    size = 0
    for placed in context.reader.logs(first, last, query):
        size += 2 * len(placed.log.data)
        if len(found) >= limits.log_results:
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {limits.log_results} logs; ask for a smaller range")
        if size > limits.answer_bytes:
            raise answer_too_large(limits.answer_bytes)
        found.append(formats.log(placed))
    return found


def new_filter(context: Context, wanted: LogFilter) -> str:
    head = context.reader.head.number
    start = find_header(context.reader, wanted.first)
    seen = start.number - 1 if wanted.first.tag != "latest" and start is not None else head
    return context.filters.add("logs", seen, wanted)


def new_block_filter(context: Context) -> str:
    return context.filters.add("blocks", context.reader.head.number)


def new_pending_filter(context: Context) -> str:
    return context.filters.add("pending", context.reader.head.number)


def uninstall_filter(context: Context, name: str) -> bool:
    return context.filters.remove(name)


def get_filter_logs(context: Context, name: str) -> Later:
    found = context.filters.get(name)
    if found.logs is None:
        raise RpcError(Code.SERVER, "filter not found")
    return Later(Beside.CALLS, _matching, (found.logs,))


def get_filter_changes(context: Context, name: str) -> list[Any] | Later:
    """What is new; where it is too much to tell, it stays new."""
    found = context.filters.get(name)
    if found.kind == "pending":
        return [formats.data(found.pending.popleft()) for _ in range(len(found.pending))]
    first, last = found.seen + 1, context.reader.head.number

    def told() -> None:
        found.seen = max(found.seen, last)

    if found.kind == "blocks":
        return Later(Beside.READS, block_hashes, (first, last), told)
    bound = None if found.logs is None else found.logs.last.number
    return Later(Beside.CALLS, logs_between, (first, last if bound is None else min(last, bound), found.query), told)


def block_hashes(context: Context, first: int, last: int) -> list[str]:
    """Of the blocks between two heights, both included."""
    headers = (context.reader.header(number) for number in range(first, last + 1))
    return [formats.data(header.hash) for header in headers if header is not None]


def logs_between(context: Context, first: int, last: int, query: LogQuery) -> list[dict[str, Any]]:
    """Of the blocks between two heights, both included; none when there are none."""
    return _collect(context, first, last, query) if first <= last else []


METHODS = {
    "eth_getLogs": Method(get_logs, (parse.log_filter,), beside=Beside.CALLS),
    "eth_newFilter": Method(new_filter, (parse.log_filter,)),
    "eth_newBlockFilter": Method(new_block_filter),
    "eth_newPendingTransactionFilter": Method(new_pending_filter),
    "eth_getFilterChanges": Method(get_filter_changes, (parse.text,)),
    "eth_getFilterLogs": Method(get_filter_logs, (parse.text,)),
    "eth_uninstallFilter": Method(uninstall_filter, (parse.text,)),
}
