"""Which child keys an epoch destroys, replaces or leaves: a small tree built from prefixes and frontiers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from vault.paths import DEPTH, FAN_OUT, Path, node_id


@dataclass(frozen=True, slots=True)
class Frontier:
    """The first unallocated path inside a scope: every key under `scope` from `first` on gets fresh randomness.

    `first` is longer than `scope` and starts with it. Too low a frontier destroys live keys: take it only from the
    counters committed in the key database (`vault.slots`).
    """

    scope: Path
    first: Path


@dataclass(slots=True)
class Plan:
    """What happens to the children of one node: `erased` become zero, those from `fresh_from` on become random, those
    in `children` get a new key and a plan of their own. The others keep their keys."""

    children: dict[int, "Plan"] = field(default_factory=dict)
    erased: set[int] = field(default_factory=set)
    fresh_from: int = FAN_OUT


def plan_of(prefixes: Iterable[Path], frontiers: Iterable[Frontier]) -> Plan:
    """The plan of one epoch."""
    plan = Plan()
    for prefix in prefixes:
        _erase(plan, prefix)
    for frontier in frontiers:
        _refresh(plan, frontier)
    return plan


def _erase(plan: Plan, prefix: Path) -> None:
    digits = [int(digit, FAN_OUT) for digit in prefix]
    for digit in digits[:-1]:
        if digit in plan.erased:
            return
        plan = plan.children.setdefault(digit, Plan())
    plan.erased.add(digits[-1])
    plan.children.pop(digits[-1], None)


def _refresh(plan: Plan, frontier: Frontier) -> None:
    digits = [int(digit, FAN_OUT) for digit in frontier.first]
    for depth, digit in enumerate(digits):
        last = depth == len(digits) - 1
        if depth >= len(frontier.scope):
            plan.fresh_from = min(plan.fresh_from, digit if last else digit + 1)
        if last or digit in plan.erased:
            return
        plan = plan.children.setdefault(digit, Plan())


def rows_beyond(frontier: Frontier) -> Iterable[tuple[int, int]]:
    """Ranges of node ids whose keys the frontier replaces: their rows would be unreadable and have to go."""
    index = int(frontier.first, FAN_OUT)
    for level in range(len(frontier.scope) + 1, DEPTH):
        short = len(frontier.first) - level
        first = index // FAN_OUT**short + 1 if short > 0 else index * FAN_OUT**-short
        yield node_id(level, first), node_id(level, _end(frontier.scope, level))


def rows_under(prefix: Path) -> Iterable[tuple[int, int]]:
    """Ranges of node ids at and below a prefix."""
    for level in range(len(prefix), DEPTH):
        first = int(prefix, FAN_OUT) * FAN_OUT ** (level - len(prefix))
        yield node_id(level, first), node_id(level, _end(prefix, level))


def _end(prefix: Path, level: int) -> int:
    span: int = FAN_OUT ** (level - len(prefix))
    return (int(prefix, FAN_OUT) + 1) * span
