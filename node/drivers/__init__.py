"""Drivers decide when a block is made and what goes into it; the application decides what it means."""

from typing import Protocol


class Driver(Protocol):
    """Runs the application until it is told to stop."""

    async def run(self) -> None:
        """Make blocks until `stop`; returns when the block at hand is durable."""
        ...

    def wake(self) -> None:
        """The pool has something new."""
        ...

    def stop(self) -> None:
        """Finish the block at hand, then return from `run`."""
        ...

    @property
    def trouble(self) -> str:
        """Why no block can be made at present, or nothing."""
        ...
