"""`tideprint vault backup`, `restore` and `replay`."""

from contextlib import closing
from pathlib import Path

import click

from vault.backup import restore as restore_files
from vault.backup import take_backup
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.config import effective, load_settings
from vault.files import KEYS
from vault.options import VaultOptions, system_clock
from vault.roots import Secret, open_root
from vault.vault import Vault


@click.command()
@DATA
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new file, or a directory that is there.")
@click.option("--changes-since", type=click.IntRange(0), metavar="EPOCH", help="Only what changed since this epoch.")
@JSON
@speaking
def backup(data: Path, out: Path, changes_since: int | None, as_json: bool) -> None:
    """Back up a vault, also while it is in use. Never holds the root slot, a credential or a secret key.

    Example: tideprint vault backup --data DIR --out /mnt/backups
    """
    made = take_backup(data, out, system_clock, changes_since)
    show({"file": str(made.path), **made.manifest.body}, as_json, "Backup")


@click.command()
@DATA
@click.option(
    "--from", "sources", type=click.Path(path_type=Path, exists=True), multiple=True, required=True,
    help="A backup, or a directory of backups; may be given several times.",
)  # fmt: skip
@click.option("--only", multiple=True, help="Restore this store only, such as records; may be given several times.")
@click.option("--replace", is_flag=True, help="Overwrite stores that are there.")
@REMNANTS
@JSON
@speaking
def restore(
    data: Path,
    sources: tuple[Path, ...],
    only: tuple[str, ...],
    replace: bool,
    allow_remnants: bool,
    as_json: bool,
) -> None:
    """Restore a vault beside its root slot and credentials; it serves nothing until `replay`.

    Example: tideprint vault restore --data DIR --from /mnt/backups
    """
    settings = effective(load_settings(data), allow_remnants=allow_remnants)

    def held() -> tuple[Secret, ...]:
        with closing(open_root(settings.root, data / KEYS)) as root:
            return root.held()

    done = restore_files(data, sources, held, only=only, replace=replace)
    facts = {"epoch": done.epoch, "backups": list(done.backups), "stores": list(done.stores)}
    show(facts, as_json, "Restored; now: tideprint vault replay")


@click.command()
@DATA
@REMNANTS
@JSON
@speaking
def replay(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Forget again what was erased after the moment of a backup, then serve again.

    Example: tideprint vault replay --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        facts = {"prefixes_forgotten": opened.replay()}
        show({**facts, "locked": opened.status().locked}, as_json, "Replayed")
