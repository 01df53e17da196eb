"""Polled filters (eth_newFilter and its kin): kept in memory, bounded, dropped when nobody asks for five minutes."""

import secrets
from collections import deque
from dataclasses import dataclass, field

from node.clock import Clock
from node.reader import LogQuery
from node.rpc.errors import Code, RpcError
from node.rpc.parameters import LogFilter

IDLE_SECONDS = 300.0
PENDING_KEPT = 10_000


@dataclass(slots=True)
class Filter:
    """What is waited for. `seen` is the last height already told; `pending` collects hashes."""

    kind: str
    seen: int
    polled: float
    logs: LogFilter | None = None
    pending: deque[bytes] = field(default_factory=lambda: deque(maxlen=PENDING_KEPT))

    @property
    def query(self) -> LogQuery:
        """The log query. Raises RpcError for a filter of another kind."""
        if self.logs is None:
            raise RpcError(Code.SERVER, "filter is not a log filter")
        return self.logs.query


class Filters:
    """All filters of a node."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._most = clock, most
        self._filters: dict[str, Filter] = {}

    def __len__(self) -> int:
        return len(self._filters)

    def add(self, kind: str, seen: int, logs: LogFilter | None = None) -> str:
        """A new filter's id. Raises RpcError -32005."""
        self._drop_idle()
        if len(self._filters) >= self._most:
            raise RpcError(Code.LIMIT_EXCEEDED, f"more than {self._most} filters; uninstall some")
        name = hex(secrets.randbits(120) | 1 << 120)
        self._filters[name] = Filter(kind, seen, self._clock.elapsed(), logs)
        return name

    def get(self, name: str) -> Filter:
        """A filter by id. Raises RpcError "filter not found"."""
        found = self._filters.get(name)
        if found is None:
            raise RpcError(Code.SERVER, "filter not found")
        found.polled = self._clock.elapsed()
        return found

    def remove(self, name: str) -> bool:
        """Was there such a filter?"""
        return self._filters.pop(name, None) is not None

    def on_transaction(self, transaction_hash: bytes) -> None:
        """A transaction entered the pool."""
        for found in self._filters.values():
            if found.kind == "pending":
                found.pending.append(transaction_hash)

    def _drop_idle(self) -> None:
        limit = self._clock.elapsed() - IDLE_SECONDS
        self._filters = {name: found for name, found in self._filters.items() if found.polled >= limit}
