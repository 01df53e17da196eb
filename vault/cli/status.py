"""`tideprint vault status`."""

from dataclasses import asdict
from pathlib import Path

import click

from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.vault import Vault, VaultOptions


@click.command()
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
