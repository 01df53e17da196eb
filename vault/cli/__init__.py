"""The command line of the vault, one module per command."""

import click

from vault.cli.archives import export_blocks, import_blocks
from vault.cli.backup import backup, replay, restore
from vault.cli.clock import clock
from vault.cli.erase import erase
from vault.cli.hold import hold
from vault.cli.init import init
from vault.cli.join import join, officer
from vault.cli.keeper import keeper, keeper_identity
from vault.cli.kubo import kubo
from vault.cli.move import move, reconcile
from vault.cli.prove_erased import prove_erased
from vault.cli.service_keys import keys, rotate
from vault.cli.status import status
from vault.cli.tick import end, tick

__all__ = ["vault"]


@click.group()
def vault() -> None:
    """Look at a vault, erase a person, prove that an erasure holds."""


for command in (
    init,
    backup,
    restore,
    replay,
    keys,
    rotate,
    officer,
    join,
    status,
    erase,
    prove_erased,
    hold,
    tick,
    end,
    clock,
    kubo,
    keeper,
    keeper_identity,
    move,
    reconcile,
    export_blocks,
    import_blocks,
):
    vault.add_command(command)
