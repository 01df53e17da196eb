"""`tideprint vault prove-erased`."""

from pathlib import Path

import click

from vault.cli.common import DATA, JSON, show, speaking
from vault.forgetting import attack


@click.command("prove-erased")
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
