"""`tideprint vault tick` and `tideprint vault end`: the daily run, and ends that were agreed."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import click

from protocol.calendar import day_from_date
from protocol.errors import Refusal, RefusalCode
from vault import Cause, Vault, VaultOptions
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.retention.scheduler import Scheduler
from vault.standing import OrderKind

ENDS = (Cause.PURPOSE_ACHIEVED, Cause.CONTRACT_END)


@click.command()
@DATA
@click.option("--clock-checked", is_flag=True, help="After a long pause: you have compared the clock with another one.")
@REMNANTS
@JSON
@speaking
def tick(data: Path, clock_checked: bool, allow_remnants: bool, as_json: bool) -> None:
    """Do what is due today: retention, agreed ends, holds that are over, open erasures, the day's epoch. Run it daily.

    A second run on the same day does nothing; after days off it catches up. Exit status 1 if something failed or is
    overdue.

    Example: tideprint vault tick --data DIR --json
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        report = Scheduler(opened).tick(clock_checked=clock_checked)
    show({**asdict(report), "well": report.well}, as_json, "Daily run")
    if not report.well:
        raise click.exceptions.Exit(1)


@click.command()
@DATA
@click.option("--person", required=True, help="Whom, as enrolled.")
@click.option("--cause", type=click.Choice([cause.value for cause in ENDS]), required=True, help="Why it will end.")
@click.option("--on", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The last day.")
@REMNANTS
@speaking
def end(data: Path, person: str, cause: str, last: dt.datetime, allow_remnants: bool) -> None:
    """Write down when a person's purpose is achieved or contract ends: the daily run erases on the day after.

    Example: tideprint vault end --data DIR --person anna --cause CONTRACT_END --on 2027-06-30
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        subject = opened.identity.subject_of(person)
        if subject is None:
            raise Refusal(
                RefusalCode.NOT_DATA_SUBJECT, "nobody is enrolled under this name", "check how it was enrolled"
            )
        order = opened.orders.add(OrderKind.END, subject, {"cause": cause, "day": day_from_date(last.date())})
    click.echo(f"order {order.id}")
