"""eth_subscribe: newHeads, logs and newPendingTransactions over one WebSocket connection.

Each connection has a queue bounded in messages and bytes; a client that reads too slowly is cut off rather
than fed with gaps.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from node.proposals import Block
from node.reader import LogQuery, logs_of
from node.rpc import formats
from node.rpc.budget import Budget
from node.rpc.errors import Code, RpcError
from node.rpc.parameters import flag, log_filter, parse_all, text
from node.transactions import Transaction

QUEUE = 10_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """`kind` is the name in eth_subscribe; `full` asks for whole pending transactions. `syncing` never has news, as
    eth_syncing is always false."""

    kind: str
    query: LogQuery | None = None
    full: bool = False


class Session:
    """One connection: its subscriptions and what waits to be sent.

    At most `most` subscriptions and `most_bytes` waiting, all connections together within `budget`; `abort` cuts a
    connection off that lets more wait.
    """

    def __init__(self, most: int, most_bytes: int, abort: Callable[[], None], budget: Budget | None = None) -> None:
        self._most, self._most_bytes, self._abort = most, most_bytes, abort
        self._budget = budget or Budget(most_bytes * 2)
        self._sending = 0
        self._subscriptions: dict[str, Subscription] = {}
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._ended = False
        self.waiting = 0

    async def handle(self, name: str, params: object) -> Any:
        """eth_subscribe and eth_unsubscribe. Raises RpcError."""
        if name == "eth_unsubscribe":
            return self._subscriptions.pop(parse_all((text,), 1, params)[0], None) is not None
        if len(self._subscriptions) >= self._most:
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {self._most} subscriptions on this connection")
        subscription_id = hex(secrets.randbits(120) | 1 << 120)
        self._subscriptions[subscription_id] = _parse(params)
        return subscription_id

    def send(self, message: bytes) -> None:
        """Queue a message; one too many cuts the connection off."""
        if self._ended:
            return
        full = self._queue.qsize() >= QUEUE or self.waiting + len(message) > self._most_bytes
        if full or not self._budget.take(len(message)):
            self.close()
            self._abort()
            return
        self.waiting += len(message)
        self._queue.put_nowait(message)

    async def next(self) -> bytes | None:
        """The next message to send, the one before being sent; None when the connection is to end."""
        self._sent()
        message = await self._queue.get()
        if message is not None:
            self.waiting -= len(message)
            self._sending = len(message)
        return message

    def close(self) -> None:
        """End the connection, dropping what waits."""
        self._ended = True
        while not self._queue.empty():
            self._queue.get_nowait()
        self._budget.give(self.waiting)
        self.waiting = 0
        self._sent()
        self._queue.put_nowait(None)
        self._subscriptions.clear()

    def _sent(self) -> None:
        self._budget.give(self._sending)
        self._sending = 0

    @property
    def subscriptions(self) -> int:
        """How many there are."""
        return len(self._subscriptions)

    def on_block(self, block: Block) -> None:
        """Tell what a new block holds."""
        for name, subscription in list(self._subscriptions.items()):
            if subscription.kind == "newHeads":
                self._notify(name, [formats.header(block.header)])
            elif subscription.query is not None and block.header.bloom:
                self._notify(name, (formats.log(placed) for placed in logs_of(block, subscription.query)))

    def on_transaction(self, tx: Transaction) -> None:
        """Tell of a transaction that entered the pool."""
        for name, subscription in list(self._subscriptions.items()):
            if subscription.kind == "newPendingTransactions":
                self._notify(name, [formats.transaction(tx) if subscription.full else formats.data(tx.hash)])

    def _notify(self, name: str, results: Iterable[object]) -> None:
        for result in results:
            message = {
                "jsonrpc": "2.0",
                "method": "eth_subscription",
                "params": {"subscription": name, "result": result},
            }
            self.send(orjson.dumps(message))


def _parse(params: object) -> Subscription:
    kind = params[0] if isinstance(params, list) and params else None
    if kind in ("newHeads", "syncing"):
        return Subscription(kind)
    if kind == "logs":
        parsed = parse_all((text, log_filter), 1, params)
        return Subscription("logs", (parsed[1] if len(parsed) > 1 else log_filter({})).query)
    if kind == "newPendingTransactions":
        parsed = parse_all((text, flag), 1, params)
        return Subscription("newPendingTransactions", full=len(parsed) > 1 and parsed[1])
    raise RpcError(Code.INVALID_PARAMS, "no such subscription: newHeads, logs, newPendingTransactions, syncing")
