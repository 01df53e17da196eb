"""Ethereum's forks up to Prague, and which one a block follows.

Our own chain is at Prague from block 0 on; other chains, read for comparison, go through their forks by height and,
from Shanghai on, by time.
"""

from dataclasses import dataclass
from enum import IntEnum


class Fork(IntEnum):
    """The rules a block follows, in the order in which they came."""

    FRONTIER = 0
    HOMESTEAD = 1
    TANGERINE_WHISTLE = 2
    SPURIOUS_DRAGON = 3
    BYZANTIUM = 4
    CONSTANTINOPLE = 5
    PETERSBURG = 6
    ISTANBUL = 7
    MUIR_GLACIER = 8
    BERLIN = 9
    LONDON = 10
    ARROW_GLACIER = 11
    GRAY_GLACIER = 12
    PARIS = 13
    SHANGHAI = 14
    CANCUN = 15
    PRAGUE = 16


@dataclass(frozen=True, slots=True)
class Schedule:
    """(first height, fork) and (first UTC second, fork), both rising; times count once all heights are passed."""

    by_number: tuple[tuple[int, Fork], ...]
    by_time: tuple[tuple[int, Fork], ...] = ()

    def fork(self, number: int, time: int) -> Fork:
        """The rules of the block at this height and time."""
        found = Fork.FRONTIER
        for first, fork in self.by_number:
            found = fork if number >= first else found
        if found < Fork.PARIS:
            return found
        for since, fork in self.by_time:
            found = fork if time >= since else found
        return found


ALWAYS_PRAGUE = Schedule(((0, Fork.PRAGUE),))
"""Our own chain."""
