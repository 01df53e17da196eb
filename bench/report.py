"""Results for people (one table) and for programs (one JSON file)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.machine import Machine
from bench.measuring import Comparison, NotRun, Result, Spread


def show(console: Console, machine: Machine, results: Sequence[Result]) -> None:
    """Print machine, table, and what did not run."""
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    before, after = machine.load
    console.print(
        f"{machine.cores} cores ({machine.processor}), load {before} before and {after} after, "
        f"Python {machine.python}, hash back end {machine.hash_backend}\n{packages}"
    )
    table = Table("bench", "what", "ours", "against", "theirs", "unit", "times better (range)")
    for column in (2, 4, 6):
        table.columns[column].justify, table.columns[column].no_wrap = "right", True
    for result in results:
        if isinstance(result, Comparison):
            table.add_row(*_row(result))
    console.print(table)
    missing = [result for result in results if isinstance(result, NotRun)]
    for one in missing:
        console.print(f"NOT RUN: {one.bench}, {one.what}: {one.why}")
    console.print(f"{len(results) - len(missing)} comparisons, {len(missing)} not run; medians of the rounds")


def _row(result: Comparison) -> tuple[str, ...]:
    ours, other, ratio = Spread.of(result.ours), Spread.of(result.other), result.ratio
    return (
        result.bench, result.what, figure(ours.median), f"{result.against}: {result.other_name}",
        figure(other.median), result.unit, f"{figure(ratio.median)} ({figure(ratio.low)}-{figure(ratio.high)})",
    )  # fmt: skip


def figure(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def save(path: Path, machine: Machine, results: Sequence[Result]) -> None:
    """Write everything measured, round by round."""
    content = {
        "machine": asdict(machine),
        "results": [
            asdict(result) | {"ratios": result.ratios, "ratio": asdict(result.ratio)}
            for result in results
            if isinstance(result, Comparison)
        ],
        "not_run": [asdict(result) for result in results if isinstance(result, NotRun)],
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
