"""The command line of the vault: `vault status`, `vault erase`, `vault prove-erased`."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from protocol.errors import Refusal, RefusalCode, TideprintError
from vault.forgetting import attack
from vault.sagas import Cause
from vault.vault import Vault, VaultOptions

EXIT_REFUSED = 3
"""Exit status when the rules say no; other errors end with 1, wrong usage with 2."""

DATA = click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory of the vault."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
REMNANTS = click.option(
    "--allow-remnants", is_flag=True, help="Open a root slot on a file system that may keep overwritten secrets."
)


def speaking(command: Callable[..., None]) -> Callable[..., None]:
    """Turn errors with a code into a message and an exit status."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except TideprintError as error:
            failure = click.ClickException(str(error))
            failure.exit_code = EXIT_REFUSED if isinstance(error, Refusal) else 1
            raise failure from error

    return wrapped


@click.group()
def vault() -> None:
    """Look at a vault, erase a person, prove that an erasure holds."""


@vault.command()
@DATA
@REMNANTS
@JSON
@speaking
def status(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Show a vault at a glance.

    Example: tideprint vault status --data /var/lib/tideprint/vault
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        show(asdict(opened.status()), as_json, "Vault")


@vault.command()
@DATA
@click.option("--person", required=True, help="Whom to forget, as enrolled.")
@click.option("--cause", type=click.Choice([cause.value for cause in Cause]), required=True, help="Why.")
@click.option("--identity-verified", is_flag=True, help="You have verified who asks.")
@click.option("--request", "request_key", help="The requester's own number: the same number never erases twice.")
@REMNANTS
@JSON
@speaking
def erase(
    data: Path,
    person: str,
    cause: str,
    identity_verified: bool,
    request_key: str | None,
    allow_remnants: bool,
    as_json: bool,
) -> None:
    """Erase a person everywhere and print the certificate.

    Example: tideprint vault erase --data DIR --person anna --cause ERASURE_REQUEST --identity-verified
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        known = opened.erasures.find(request_key)
        subject = opened.identity.subject_of(person)
        if known is not None:
            done = opened.erasures.run(known.id, identity_verified=identity_verified)
            certificate = opened.erasures.certificate_of(done)
        elif subject is None:
            raise Refusal(RefusalCode.NOT_DATA_SUBJECT, "nothing to erase for this person", "check how it was enrolled")
        else:
            certificate = opened.erase(
                subject, Cause(cause), identity_verified=identity_verified, request_key=request_key
            )
        public = {"public_key": opened.certificates.public_key.hex(), "signature": certificate.signature.hex()}
        show({**certificate.body, **public, "reference": certificate.reference.hex()}, as_json, "Erasure certificate")


@vault.command("prove-erased")
@DATA
@click.option(
    "--copy",
    "copied",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    required=True,
    help="A full copy of the vault from before the erasure, without its root slot.",
)
@JSON
@speaking
def prove_erased(data: Path, copied: Path, as_json: bool) -> None:
    """Attack an old copy with everything that exists now, the live root included.

    Exit status 1 if anything erased opens, or if the control (all others must open) fails.

    Example: tideprint vault prove-erased --data DIR --copy BACKUP
    """
    findings = attack(copied, data)
    facts = {
        "erased_rows_opened": findings.erased_opened,
        "erased_rows_closed": findings.erased_closed,
        "other_rows_opened": findings.living_opened,
        "other_rows_closed": findings.living_closed,
        "holds": findings.holds,
    }
    show(facts, as_json, "Old copy against the live root")
    if not findings.holds:
        raise click.exceptions.Exit(1)


def show(facts: dict[str, Any], as_json: bool, title: str) -> None:
    """Print facts as a two-column table or as JSON."""
    if as_json:
        click.echo(json.dumps(facts, indent=2, sort_keys=True))
        return
    table = Table(title=title, show_header=False)
    for name, value in facts.items():
        shown = json.dumps(value, indent=1) if isinstance(value, dict | list) else str(value)
        table.add_row(name.replace("_", " "), shown)
    Console().print(table)
