"""debug_: traces of transactions, blocks and calls, in geth's forms."""

import re
from dataclasses import dataclass, replace
from typing import Any

from node.blocks import Header
from node.execution import CallRequest
from node.overrides import NO_OVERRIDES, BlockOverride, Overrides
from node.rpc import formats, overrides
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, need_header
from node.rpc.errors import Code, RpcError
from node.rpc.method import Method
from node.rpc.parameters import LATEST, BlockChoice
from node.traces import CallTree, Prestate, StructLogs, TraceKind, TraceLimits

STEPS = 5_000_000
SHARE = 0.9
"""Of the time that the process of a call has: what a trace may take, so that it ends by itself. More is cut to it."""
_DURATION = re.compile(r"(?:(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"([\d.]+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0}


@dataclass(frozen=True, slots=True)
class Options:
    """What is wanted, the seconds it may take if the caller says so, and what a call pretends."""

    kind: TraceKind
    seconds: float | None = None
    overrides: Overrides = NO_OVERRIDES


DEFAULT = Options(StructLogs())


def options(value: object) -> Options:
    """The options object; without `tracer` struct logs. What we do not know is ignored, as geth does."""
    given = _table(value, "trace options")
    return Options(_kind(given), _seconds(given.get("timeout")))


def call_options(value: object) -> Options:
    """The same for a call, which may have overrides of state and block."""
    given, wanted = _table(value, "trace options"), options(value)
    accounts, block = given.get("stateOverrides"), given.get("blockOverrides")
    pretended = Overrides(
        {} if accounts is None else overrides.accounts(accounts),
        BlockOverride() if block is None else overrides.block(block),
    )
    return replace(wanted, overrides=pretended)


def trace_transaction(context: Context, transaction_hash: bytes, wanted: Options = DEFAULT) -> Any:
    placed = context.reader.transaction(transaction_hash)
    if placed is None:
        raise RpcError(Code.SERVER, "transaction not found")
    return context.reader.trace(placed.header, placed.index, wanted.kind, _limits(context, wanted))[0]


def trace_call(context: Context, request: CallRequest, at: BlockChoice = LATEST, wanted: Options = DEFAULT) -> Any:
    header = need_header(context.reader, at)
    return context.reader.trace_call(header, request, wanted.kind, _limits(context, wanted), wanted.overrides)


def trace_block(context: Context, at: BlockChoice, wanted: Options = DEFAULT) -> Any:
    header = need_header(context.reader, at)
    return _block(context, header, wanted)


def trace_block_of_hash(context: Context, block_hash: bytes, wanted: Options = DEFAULT) -> Any:
    return trace_block(context, BlockChoice(hash=block_hash), wanted)


def _block(context: Context, header: Header, wanted: Options) -> list[dict[str, Any]]:
    results = context.reader.trace(header, None, wanted.kind, _limits(context, wanted))
    transactions = context.reader.block(header).transactions
    return [
        {"txHash": formats.data(tx.hash), "result": result} for tx, result in zip(transactions, results, strict=True)
    ]


def _limits(context: Context, wanted: Options) -> TraceLimits:
    most = SHARE * context.limits.call_seconds
    return TraceLimits(
        context.limits.answer_bytes, STEPS, most if wanted.seconds is None else min(most, wanted.seconds)
    )


def _kind(given: dict[str, Any]) -> TraceKind:
    tracer = given.get("tracer")
    settings = _table(given.get("tracerConfig") or {}, "tracerConfig")
    if tracer in (None, ""):
        return StructLogs(
            stack=not _flag(given, "disableStack"),
            storage=not _flag(given, "disableStorage"),
            memory=_flag(given, "enableMemory"),
            return_data=_flag(given, "enableReturnData"),
            most=parse.count(given.get("limit") or 0),
        )
    if tracer == "callTracer":
        return CallTree(only_top=_flag(settings, "onlyTopCall"), logs=_flag(settings, "withLog"))
    if tracer == "prestateTracer":
        return Prestate(changes=_flag(settings, "diffMode"))
    shown = repr(tracer)[:60]
    raise _wrong(f"unknown tracer {shown}: leave it out for struct logs, or use callTracer or prestateTracer")


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name)
    return False if value is None else parse.flag(value)


def _seconds(value: object) -> float | None:
    """A duration as Go writes it."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > 60 or not _DURATION.fullmatch(value):
        raise _wrong('timeout must be a duration such as "10s" or "500ms"')
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))


def _table(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(f"{what} must be an object")
    return value


def _wrong(message: str) -> RpcError:
    return RpcError(Code.INVALID_PARAMS, message)


METHODS = {
    "debug_traceTransaction": Method(trace_transaction, (parse.hash32, options), optional=1, beside=Beside.CALLS),
    "debug_traceCall": Method(trace_call, (parse.call, parse.block, call_options), optional=2, beside=Beside.CALLS),
    "debug_traceBlockByNumber": Method(trace_block, (parse.block, options), optional=1, beside=Beside.CALLS),
    "debug_traceBlockByHash": Method(trace_block_of_hash, (parse.hash32, options), optional=1, beside=Beside.CALLS),
}
