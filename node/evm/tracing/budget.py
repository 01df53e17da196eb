"""What a trace may still cost. A loop of 30 million gas makes gigabytes of steps: it must end while it is small."""

from time import monotonic

from node.errors import TraceLimit
from node.traces import TraceLimits

STEPS_BETWEEN_LOOKS = 256


class Budget:
    """Bytes, steps and seconds of one request; each method raises TraceLimit when there is no more."""

    __slots__ = ("_bytes", "_limits", "_steps", "_until")

    def __init__(self, limits: TraceLimits) -> None:
        self._limits, self._bytes, self._steps = limits, 0, 0
        self._until = monotonic() + limits.seconds

    def step(self) -> None:
        """An instruction is about to run."""
        self._steps += 1
        if self._steps > self._limits.steps:
            raise TraceLimit("TRACE_TOO_LONG", f"the trace exceeds {self._limits.steps} steps", "trace a shorter call")
        if self._steps % STEPS_BETWEEN_LOOKS == 0:
            self.look()

    def look(self) -> None:
        """Has the time passed?"""
        if monotonic() > self._until:
            raise TraceLimit(
                "TRACE_TIMEOUT",
                f"execution timeout: the trace took longer than {self._limits.seconds:g} s",
                'ask for less, or for more time with "timeout"',
            )

    def spend(self, size: int) -> None:
        """So many bytes of the answer are taken."""
        self._bytes += size
        if self._bytes > self._limits.answer_bytes:
            raise TraceLimit(
                "TRACE_TOO_LARGE",
                f"the trace exceeds {self._limits.answer_bytes} bytes",
                "leave out stack, storage or memory, set a limit, or use the callTracer",
            )
