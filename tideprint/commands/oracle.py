"""`tideprint oracle`: the sidecar's state, and days read from files."""

from contextlib import ExitStack
from pathlib import Path

import click

from tideprint.commands.options import HOME, JSON, show
from tideprint.places import Places


@click.group()
def oracle() -> None:
    """Look at an oracle, import files, anchor what waits."""


@oracle.command()
@HOME
@JSON
def status(home: Path, as_json: bool) -> None:
    """What waits: open days, references below k.

    Example: tideprint oracle status --home DIR
    """
    from protocol.references import Kind
    from tideprint import opening

    with opening.platform(Places(home)) as platform:
        facts: dict[str, object] = {"open_days": len(platform.oracle.open_days())}
        for kind in (Kind.READING, Kind.AUDIT, Kind.ERASURE):
            references, people = platform.builder.waiting(kind)
            facts[f"waiting_{kind.name.lower()}"] = references
            facts[f"waiting_{kind.name.lower()}_people"] = people
        facts["needed_people"] = platform.rules.k_floor
    show("Oracle", facts, as_json)


@oracle.command("import")
@HOME
@click.option("--wallet", "name", required=True, metavar="NAME", help="Wallet of the wearer, who shows the credential.")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@JSON
def import_file(home: Path, name: str, file: Path, as_json: bool) -> None:
    """Seal the day of a FIT file. Nothing vouches for it, so it never earns.

    Example: tideprint oracle import --home DIR --wallet wearer-02 samples/stryd/stryd-up-and-down.fit
    """
    from oracles.days import imported
    from oracles.links.files import read_fit
    from protocol.calendar import date_of, day_of
    from protocol.errors import Refusal, RefusalCode
    from tideprint import opening

    activity = read_fit(file)
    places = Places(home)
    with ExitStack() as closing:
        wallet = opening.wallet(places, name, closing)
        platform = closing.enter_context(opening.platform(places))
        subject = platform.wearer_of(wallet.keys.credential())
        if subject is None:
            raise Refusal(RefusalCode.NOT_DATA_SUBJECT, "this wallet's holder is not enrolled here")
        day = day_of(activity.seconds[0].at)
        platform.oracle.import_day(subject, imported(day, [activity.steps], activity.distance_m))
    facts = {"day": date_of(day).isoformat(), "steps": activity.steps, "metres": activity.distance_m, "paid": 0}
    show(f"Imported {file.name}", facts, as_json)


@oracle.command()
@HOME
@JSON
def anchor(home: Path, as_json: bool) -> None:
    """Anchor everything that waits and is at or above k people.

    Example: tideprint oracle anchor --home DIR
    """
    from protocol.references import Kind
    from tideprint import opening

    facts: dict[str, object] = {}
    with opening.platform(Places(home)) as platform:
        for kind in (Kind.READING, Kind.AUDIT, Kind.ERASURE):
            report = platform.oracle.anchor(kind)
            facts[f"{kind.name.lower()}_anchored"] = sum(batch.count for batch in report.anchored)
            facts[f"{kind.name.lower()}_held"] = report.held.code.value if report.held else "nothing"
    show("Anchored", facts, as_json)
