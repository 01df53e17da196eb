"""Waiting in line for a place, fairly: those who wait are served by turns of who they are, not of how much they ask.

No one holds all the places while there are several: who has asked for much waits for his own, others for a moment.
"""

import asyncio
from collections import Counter, deque


class Line:
    """Places that come and go; `each` is how many one caller may hold."""

    def __init__(self, each: int) -> None:
        self._each, self._free = each, 0
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def add(self) -> None:
        """There is a place more."""
        self._free += 1
        self._serve()

    async def take(self, who: str, seconds: float) -> None:
        """Wait for a place, at most so long. Raises TimeoutError."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(who, deque()).append(turn)
        self._serve()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(turn)
        except (TimeoutError, asyncio.CancelledError):
            if turn.done():
                self.leave(who)
                self.add()
            else:
                turn.cancel()
            raise

    def leave(self, who: str) -> None:
        """Somebody is done; whether his place is there again says `add`."""
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
        self._serve()

    def _serve(self) -> None:
        while self._free and (turn := self._next()) is not None:
            self._free -= 1
            turn.set_result(None)

    def _next(self) -> "asyncio.Future[None] | None":
        """Whose turn it is; he goes to the end of the line."""
        for who in list(self._waiting):
            turns = self._waiting[who]
            while turns and turns[0].done():
                turns.popleft()
            if turns and self._held[who] >= self._each:
                continue
            del self._waiting[who]
            if not turns:
                continue
            turn = turns.popleft()
            if turns:
                self._waiting[who] = turns
            self._held[who] += 1
            return turn
        return None
