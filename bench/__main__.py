"""`python -m bench [NAME ...]`: measure, side by side in one run, and print one table."""

import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from bench.machine import facts, load
from bench.measuring import Bench, Result, Scale, Setting
from bench.report import save, show

WIDTH = 160
BENCHES = {
    "vault": "records",
    "erasure": "erasure",
    "oracles": "oracle",
    "node": "transfers",
    "peers": "peers.transfers",
    "native": "native",
    "cost": "cost",
}
"""Names on the command line and the modules that measure."""


def _bench(name: str) -> Bench:
    measure: Bench = import_module(f"bench.{BENCHES[name]}").measure
    return measure


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHES)), metavar="[NAME]...")
@click.option("--scale", type=click.Choice([*Scale]), default=Scale.NORMAL, show_default=True)
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Keep every round here.")
@click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help="The disk to measure on.")
def main(names: tuple[str, ...], scale: str, json_file: Path | None, folder: Path | None) -> None:
    """Measure all benches or those named: vault, erasure, oracles, node, peers, cost."""
    console, results, before = _console(), list[Result](), load()
    with console.status("measuring") as status, tempfile.TemporaryDirectory(dir=folder) as directory:
        for name in names or BENCHES:
            place = Path(directory) / name
            place.mkdir()
            results += _bench(name)(Setting(Scale(scale), place, _teller(status.update, console, name)))
    machine = facts(before)
    show(console, machine, results)
    if json_file is not None:
        save(json_file, machine, results)


def _console() -> Console:
    """As wide as the terminal, or wide enough for the table where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def _teller(update: Callable[[str], None], console: Console, name: str) -> Callable[[str], None]:
    """Progress: a line that changes on a terminal, lines otherwise."""

    def say(step: str) -> None:
        if console.is_terminal:
            update(f"{name}: {step}")
        else:
            console.print(f"{name}: {step}")

    return say


if __name__ == "__main__":
    main(prog_name="bench")
