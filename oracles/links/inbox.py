"""What a shoe sends without being read: answers, records and proofs, in the order they came."""

import asyncio
from collections.abc import Callable

from bleak.backends.characteristic import BleakGATTCharacteristic

from oracles.links import profile
from oracles.links.profile import Result

_RESULTS = {result.value: result for result in Result}


class LinkLost(Exception):
    """The link went away while something was awaited; inside the links only."""


class Silence(Exception):
    """The shoe said nothing for too long; inside the links only."""


class Inbox:
    """A queue of (characteristic, value) that ends when the link does."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._lost = asyncio.Event()

    def open(self) -> None:
        """A new link is being made: forget what came over the old one."""
        self.clear()
        self._lost.clear()

    def lose(self) -> None:
        """The link is gone; wake whoever waits."""
        self._lost.set()
        self._queue.put_nowait(("", b""))

    def clear(self) -> None:
        """Forget what nobody waited for."""
        while not self._queue.empty():
            self._queue.get_nowait()

    def on_control(self, _: BleakGATTCharacteristic, value: bytearray) -> None:
        """An indication of the control point."""
        self._queue.put_nowait((profile.CONTROL, bytes(value)))

    def on_record(self, _: BleakGATTCharacteristic, value: bytearray) -> None:
        """A record."""
        self._queue.put_nowait((profile.RECORDS, bytes(value)))

    def on_proof(self, _: BleakGATTCharacteristic, value: bytearray) -> None:
        """A proof."""
        self._queue.put_nowait((profile.PROOF, bytes(value)))

    async def answer(self, operation: int, silence: float) -> Result:
        """Wait for the answer to an operation. What else comes first and matters later (a proof) goes back."""
        kept: list[tuple[str, bytes]] = []
        while True:
            uuid, value = await self._next(silence)
            if uuid == profile.CONTROL and value[:2] == bytes((profile.ANSWER, operation)) and len(value) == 3:
                for item in kept:
                    self._queue.put_nowait(item)
                return _RESULTS.get(value[2], Result.FAILED)
            kept.append((uuid, value))

    async def proof(self, silence: float) -> bytes:
        """Wait for a proof."""
        while True:
            uuid, value = await self._next(silence)
            if uuid == profile.PROOF:
                return value

    async def until_pull_ended(self, take: Callable[[bytes], None], silence: float) -> None:
        """Hand every record on until the shoe says that the pull has ended."""
        while True:
            uuid, value = await self._next(silence)
            if uuid == profile.RECORDS:
                take(value)
            elif uuid == profile.CONTROL and value[:1] == bytes((profile.PULL_ENDED,)):
                return

    async def _next(self, silence: float) -> tuple[str, bytes]:
        if self._lost.is_set() and self._queue.empty():
            raise LinkLost
        try:
            item = await asyncio.wait_for(self._queue.get(), silence)
        except TimeoutError:
            raise Silence from None
        if not item[0]:
            raise LinkLost
        return item
