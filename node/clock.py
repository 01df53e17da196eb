"""Time, passed in wherever the node needs it."""

import time
from typing import Protocol


class Clock(Protocol):
    """`now` is UTC in seconds and may jump; `elapsed` only ever rises."""

    def now(self) -> float: ...

    def elapsed(self) -> float: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.monotonic()
