"""Making one block of what waits: prepare, judge, finalize, commit. In this process; the sealer process does the same.

A candidate that meets a defect is dropped, and the choice is made again without it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from node.application import Application
from node.blocks import Header
from node.clock import Clock
from node.errors import ExecutionBroke, NodeError, TransactionRefused
from node.proposals import Block, Prepared, Slot
from node.transactions import Transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A committed block, what the rules refused on the way, and the hashes of what met a defect."""

    block: Block
    refused: tuple[tuple[Transaction, TransactionRefused], ...]
    broken: tuple[bytes, ...]


class Maker(Protocol):
    """Whoever executes and commits."""

    @property
    def head(self) -> Header:
        """The last committed header."""
        ...

    async def make(self, slot: Slot, candidates: Iterator[Transaction], seconds: float) -> Made:
        """Make a block of the candidates, which may be drawn while it is made, in at most so many seconds of
        execution. Raises NodeError when the block cannot be made durable: the node cannot go on."""
        ...

    def close(self) -> None:
        """Finish what is at hand."""
        ...


class InProcess:
    """Makes blocks in a thread of this process."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self._application, self._clock = application, clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sealer")

    @property
    def head(self) -> Header:
        """The last committed header."""
        return self._application.head

    async def make(self, slot: Slot, candidates: Iterator[Transaction], seconds: float) -> Made:
        """See `Maker`. The candidates are drawn at once: the pool belongs to the event loop."""
        deadline, drawn = self._clock.elapsed() + seconds, [tx.raw for tx in candidates]
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._worker, make, self._application, slot, lambda: drawn, lambda: self._clock.elapsed() < deadline
        )

    def close(self) -> None:
        """Wait for the block at hand."""
        self._worker.shutdown(wait=True)


def make(
    application: Application, slot: Slot, candidates: Callable[[], Iterable[bytes]], in_time: Callable[[], bool]
) -> Made:
    """Make and commit a block. `candidates` gives them from the first one on, each time it is called."""
    prepared, broken = _prepare(application, slot, candidates, in_time)
    if not application.process_proposal(prepared.proposal).accepted:
        raise NodeError("OWN_PROPOSAL_REJECTED", "the node rejects its own block", "this is a defect, please report it")
    application.finalize_block(prepared.proposal)
    return Made(application.commit(), prepared.refused, tuple(broken))


def _prepare(
    application: Application, slot: Slot, candidates: Callable[[], Iterable[bytes]], in_time: Callable[[], bool]
) -> tuple[Prepared, list[bytes]]:
    broken: dict[bytes, bytes] = {}
    while True:
        try:
            chosen = _without(candidates(), broken)
            return application.prepare_proposal(slot, chosen, in_time), list(broken.values())
        except ExecutionBroke as error:
            log.exception("%s", error)
            broken[error.raw] = error.transaction_hash


def _without(candidates: Iterable[bytes], broken: dict[bytes, bytes]) -> Iterator[bytes]:
    return (raw for raw in candidates if raw not in broken)
