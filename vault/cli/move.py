"""`vault move` and `vault reconcile`: bring the blocks elsewhere; make every member hold what the records need."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from vault.blocks import BlockSettings, EmbeddedSettings
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.config import BLOCK_KINDS, parse_settings
from vault.moving import move as move_blocks
from vault.vault import Vault, VaultOptions


@click.command()
@DATA
@click.option("--to", "kind", type=click.Choice(sorted(BLOCK_KINDS)), required=True, help="Where the blocks go.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with the table [blocks] that vault.toml is to have; needed for kubo.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be copied; change nothing.")
@JSON
@speaking
def move(data: Path, kind: str, settings_file: Path | None, dry_run: bool, as_json: bool) -> None:
    """Move all blocks to another store without decrypting them; run it again if it was stopped.

    Example: tideprint vault move --data DIR --to kubo --settings swarm.toml --dry-run
    """
    target: BlockSettings = parse_settings(settings_file.read_text()).blocks if settings_file else EmbeddedSettings()
    if not isinstance(target, BLOCK_KINDS[kind]):
        raise click.UsageError(f"--settings must name a FILE with [blocks] kind = {kind!r}")
    done = move_blocks(data, target, _counting(), dry_run=dry_run)
    show(asdict(done), as_json, "Would move" if dry_run else "Moved")


def _counting() -> Callable[[str, int, int], None]:
    """A line on standard error for every tenth of a step."""
    said: set[tuple[str, int]] = set()

    def progress(step: str, done: int, total: int) -> None:
        tenth = 10 * done // total
        if (step, tenth) not in said:
            said.add((step, tenth))
            click.echo(f"{step}: {done} of {total} blocks", err=True)

    return progress


@click.command()
@DATA
@REMNANTS
@JSON
@speaking
def reconcile(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Make every member of the block store hold exactly what the records need.

    Run it when a member was away, or came back from an old disk: what was erased meanwhile goes, what it missed comes.

    Example: tideprint vault reconcile --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        done = opened.reconcile_blocks()
    show({each.member: {"brought": each.brought, "removed": each.removed} for each in done}, as_json, "Reconciled")
