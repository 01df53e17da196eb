"""How the node is, in the words of `/readiness`, `/metrics` and `status`."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_BEHIND = 2
"""Blocks that may be missing, unless the question says otherwise."""


@dataclass(frozen=True, slots=True)
class Health:
    """`trouble` says why no block can be made, or nothing; `behind` counts blocks that should have been made since."""

    trouble: str
    behind: int
    peers: int = 0


@dataclass(frozen=True, slots=True)
class Question:
    """How far behind a node may be, and how many peers it must have, to count as ready. A solo node has none."""

    most_behind: int = MOST_BEHIND
    fewest_peers: int = 0

    def reason(self, health: Health) -> str:
        """Why it is not ready, or nothing."""
        if health.trouble:
            return health.trouble
        if health.behind > self.most_behind:
            return "NO_BLOCKS"
        return "FEW_PEERS" if health.peers < self.fewest_peers else ""


def question(query: Mapping[str, str]) -> Question:
    """From `maxBlocksBehind` and `minPeers`. Raises ValueError naming what is no whole number."""
    return Question(_whole(query, "maxBlocksBehind", MOST_BEHIND), _whole(query, "minPeers", 0))


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise ValueError(f"{name} must be a whole number")
    return int(text)
