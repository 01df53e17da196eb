"""What a measurement is: ours and something else, by turns in the same run, and the quotient of the two.

A figure alone says little: the machine, its load and its versions are in it. A quotient of two figures taken in the
same minute keeps most of that out.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

ROUNDS = 3

First = TypeVar("First")
Second = TypeVar("Second")


class Scale(StrEnum):
    """How much is measured: `small` shows that it runs, `normal` gives figures."""

    SMALL = "small"
    NORMAL = "normal"


class Against(StrEnum):
    """What ours is compared with: something people use instead, or the least work there is."""

    PEER = "peer"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Setting:
    """What every bench gets: how much, where it may write, and whom it tells how far it is."""

    scale: Scale
    folder: Path
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table. `ours` and `other` hold a figure per round in `unit`, in the order measured."""

    bench: str
    what: str
    unit: str
    ours: tuple[float, ...]
    other_name: str
    other: tuple[float, ...]
    against: Against
    more_is_better: bool = True

    @property
    def ratios(self) -> tuple[float, ...]:
        """Per round, how many times better ours is; below 1 it is worse."""
        pairs = zip(self.ours, self.other, strict=True)
        return tuple(ours / other if self.more_is_better else other / ours for ours, other in pairs)

    @property
    def ratio(self) -> Spread:
        """The spread of the ratios."""
        return Spread.of(self.ratios)


@dataclass(frozen=True, slots=True)
class NotRun:
    """A comparison that could not be made here."""

    bench: str
    what: str
    why: str


Result = Comparison | NotRun
Bench = Callable[[Setting], list[Result]]


def by_turns(ours: Callable[[], First], other: Callable[[], Second]) -> tuple[list[First], list[Second]]:
    """ours, other, ours, other, ...: what each gave in each round."""
    first, second = [], []
    for _ in range(ROUNDS):
        first.append(ours())
        second.append(other())
    return first, second


def seconds(work: Callable[[], object]) -> float:
    """How long a call takes by the clock."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` of all do not exceed: with few samples p99 is the worst."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


@dataclass(frozen=True, slots=True)
class Waits:
    """How long single operations took, per round, in milliseconds."""

    ours: list[list[float]]
    other: list[list[float]]

    def compare(self, bench: str, what: str, other_name: str, against: Against) -> list[Result]:
        """A line for the median, one for the 99th percentile."""
        return [
            Comparison(
                bench, f"{what}, {name}", "ms",
                tuple(percentile(taken, share) for taken in self.ours), other_name,
                tuple(percentile(taken, share) for taken in self.other), against, more_is_better=False,
            )
            for name, share in (("p50", 0.5), ("p99", 0.99))
        ]  # fmt: skip
