"""`tideprint vault clock`: what is due when; notices given, appeals received and answered."""

from dataclasses import asdict
from pathlib import Path

import click

from vault import Vault, VaultOptions
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.clocks import ClockKind, Urgency

ERASURE = click.option("--erasure", required=True, help="Number of the erasure.")


@click.group()
def clock() -> None:
    """Deadlines: 5 days to erase, 10 to give notice, 10 to answer an appeal."""


@clock.command("list")
@DATA
@REMNANTS
@JSON
@speaking
def list_clocks(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Show the clocks that run, the most urgent first. Exit status 1 if one ran out.

    Example: tideprint vault clock list --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        running = opened.erasures.deadlines.running()
        missed = opened.erasures.deadlines.missed()
    show({"running": [asdict(each) for each in running], "missed": missed}, as_json, "Clocks")
    if any(each.urgency is Urgency.OVERDUE for each in running):
        raise click.exceptions.Exit(1)


@clock.command()
@DATA
@ERASURE
@click.argument("what", type=click.Choice(["noticed", "appealed", "answered"]))
@REMNANTS
@speaking
def note(data: Path, erasure: str, what: str, allow_remnants: bool) -> None:
    """Write down that the person was told, has appealed, or was answered, just now.

    Example: tideprint vault clock note noticed --data DIR --erasure 0011
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        deadlines, number = opened.erasures.deadlines, opened.erasures.get(erasure).id
        if what == "appealed":
            deadlines.begin(number, ClockKind.APPEAL, opened.clock())
        else:
            deadlines.meet(number, ClockKind.NOTICE if what == "noticed" else ClockKind.APPEAL)
    click.echo(what)
