"""Rights by method: names and prefixes with a star; a pattern that begins with `!` takes away.

A method is allowed if some pattern grants it and none takes it away, in whatever order they stand.
`metrics` stands for the page of that name.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PATTERN = re.compile(r"!?(\*|[A-Za-z0-9_]+\*?)")
METRICS = "metrics"


def is_pattern(text: object) -> bool:
    """Is this a method's name, a prefix with a star, or one of them with `!` before it?"""
    return isinstance(text, str) and len(text) <= 100 and _PATTERN.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a caller may call."""

    patterns: tuple[str, ...]

    def allow(self, method: str) -> bool:
        """May this method be called?"""
        granted = any(_fits(pattern, method) for pattern in self.patterns if not pattern.startswith("!"))
        return granted and not any(_fits(pattern[1:], method) for pattern in self.patterns if pattern.startswith("!"))


def _fits(pattern: str, method: str) -> bool:
    return method.startswith(pattern[:-1]) if pattern.endswith("*") else method == pattern


def parse_methods(text: str) -> tuple[str, ...]:
    """`eth_*,net_version` as typed by an operator. Raises ValueError naming the first that is no pattern."""
    patterns = tuple(part.strip() for part in text.split(",") if part.strip())
    require_patterns(patterns)
    return patterns


def require_patterns(patterns: Iterable[object]) -> None:
    """Raises ValueError naming the first that is no pattern."""
    for pattern in patterns:
        if not is_pattern(pattern):
            raise ValueError(f"{pattern!r} is no method or pattern")


EVERYTHING = Rights(("*",))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks. `kind` is anonymous, key or token; `ends` UTC seconds, when the key or token does."""

    kind: str
    name: str
    rights: Rights
    ends: float | None = None
    digest: bytes = b""
