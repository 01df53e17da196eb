"""What may be asked about an execution, and how much it may cost: the words of `debug_trace*` without their machine."""

from collections.abc import Sequence
from dataclasses import dataclass

from node.transactions import Transaction


@dataclass(frozen=True, slots=True)
class StructLogs:
    """Every instruction with what it saw. `most` is how many are kept, 0 for all."""

    stack: bool = True
    storage: bool = True
    memory: bool = False
    return_data: bool = False
    most: int = 0


@dataclass(frozen=True, slots=True)
class CallTree:
    """The calls as a tree (callTracer)."""

    only_top: bool = False
    logs: bool = False


@dataclass(frozen=True, slots=True)
class Prestate:
    """The accounts that were looked at, as they were before, or what became different (prestateTracer)."""

    changes: bool = False


@dataclass(frozen=True, slots=True)
class TraceLimits:
    """Bytes of JSON, instructions watched, and seconds, for all that one request asks for together."""

    answer_bytes: int
    steps: int
    seconds: float


TraceKind = StructLogs | CallTree | Prestate


@dataclass(frozen=True, slots=True)
class Replay:
    """Transactions of one block after its earlier ones, upon the block with the hash `parent`.

    `first_log` is the block-wide index of their first log.
    """

    parent: bytes
    before: Sequence[Transaction]
    traced: Sequence[Transaction]
    first_log: int = 0
