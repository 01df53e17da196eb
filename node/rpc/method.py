"""One row of the table of methods: function, parsers of its arguments, how many are required, where it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.rpc.context import Beside
from node.rpc.parameters import Parser


@dataclass(frozen=True, slots=True)
class Method:
    """`function` gets the context and the parsed arguments; it runs on the event loop, or `beside` it.

    One on the loop may return the rest of the work, done beside the loop: `Later`, which may go to another process, or
    a function, which does not.
    """

    function: Callable[..., Any]
    parsers: tuple[Parser, ...] = ()
    optional: int = 0
    beside: Beside | None = None
    paced: bool = False
    """On the loop, but a few at a time: see `node.rpc.turns`."""

    @property
    def required(self) -> int:
        return len(self.parsers) - self.optional
