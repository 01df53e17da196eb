"""What the methods work on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar

import orjson

from node.blocks import Header
from node.building import BlockBuilder
from node.chain_rules import Checker
from node.config import Limits
from node.pool import Pool
from node.reader import Reader
from node.rpc.errors import Code, RpcError
from node.rpc.filters import Filters
from node.rpc.parameters import BlockChoice
from node.rpc.turns import Turns
from node.transactions import Transaction

T = TypeVar("T")
CLIENT_VERSION = "tideprint/0.1.0/py-evm"


class Beside(Enum):
    """Where a method runs that would hold up the event loop: with calls that may take seconds, or with reads."""

    CALLS = "calls"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Later:
    """The rest of a method's work, to be done beside the loop: a function by name with what follows the context among
    its arguments. `done` is called on the loop once it has succeeded."""

    where: Beside
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: Callable[[], None] = lambda: None


class Crew(Protocol):
    """Processes that run a function with a context of their own."""

    async def run(self, function: Callable[..., Any], arguments: tuple[Any, ...], who: str = "") -> bytes:
        """The answer in JSON; callers are served by turns. Raises RpcError."""
        ...


@dataclass(slots=True)
class Context:
    """Application, pool and reader, and the limits. `on_transaction` hears of everything that enters the pool.

    A `builder` is there for imported chains only.
    What runs beside the loop goes to a crew of processes where there is one, otherwise to threads.
    """

    application: Checker
    reader: Reader
    pool: Pool
    limits: Limits
    filters: Filters
    on_transaction: Callable[[Transaction], None]
    workers: ThreadPoolExecutor
    readers: ThreadPoolExecutor
    running: Counter[Beside] = field(default_factory=Counter)
    callers: Counter[tuple[Beside, str]] = field(default_factory=Counter)
    crews: Mapping[Beside, Crew] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    builder: BlockBuilder | None = None

    async def answer(
        self, where: Beside, function: Callable[..., Any], arguments: tuple[Any, ...], who: str = ""
    ) -> bytes:
        """Run a method's function with a context and encode its answer. `who` may use half of what may run and wait.

        Raises what it raises, RpcError -32005.
        """
        crew = self.crews.get(where)
        if crew is None:
            return await self.beside(where, _encoded, function, self, *arguments)
        self._check_busy(where)
        if self.callers[where, who] >= max(1, self.limits.calls // 2):
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {self.limits.calls // 2} calls of one caller; try again")
        self.running[where] += 1
        self.callers[where, who] += 1
        try:
            return await crew.run(function, arguments, who)
        finally:
            self.running[where] -= 1
            self.callers[where, who] -= 1
            if not self.callers[where, who]:
                del self.callers[where, who]

    async def beside(self, where: Beside, function: Callable[..., T], *arguments: Any) -> T:
        """Run what takes long beside the event loop. Raises RpcError -32005 when too much runs already."""
        self._check_busy(where)
        self.running[where] += 1
        executor = self.workers if where is Beside.CALLS else self.readers
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, function, *arguments)
        finally:
            self.running[where] -= 1

    def _check_busy(self, where: Beside) -> None:
        if self.running[where] >= self.limits.calls:
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {self.limits.calls} calls at once; try again")


def _encoded(function: Callable[..., Any], *arguments: Any) -> bytes:
    return orjson.dumps(function(*arguments))


def find_header(reader: Reader, choice: BlockChoice) -> Header | None:
    """The header that a caller means, or None. Committed is final, so all tags but earliest are the head."""
    if choice.hash is not None:
        return reader.header_of(choice.hash)
    if choice.number is not None:
        return reader.header(choice.number) if choice.number <= reader.head.number else None
    return reader.header(0) if choice.tag == "earliest" else reader.head


def need_header(reader: Reader, choice: BlockChoice) -> Header:
    """The header that a caller means. Raises RpcError."""
    header = find_header(reader, choice)
    if header is None:
        raise RpcError(Code.SERVER, "header not found")
    return header
