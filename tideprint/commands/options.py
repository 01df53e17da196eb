"""Options that commands share, and how they print."""

import json
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

HOME = click.option(
    "--home",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="Directory of a member, e.g. what `tideprint demo --keep` leaves. Its node must be running.",
)
WALLET = click.option("--wallet", "name", required=True, metavar="NAME", help="Folder of the wallet, e.g. wearer-02.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def show(title: str, facts: dict[str, Any], as_json: bool) -> None:
    """Facts as a table for people or as JSON for scripts."""
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", show_header=False)
    table.add_column(style="cyan")
    table.add_column(justify="right")
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    Console().print(table)
