"""Who asks: told of every method before and after it runs, so that one may be refused, counted or timed."""

from typing import Protocol

from node.rpc.errors import RpcError


class Visit(Protocol):
    """One request body. Its methods run one after the other. `who` asks: those who ask are served by turns."""

    @property
    def who(self) -> str: ...

    def enter(self, method: str) -> None:
        """A method is about to run. Raises RpcError when this caller may not call it."""
        ...

    def leave(self, method: str, error: RpcError | None) -> None:
        """It has run, or was refused."""
        ...


class Anybody:
    """May call everything and leaves no trace."""

    who = ""

    def enter(self, method: str) -> None:
        """Come in."""

    def leave(self, method: str, error: RpcError | None) -> None:
        """Goodbye."""


ANYBODY = Anybody()
