"""Time, passed in wherever the node needs it."""

import time
from typing import Protocol


class Clock(Protocol):
    """`now` is UTC in seconds and may jump; `elapsed` only ever rises."""

    def now(self) -> float: ...

    def elapsed(self) -> float: ...


class SystemClock:
    """The machine's clock; the seconds of a machine that slept count as elapsed."""

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
