"""Numbers for Prometheus, in a registry of the node's own. Labels are bounded: known methods, codes, states.

What changes by itself (head, pool, sessions, store) is read when the page is asked for, through `Sources`.
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
RPC_SECONDS = (0.001, 0.005, 0.015, 0.05, 0.2, 1.0, 5.0, 30.0)
SEAL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
Number = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers come from that are read when asked for. Times in UTC seconds, sizes in bytes."""

    head: Number
    head_time: Number
    gas_limit: Number
    pending: Number
    queued: Number
    pool_bytes: Number
    sessions: Number
    subscriptions: Number
    connections: Number
    front_bytes: Number
    filters: Number
    store_bytes: Number
    store_map_bytes: Number
    ready: Number
    clock_untrusted: Number
    peers: Number


_READ = {
    "head": ("head_block", "Height of the last block"),
    "head_time": ("head_time_seconds", "Time of the last block, UTC seconds"),
    "gas_limit": ("block_gas_limit", "Gas that a block may use"),
    "pool_bytes": ("pool_bytes", "Wire bytes of waiting transactions"),
    "sessions": ("websocket_sessions", "Open WebSocket connections"),
    "subscriptions": ("subscriptions", "Subscriptions of all WebSocket connections"),
    "connections": ("connections", "Open connections"),
    "front_bytes": ("front_bytes", "Bytes of requests and answers held for clients"),
    "filters": ("filters", "Polled filters"),
    "store_bytes": ("store_bytes", "Bytes of the store on disk"),
    "store_map_bytes": ("store_map_bytes", "Bytes that the store may grow to"),
    "ready": ("ready", "1 when /readiness says so"),
    "clock_untrusted": ("clock_untrusted", "1 while nothing is sealed because the clock is not trusted"),
    "peers": ("peers", "Other nodes connected"),
}


class Metrics:
    """Counts what happens; `page` shows it."""

    def __init__(self, methods: Collection[str], version: str, process: bool = True) -> None:
        self._methods = frozenset(methods)
        self._registry = made = CollectorRegistry()
        self._blocks = Counter("tideprint_blocks", "Blocks made since the start", registry=made)
        self._transactions = Counter("tideprint_transactions", "Transactions in blocks since the start", registry=made)
        self._gas = Counter("tideprint_gas", "Gas used in blocks since the start", registry=made)
        self._block_gas = Gauge("tideprint_block_gas_used", "Gas that the last block used", registry=made)
        self._seal = Histogram("tideprint_seal_seconds", "Seconds to make a block durable", buckets=SEAL_SECONDS,
                               registry=made)  # fmt: skip
        self._requests = Counter("tideprint_rpc_requests", "Methods called", ["method"], registry=made)
        self._errors = Counter("tideprint_rpc_errors", "Methods answered with an error", ["method", "code"],
                               registry=made)  # fmt: skip
        self._seconds = Histogram("tideprint_rpc_seconds", "Seconds of a method", ["method"], buckets=RPC_SECONDS,
                                  registry=made)  # fmt: skip
        self._refused = Counter("tideprint_access_refused", "Keys, tokens and calls refused", ["reason"], registry=made)
        Gauge("tideprint_build_info", "Version", ["version"], registry=made).labels(version).set(1)
        if process:
            ProcessCollector(registry=made)

    def watch(self, sources: Sources) -> None:
        """Read these when the page is asked for. Once."""
        for name, (shown, text) in _READ.items():
            Gauge(f"tideprint_{shown}", text, registry=self._registry).set_function(getattr(sources, name))
        pool = Gauge("tideprint_pool_transactions", "Waiting transactions", ["state"], registry=self._registry)
        pool.labels("pending").set_function(sources.pending)
        pool.labels("queued").set_function(sources.queued)

    def watch_processes(self, processes: Callable[[], Mapping[str, list[int]]]) -> None:
        """Memory of the node's processes, by what they do. Once."""
        self._registry.register(_Memory(processes))

    def on_block(self, transactions: int, gas: int, seconds: float) -> None:
        """A block was made; `seconds` from choosing its transactions to the disk."""
        self._blocks.inc()
        self._transactions.inc(transactions)
        self._gas.inc(gas)
        self._block_gas.set(gas)
        self._seal.observe(seconds)

    def on_method(self, method: str, seconds: float, code: int) -> None:
        """A method was called; `code` of its error, or 0."""
        name = method if method in self._methods else OTHER
        self._requests.labels(name).inc()
        self._seconds.labels(name).observe(seconds)
        if code:
            self._errors.labels(name, str(code)).inc()

    def on_refusal(self, reason: str) -> None:
        """A key, a token or a call was refused; `reason` is one of our codes."""
        self._refused.labels(reason).inc()

    def page(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


class _Memory(Collector):
    """Resident bytes of processes, from /proc (Linux); a process that has gone counts nothing."""

    def __init__(self, processes: Callable[[], Mapping[str, list[int]]]) -> None:
        self._processes = processes

    def collect(self) -> Iterator[Metric]:
        """One sample for each kind of process."""
        family = GaugeMetricFamily("tideprint_resident_bytes", "Memory of the node's processes", labels=["process"])
        for kind, ids in self._processes().items():
            family.add_metric([kind], sum(resident(one) for one in ids))
        yield family

    def describe(self) -> Iterator[Metric]:
        """Nothing is read at registration."""
        yield GaugeMetricFamily("tideprint_resident_bytes", "Memory of the node's processes", labels=["process"])


def resident(process: int) -> int:
    """Bytes of a process in memory; 0 if there is none."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
