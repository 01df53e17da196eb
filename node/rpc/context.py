"""What the methods work on."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from node.application import Application
from node.blocks import Header
from node.config import Limits
from node.pool import Pool
from node.reader import Reader
from node.rpc.errors import Code, RpcError
from node.rpc.filters import Filters
from node.rpc.parameters import BlockChoice
from node.transactions import Transaction

T = TypeVar("T")
CLIENT_VERSION = "tideprint/0.1.0/py-evm"


@dataclass(slots=True)
class Context:
    """Application, pool and reader, and the limits. `on_transaction` hears of everything that enters the pool."""

    application: Application
    reader: Reader
    pool: Pool
    limits: Limits
    filters: Filters
    on_transaction: Callable[[Transaction], None]
    workers: ThreadPoolExecutor
    running: int = field(default=0)

    async def in_worker(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run what takes long beside the event loop. Raises RpcError -32005 when too much runs already."""
        if self.running >= self.limits.calls:
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {self.limits.calls} calls at once; try again")
        self.running += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.workers, function, *arguments)
        finally:
            self.running -= 1


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
