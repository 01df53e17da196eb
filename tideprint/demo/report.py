"""How a run is told: a table for people, JSON for scripts."""

import json
import os
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table

from tideprint.demo.claims import Claims


def to_json(claims: Claims) -> dict[str, Any]:
    """The figures of a run."""
    return {
        "held": claims.all_held,
        "figures": claims.figures,
        "refused_minutes": dict(sorted(claims.refused_minutes.items())),
        "refusals": dict(sorted(claims.refusals.items())),
        "claims": [{"stage": claim.stage, "claim": claim.text, "held": claim.held} for claim in claims.claims],
        "seconds": claims.seconds,
    }


def write_json(claims: Claims, path: Path) -> None:
    """Write the figures, whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(to_json(claims), indent=2, ensure_ascii=False) + "\n")
    os.replace(part, path)


def show(claims: Claims, console: Console) -> None:
    """The table a person reads at the end."""
    console.print()
    console.print(_figures(claims))
    console.print(_refusals(claims))
    console.print(_claims(claims))
    console.print(_verdict(claims))


def _figures(claims: Claims) -> Table:
    table = Table(
        title="What happened", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", show_header=False
    )
    table.add_column(style="cyan")
    table.add_column(justify="right")
    for name, value in claims.figures.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
    return table


def _refusals(claims: Claims) -> Group:
    minutes = _counted("Minutes refused, by reason", claims.refused_minutes)
    refusals = _counted("Requests refused, by code", claims.refusals)
    side = Table.grid(padding=(0, 4))
    side.add_row(minutes, refusals)
    return Group(side)


def _counted(title: str, counts: dict[str, int]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="yellow")
    table.add_column(justify="right")
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(code, f"{count:,}")
    return table


def _claims(claims: Claims) -> Table:
    table = Table(title="What was claimed and checked", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("stage", style="cyan", no_wrap=True)
    table.add_column("claim")
    table.add_column("held")
    table.add_column("s", justify="right", style="dim")
    last = ""
    for claim in claims.claims:
        new = claim.stage != last
        seconds = f"{claims.seconds[claim.stage]:.1f}" if new and claim.stage in claims.seconds else ""
        mark = "[green]yes[/]" if claim.held else "[bold red]NO[/]"
        table.add_row(claim.stage if new else "", claim.text, mark, seconds)
        last = claim.stage
    return table


def _verdict(claims: Claims) -> Panel:
    failed = [claim for claim in claims.claims if not claim.held]
    total = sum(claims.seconds.values())
    if failed:
        return Panel(f"[bold red]{len(failed)} of {len(claims.claims)} claims did not hold[/]", border_style="red")
    return Panel(f"[bold green]all {len(claims.claims)} claims held[/] in {total:.0f} s", border_style="green")
