"""`tideprint vault hold`: what a law keeps after an erasure."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import click

from protocol.calendar import date_of, day_from_date
from protocol.errors import Refusal, RefusalCode
from protocol.records import RecordKind
from vault import Vault, VaultOptions
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.holds.bases import BASES
from vault.holds.officer import read_officer_key, write_officer_key
from vault.holds.silo import Reader, Silo

KEY = click.option("--officer-key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Key file.")
DATE = click.DateTime(["%Y-%m-%d"])


@click.group()
def hold() -> None:
    """Legal holds: place, list and end them; only the hold officer reads what is held."""


@hold.command()
@DATA
@KEY
@REMNANTS
@speaking
def init(data: Path, officer_key: Path, allow_remnants: bool) -> None:
    """Make the silo beside the vault, and the officer's key. Keep the key file elsewhere: nothing else reads the silo.

    Example: tideprint vault hold init --data DIR --officer-key /media/officer/hold.key
    """
    options = VaultOptions(allow_remnants=allow_remnants)
    with Vault.open(data, options) as opened:
        place = opened.silo_directory
        Silo.create(place, write_officer_key(officer_key), options).close()
    click.echo(f"silo in {place}; take {officer_key} away from this machine")


@hold.command()
@DATA
@click.option("--person", required=True, help="Whose records, as enrolled.")
@click.option("--basis", required=True, type=click.Choice(sorted({basis.code for basis in BASES})), help="Which law.")
@click.option("--until", required=True, type=DATE, help="The last day.")
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in RecordKind]), help="Only these."
)
@click.option("--by", required=True, help="Who places it.")
@REMNANTS
@JSON
@speaking
def add(
    data: Path, person: str, basis: str, until: dt.datetime, kinds: tuple[str, ...], by: str, allow_remnants: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Keep a person's records for a law: an erasure moves them to the silo first.

    Example: tideprint vault hold add --data DIR --person anna --basis COURT_EVIDENCE --until 2027-06-30 --by kim
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        subject = opened.identity.subject_of(person)
        if subject is None:
            raise Refusal(
                RefusalCode.NOT_DATA_SUBJECT, "nobody is enrolled under this name", "check how it was enrolled"
            )
        chosen = frozenset(map(RecordKind, kinds)) or None
        placed = opened.holds.place(subject, basis, day_from_date(until.date()), by, chosen)
        show({"hold": placed.id, "basis": basis, "until": str(until.date())}, as_json, "Hold placed")


@hold.command("list")
@DATA
@REMNANTS
@JSON
@speaking
def list_holds(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Show holds that wait for an erasure, and what lies in the silo; nobody is named.

    Example: tideprint vault hold list --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        placed = [
            {"hold": each.id, "basis": each.basis, "until": str(date_of(each.until))} for each in opened.holds.placed()
        ]
        held = []
        if opened.silo_directory.exists():
            with opened.open_silo() as silo:
                held = [{**asdict(each), "until": str(date_of(each.until))} for each in silo.all()]
    show({"placed": placed, "held": held}, as_json, "Holds")


@hold.command()
@DATA
@click.option("--hold", "number", required=True, help="Its number in the list.")
@REMNANTS
@JSON
@speaking
def end(data: Path, number: str, allow_remnants: bool, as_json: bool) -> None:
    """End a hold before its day: one that waits is taken back, what lies in the silo is destroyed with a certificate.

    Example: tideprint vault hold end --data DIR --hold 5d41402abc4b2a76
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        if number in {each.id for each in opened.holds.placed()}:
            opened.holds.lift(number)
            show({"hold": number, "taken_back": True}, as_json, "Hold")
            return
        with opened.open_silo() as silo:
            certificate = silo.destroy(number)
        opened.certificates.adopt(certificate)
        show({**certificate.body, "signature": certificate.signature.hex()}, as_json, "Certificate of destruction")


@hold.command()
@click.option("--silo", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the silo.")
@KEY
@click.option("--officer", required=True, help="Your name, for the log.")
@click.option("--reason", required=True, help="Why you look, for the log.")
@REMNANTS
@JSON
@speaking
def read(silo: Path, officer_key: Path, officer: str, reason: str, allow_remnants: bool, as_json: bool) -> None:
    """Read what is held. Every look is logged before it is answered.

    Example: tideprint vault hold read --silo DIR-silo --officer-key FILE --officer kim --reason "order 7 of the court"
    """
    with Silo(silo, VaultOptions(allow_remnants=allow_remnants)) as opened:
        found = opened.read(Reader(officer, read_officer_key(officer_key), reason, "command line"))
    rows = [{**asdict(each), "day": str(date_of(each.day))} for each in found]
    show({"records": rows}, as_json, "Held")
