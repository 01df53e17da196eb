"""`tideprint vault officer` and `tideprint vault join`: what takes two."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from protocol.quantities import Seconds, SubjectId
from vault.access_log import AccessLog
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.credentials import StoreRole
from vault.errors import VaultError
from vault.joins import Join, Joins
from vault.officers import OfficerKey, make_officer_key, open_officer_key
from vault.options import VaultOptions, system_clock
from vault.vault import Vault

PASSPHRASE = "TIDEPRINT_PASSPHRASE"  # noqa: S105  the variable's name
KEY = click.option("--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Officer's key file.")
SUBJECT = click.option("--subject", required=True, help="The pseudonym, 32 hex digits.")
JOIN = click.option("--id", "join_id", required=True, help="Number of the request.")


@click.group()
def officer() -> None:
    """Officers: people with one role and a key of their own."""


@officer.command()
@DATA
@KEY
@click.option("--name", required=True, help="The officer's name.")
@click.option("--role", type=click.Choice([role.value for role in StoreRole]), required=True, help="The one role.")
@REMNANTS
@JSON
@speaking
def add(data: Path, key: Path, name: str, role: str, allow_remnants: bool, as_json: bool) -> None:
    """Make an officer's key under the passphrase in TIDEPRINT_PASSPHRASE and enter its public half.

    Example: tideprint vault officer add --data DIR --key kim.json --name kim --role REGISTRAR
    """
    with _joins(data, allow_remnants) as (vault, joins):
        made = make_officer_key(key, name, StoreRole(role), _passphrase(), os.urandom)
        try:
            joins.officers.add(made.officer, system_clock())
        except BaseException:
            key.unlink()
            raise
        vault.key_log.note("add officer")
        show({"name": name, "role": role, "public": made.officer.public.hex()}, as_json, "Officer")


@click.group()
def join() -> None:
    """Open identity map and records together: one officer asks, another agrees, every use is logged."""


@join.command()
@DATA
@KEY
@SUBJECT
@click.option("--reason", default="", help="On what ground.")
@click.option("--hours", type=click.IntRange(1, 720), default=24, show_default=True, help="How long it holds.")
@REMNANTS
@JSON
@speaking
def request(data: Path, key: Path, subject: str, reason: str, hours: int, allow_remnants: bool, as_json: bool) -> None:
    """Ask, as the officer who holds one of the two stores.

    Example: tideprint vault join request --data DIR --key kim.json --subject HEX --reason "order 2026/117"
    """
    with _joins(data, allow_remnants) as (_, joins):
        until = Seconds(system_clock() + hours * 3600)
        _show_join(joins.request(_key(key), _subject(subject), reason, until), as_json)


@join.command()
@DATA
@KEY
@JOIN
@SUBJECT
@REMNANTS
@JSON
@speaking
def approve(data: Path, key: Path, join_id: str, subject: str, allow_remnants: bool, as_json: bool) -> None:
    """Agree, as the officer who holds the other store, naming the same subject.

    Example: tideprint vault join approve --data DIR --key lee.json --id NUMBER --subject HEX
    """
    with _joins(data, allow_remnants) as (_, joins):
        _show_join(joins.approve(_key(key), join_id, _subject(subject)), as_json)


@join.command()
@DATA
@KEY
@JOIN
@SUBJECT
@REMNANTS
@JSON
@speaking
def use(data: Path, key: Path, join_id: str, subject: str, allow_remnants: bool, as_json: bool) -> None:
    """Show whose pseudonym it is and how much there is; each use is a line of the access log.

    Example: tideprint vault join use --data DIR --key kim.json --id NUMBER --subject HEX
    """
    with _joins(data, allow_remnants) as (_, joins):
        found = joins.use(_key(key), join_id, _subject(subject))
        show({"person": found.entry.person, "records": len(found.records)}, as_json, "Joined")


@join.command("list")
@DATA
@REMNANTS
@JSON
@speaking
def list_joins(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Show every request; none names a subject.

    Example: tideprint vault join list --data DIR
    """
    with _joins(data, allow_remnants) as (_, joins):
        show({found.id: _facts(found) for found in joins.all()}, as_json, "Joins")


@contextmanager
def _joins(data: Path, allow_remnants: bool) -> Iterator[tuple[Vault, Joins]]:
    """The joins of a vault; their lines go into the gate's access log, which begins here if there is none yet."""
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as vault:
        path = data / "gate" / "access.db"
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with closing(AccessLog(path, vault.tag_key_of, system_clock, create=not path.exists())) as log:
            yield (
                vault,
                Joins(vault.control, (vault.identity, vault.records), log, system_clock, os.urandom, vault.tag_key_of),
            )


def _key(path: Path) -> OfficerKey:
    return open_officer_key(path, _passphrase())


def _passphrase() -> str:
    if not os.environ.get(PASSPHRASE):
        raise VaultError("PASSPHRASE_MISSING", "nothing says how to open the officer's key", f"set {PASSPHRASE}")
    return os.environ[PASSPHRASE]


def _subject(text: str) -> SubjectId:
    try:
        return SubjectId(bytes.fromhex(text))
    except ValueError:
        raise VaultError("SUBJECT_UNKNOWN", "a pseudonym is 32 hex digits", "copy it from the request") from None


def _facts(found: Join) -> dict[str, object]:
    return {
        "approver": found.approver,
        "asked": found.asked,
        "reason": found.reason,
        "requester": found.requester,
        "until": found.until,
        "uses": found.uses,
    }


def _show_join(found: Join, as_json: bool) -> None:
    show({"id": found.id, **_facts(found)}, as_json, "Join")
