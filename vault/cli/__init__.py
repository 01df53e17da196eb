"""The command line of the vault, one module per command."""

import click

from vault.cli.erase import erase
from vault.cli.kubo import kubo
from vault.cli.prove_erased import prove_erased
from vault.cli.status import status

__all__ = ["vault"]


@click.group()
def vault() -> None:
    """Look at a vault, erase a person, prove that an erasure holds."""


for command in (status, erase, prove_erased, kubo):
    vault.add_command(command)
