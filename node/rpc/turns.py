"""Taking turns on the event loop, so that many who send do not keep those waiting who only ask.

A transaction takes half a millisecond to check. When all connections send at once, a round of the loop would take
that long for each of them, and a call that needs a few rounds would wait for all of them each time.
"""

import asyncio
from collections import deque

A_ROUND = 1


class Turns:
    """At most `A_ROUND` goes on in one round of the loop, in the order in which they came."""

    def __init__(self) -> None:
        self._left = A_ROUND
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._planned = False

    async def take(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        if not self._planned:
            self._planned = True
            loop.call_soon(self._next, loop)
        if self._left and not self._waiting:
            self._left -= 1
            return
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        await future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left, self._planned = A_ROUND, False
        while self._waiting and self._left:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                self._left -= 1
        if self._waiting or self._left < A_ROUND:
            self._planned = True
            loop.call_soon(self._next, loop)
