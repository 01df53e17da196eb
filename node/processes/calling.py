"""Workers that answer what takes long: calls, estimates, traces, searches. Each reads the store by itself.

    node -> worker    Setup; then Job(function by name, its arguments) after Job
    worker -> node    READY; then Answer after Answer

A worker that takes too long for a call is killed and replaced, and so is one that has grown or has answered often.
"""

import asyncio
import contextlib
import logging
import resource
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from node.admission import Admission
from node.blocks import Header
from node.clock import SystemClock
from node.config import Limits, PoolLimits
from node.errors import NodeError
from node.evm import PyEvm
from node.genesis import Genesis
from node.pool import Pool
from node.processes.line import Line
from node.processes.nursery import CALLER, Child, Nursery
from node.processes.wire import Stream, receive, send
from node.reader import Reader
from node.rpc.context import Context
from node.rpc.errors import Code, RpcError, rpc_error
from node.rpc.filters import Filters
from node.store import StoreReader

log = logging.getLogger(__name__)
READY = b"ready"
MOST_JOBS = 100_000
"""Answers after which a worker is replaced."""
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker must know."""

    path: Path
    genesis: Genesis
    limits: Limits
    log_level: int


@dataclass(frozen=True, slots=True)
class Job:
    """A function of the methods' modules and what follows the context among its arguments; the height of the head as
    the node knew it, so that answers of all processes agree."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    head: int


@dataclass(frozen=True, slots=True)
class Answer:
    """JSON, or an error (code, message, data); `spent`: the worker wants to be replaced."""

    result: bytes
    error: tuple[int, str, Any] | None
    spent: bool


class _Worker:
    """The node's end of one worker process."""

    def __init__(self, child: Child, stream: Stream) -> None:
        self._child, self._stream = child, stream

    @property
    def pid(self) -> int:
        return self._child.pid

    async def do(self, job: Job, seconds: float) -> Answer:
        self._stream.send(job)
        answer: Answer = await self._stream.receive(seconds)
        return answer

    def kill(self) -> None:
        self._stream.close()
        self._child.kill()


class Callers:
    """A crew of worker processes. `run` takes the next idle one and waits in line when there is none; where there are
    several, one caller holds all but one of them at most."""

    def __init__(self, nursery: Nursery, setup: Setup, count: int, head: Callable[[], Header]) -> None:
        self._nursery, self._setup, self._count, self._head = nursery, setup, count, head
        self._idle: deque[_Worker] = deque()
        self._all: set[_Worker] = set()
        self._line = Line(max(1, count - 1))
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [worker.pid for worker in self._all]

    async def open(self) -> None:
        """Start the workers; returns when they can answer. Raises OSError."""
        await asyncio.gather(*(self._hire() for _ in range(self._count)))

    async def _hire(self) -> None:
        child = self._nursery.start(CALLER)
        try:
            stream = await Stream.over(child.socket)
            worker = _Worker(child, stream)
            stream.send(self._setup)
            await stream.receive()
        except (EOFError, OSError):
            child.kill()
            raise
        self._all.add(worker)
        self._idle.append(worker)
        self._line.add()

    async def run(self, function: Callable[..., Any], arguments: tuple[Any, ...], who: str = "") -> bytes:
        """The answer in JSON. Raises RpcError, among others CALL_TIMEOUT and CALL_BROKE."""
        patience = self._setup.limits.call_seconds
        try:
            await self._line.take(who, patience)
        except TimeoutError as error:
            raise RpcError(Code.LIMIT_EXCEEDED, "too many calls are running; try again") from error
        worker, kept = self._idle.pop(), False
        try:
            job = Job(function, arguments, self._head().number)
            answer = await worker.do(job, patience)
            kept = not answer.spent
        except TimeoutError as error:
            raise RpcError(
                Code.SERVER,
                f"execution timeout: the call took longer than {patience:g} s",
                {"code": "CALL_TIMEOUT"},
            ) from error
        except (EOFError, OSError) as error:
            raise RpcError(Code.INTERNAL, "the call ended its process", {"code": "CALL_BROKE"}) from error
        finally:
            self._line.leave(who)
            if kept and not self._closed:
                self._idle.append(worker)
                self._line.add()
            else:
                await self._replace(worker)
        if answer.error is not None:
            code, message, data = answer.error
            raise RpcError(Code(code), message, data)
        return answer.result

    async def _replace(self, worker: _Worker) -> None:
        worker.kill()
        self._all.discard(worker)
        if not self._closed:
            try:
                await self._hire()
            except (EOFError, OSError):
                log.exception("no worker for calls can be started")

    def close(self) -> None:
        """End all workers, whatever they do."""
        self._closed = True
        for worker in self._all:
            worker.kill()
        self._all.clear()


def serve(wire: socket.socket) -> None:
    """A worker's life. Raises EOFError when the node is gone."""
    setup: Setup = receive(wire)
    logging.getLogger().setLevel(setup.log_level)
    most = setup.limits.call_mib * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    store = StoreReader(setup.path)
    context = _context(setup, store)
    send(wire, READY)
    done = 0
    while True:
        job: Job = receive(wire)
        done += 1
        chain = context.application
        if isinstance(chain, Admission) and job.head != chain.head.number:
            header = store.header(job.head)
            if header is not None:
                chain.advance(header)
        result, error = _answer(context, job)
        send(wire, Answer(result, error, done >= MOST_JOBS or _memory() > most // 2))


def _context(setup: Setup, store: StoreReader) -> Context:
    """What the methods work on that run beside: they read and look into limits, and send nothing."""
    executor, clock = PyEvm(), SystemClock()
    chain = Admission(setup.genesis, store, executor)
    return Context(
        chain, Reader(chain, store, executor), Pool(lambda _: 0, PoolLimits(), clock.elapsed), setup.limits,
        Filters(clock, 1), lambda _: None, ThreadPoolExecutor(1), ThreadPoolExecutor(1),
    )  # fmt: skip


def _answer(context: Context, job: Job) -> tuple[bytes, tuple[int, str, Any] | None]:
    try:
        return orjson.dumps(job.function(context, *job.arguments)), None
    except RpcError as refused:
        error = refused
    except NodeError as failed:
        error = rpc_error(failed)
    except MemoryError:
        error = RpcError(Code.LIMIT_EXCEEDED, "the call needs too much memory", {"code": "CALL_MEMORY"})
    except Exception:
        log.exception("%s failed", job.function.__name__)
        error = RpcError(Code.INTERNAL, "internal error")
    return b"", (int(error.code), error.message, error.data)


def _memory() -> int:
    """Bytes of private memory (Linux; 0 elsewhere)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path("/proc/self/statm").read_text().split()
        return (int(fields[1]) - int(fields[2])) * resource.getpagesize()
    return 0
