"""`tideprint demo`."""

import sys
from pathlib import Path

import click
from rich.console import Console

EXIT_CLAIM_FAILED = 1
PLAIN_WIDTH = 118
"""Columns where the output is no terminal."""


@click.command()
@click.option("--people", type=click.IntRange(6, 20), default=20, show_default=True, help="Walkers of the recording.")
@click.option("--days", type=click.IntRange(1, 8), default=7, show_default=True, help="Days each of them walks.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the directory for other commands.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to a file."
)
def demo(people: int, days: int, keep: Path | None, json_file: Path | None) -> None:
    """Walk the whole path on real walking data; exit code 0 only if every claim was checked and held.

    Example: tideprint demo --people 10 --days 3 --json report.json
    """
    from tideprint.demo.run import run, tell

    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    claims = run(people, days, keep, console)
    tell(claims, console, json_file)
    if keep is not None:
        console.print(f"kept in {keep}: try `tideprint node start --data {keep}/node`, then `tideprint audit scan`")
    if not claims.all_held:
        sys.exit(EXIT_CLAIM_FAILED)
