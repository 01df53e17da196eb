"""The solo sealer: one process that proposes, judges and commits its own blocks.

A block is made at most once in `interval` seconds: as soon as the pool has something to run, and an empty one after
`heartbeat` seconds without any. Its time is max(now, parent + 1). When the clock stands before the last block by more
than the tolerance, or has run far ahead of the machine's own count of seconds since the last block, nothing is sealed
and it is tried again every second: a block of a wrong future could never be followed by one of the right time.

Executing and committing are a `Maker`'s: in a process of its own, or in a thread of this one.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from node.clock import Clock
from node.config import Sealing
from node.drivers.making import Made, Maker
from node.errors import NodeError, StoreError
from node.pool import Pool
from node.proposals import Block, Slot

log = logging.getLogger(__name__)
RETRY = 1.0
STOP_SECONDS = 5.0
"""What the block at hand may take beyond its work once the node is told to stop."""
"""Seconds until an untrusted clock is looked at again."""


class ClockUntrusted(NodeError):
    """The clock stands before the last block, or leapt ahead since."""


class SoloSealer:
    """The `Driver` of a chain with one sealer."""

    def __init__(
        self,
        maker: Maker,
        pool: Pool,
        clock: Clock,
        settings: Sealing,
        on_block: Callable[[Block], None] = lambda _: None,
    ) -> None:
        self._maker, self._pool, self._clock, self._settings = maker, pool, clock, settings
        self._on_block = on_block
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._sealed_at = clock.elapsed() - settings.interval
        self._trouble = ""
        self.seconds = 0.0
        """What making the last block took, from choosing its transactions to the disk."""
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
                    await self._unless_it_hangs(asyncio.create_task(self._seal_or_report()))
        finally:
            self._maker.close()

    async def _until_due(self) -> None:
        while not self._stopping.is_set():
            since = self._clock.elapsed() - self._sealed_at
            busy = self._pool.has_candidates
            remaining = (self._settings.interval if busy else self._settings.heartbeat) - since
            if remaining <= 0:
                return
            self._woken.clear()
            await _set_within(self._stopping if busy else self._woken, remaining)

    async def _unless_it_hangs(self, sealing: asyncio.Task[None]) -> None:
        """Wait for the block at hand; once told to stop, only for a while. A commit is whole or never was."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((sealing, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        done, _ = await asyncio.wait((sealing,), timeout=self._settings.work + STOP_SECONDS)
        if not done:
            sealing.cancel()
            raise StoreError(
                "SEALER_HANGS",
                f"the block at hand did not end within {self._settings.work + STOP_SECONDS:g} s of being told to stop",
                "what was committed is safe; look at the disk, then start the node again",
            )
        await sealing

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
        parent, now = self._maker.head, self._clock.now()
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
        self._sealed_at = self._clock.elapsed()
        made = await self._maker.make(slot, self._pool.draw(), self._settings.work)
        self.seconds = self._clock.elapsed() - self._sealed_at
        self._clear(made)
        self._on_block(made.block)
        return made.block

    def _clear(self, made: Made) -> None:
        """Take out of the pool what is done, what cannot be done, and what has waited for too long."""
        for tx, refusal in made.refused:
            log.warning("transaction 0x%s left the pool: %s", tx.hash.hex(), refusal)
            self._pool.remove(tx.hash)
        for transaction_hash in made.broken:
            self._pool.remove(transaction_hash)
        self._pool.settle(made.block.transactions)
        expired = self._pool.expire()
        if expired:
            log.warning("%d transactions left the pool: they waited for too long", expired)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, but no longer than `seconds`."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
