"""The solo sealer: one process that proposes, judges and commits its own blocks.

A block is made at most once in `interval` seconds: as soon as the pool has something to run, and an empty one after
`heartbeat` seconds without any. Its time is max(now, parent + 1). When the clock stands before the last block by more
than the tolerance, or has run far ahead of the machine's own count of seconds since the last block, nothing is sealed
and it is tried again every second: a block of a wrong future could never be followed by one of the right time.

Execution runs in a thread of its own. The event loop keeps answering meanwhile; the two share the interpreter, so a
read waits for a switch interval, not for a block.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from node.application import Application
from node.clock import Clock
from node.config import Sealing
from node.errors import ExecutionBroke, NodeError
from node.pool import Pool
from node.proposals import Block, Prepared, Slot

log = logging.getLogger(__name__)
RETRY = 1.0
"""Seconds until an untrusted clock is looked at again."""


class ClockUntrusted(NodeError):
    """The clock stands before the last block, or leapt ahead since."""


class SoloSealer:
    """The `Driver` of a chain with one sealer."""

    def __init__(
        self,
        application: Application,
        pool: Pool,
        clock: Clock,
        settings: Sealing,
        on_block: Callable[[Block], None] = lambda _: None,
    ) -> None:
        self._application, self._pool, self._clock, self._settings = application, pool, clock, settings
        self._on_block = on_block
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="sealer")
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._sealed_at = clock.elapsed() - settings.interval
        self._trouble = ""
        self._broken: list[bytes] = []
        self._trusted = (clock.now(), clock.elapsed())

    @property
    def trouble(self) -> str:
        """Why no block can be made at present, or nothing."""
        return self._trouble

    def wake(self) -> None:
        """The pool has something new."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the block at hand, then return from `run`."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Make blocks until `stop`. Raises StoreError when a block cannot be made durable: the node cannot go on."""
        try:
            while not self._stopping.is_set():
                await self._until_due()
                if not self._stopping.is_set():
                    await self._seal_or_report()
        finally:
            self._worker.shutdown(wait=True)

    async def _until_due(self) -> None:
        while not self._stopping.is_set():
            since = self._clock.elapsed() - self._sealed_at
            busy = self._pool.has_candidates
            remaining = (self._settings.interval if busy else self._settings.heartbeat) - since
            if remaining <= 0:
                return
            self._woken.clear()
            await _set_within(self._stopping if busy else self._woken, remaining)

    async def _seal_or_report(self) -> None:
        try:
            await self.seal()
            self._trouble = ""
        except ClockUntrusted as error:
            if not self._trouble:
                log.error("%s", error)
            self._trouble = error.code
            await _set_within(self._stopping, RETRY)

    def next_slot(self) -> Slot:
        """Height and time of the next block. Raises ClockUntrusted (CLOCK_UNTRUSTED)."""
        parent, now = self._application.head, self._clock.now()
        if now < parent.time - self._settings.clock_tolerance:
            raise ClockUntrusted(
                "CLOCK_UNTRUSTED",
                f"the clock stands {parent.time - now:.0f} s before the last block",
                "set the clock; sealing goes on by itself",
            )
        wall, count = self._trusted
        leap = (now - wall) - (self._clock.elapsed() - count)
        if leap > self._settings.clock_leap:
            raise ClockUntrusted(
                "CLOCK_UNTRUSTED",
                f"the clock leapt {leap:.0f} s ahead since the last block",
                "set the clock; sealing goes on by itself; if it is right now, start the node again",
            )
        return Slot(parent.number + 1, max(int(now), parent.time + 1))

    async def seal(self) -> Block:
        """Make one block of what waits, now. Raises ClockUntrusted, StoreError."""
        slot = self.next_slot()
        self._trusted = (self._clock.now(), self._clock.elapsed())
        candidates = [tx.raw for tx in self._pool.candidates()]
        self._sealed_at = started = self._clock.elapsed()
        loop = asyncio.get_running_loop()
        prepared, block = await loop.run_in_executor(self._worker, self._make, slot, candidates, started)
        self._clear(prepared, block)
        self._on_block(block)
        return block

    def _clear(self, prepared: Prepared, block: Block) -> None:
        """Take out of the pool what is done, what cannot be done, and what has waited for too long."""
        for tx, refusal in prepared.refused:
            log.warning("transaction 0x%s left the pool: %s", tx.hash.hex(), refusal)
            self._pool.remove(tx.hash)
        for transaction_hash in (*self._broken, *(tx.hash for tx in block.transactions)):
            self._pool.remove(transaction_hash)
        self._broken.clear()
        if any(tx.authorizations for tx in block.transactions):
            self._pool.advance()
        else:
            self._pool.advance([tx.sender for tx in (*block.transactions, *(tx for tx, _ in prepared.refused))])
        expired = self._pool.expire()
        if expired:
            log.warning("%d transactions left the pool: they waited for too long", expired)

    def _make(self, slot: Slot, candidates: Sequence[bytes], started: float) -> tuple[Prepared, Block]:
        deadline = started + self._settings.work
        prepared = self._prepare(slot, candidates, lambda: self._clock.elapsed() < deadline)
        if not self._application.process_proposal(prepared.proposal).accepted:
            raise NodeError(
                "OWN_PROPOSAL_REJECTED", "the node rejects its own block", "this is a defect, please report it"
            )
        self._application.finalize_block(prepared.proposal)
        return prepared, self._application.commit()

    def _prepare(self, slot: Slot, candidates: Sequence[bytes], in_time: Callable[[], bool]) -> Prepared:
        """Choose from the candidates; one that meets a defect is dropped, and the choice is made again without it."""
        while True:
            try:
                return self._application.prepare_proposal(slot, candidates, in_time)
            except ExecutionBroke as error:
                log.exception("%s", error)
                self._broken.append(error.transaction_hash)
                candidates = [raw for raw in candidates if raw != error.raw]


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but no longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
