"""`vault export-blocks` and `vault import-blocks`: the sealed blocks as one archive (CARv1), wherever they are."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from vault.blocks import BlockStore, open_blocks
from vault.blocks.archives import export_archive, import_archive
from vault.cids import Cid
from vault.cli.common import DATA, speaking
from vault.config import load_settings
from vault.database import Database
from vault.errors import StoreUnavailable
from vault.files import LOCK_FILE, RECORDS, RECORDS_FILE
from vault.locking import ProcessLock
from vault.segments import referenced

FILE = click.option("--file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The archive.")


@contextmanager
def _opened(data: Path) -> Iterator[tuple[BlockStore, set[Cid]]]:
    """The block store of a vault that nobody has open, and what its records need."""
    with (
        closing(ProcessLock(data / LOCK_FILE)),
        closing(Database(data / RECORDS_FILE, "")) as rows,
        closing(open_blocks(load_settings(data).blocks, data / RECORDS)) as blocks,
    ):
        yield blocks, referenced(rows)


@click.command("export-blocks")
@DATA
@FILE
@speaking
def export_blocks(data: Path, file: Path) -> None:
    """Write every block that a record needs into a new archive; it is ciphertext.

    Example: tideprint vault export-blocks --data DIR --file blocks.car
    """
    with _opened(data) as (blocks, needed):
        try:
            count = export_archive(blocks, needed, file)
        except FileExistsError:
            raise StoreUnavailable("FILE_EXISTS", f"{file.name} exists already", "choose another name") from None
    click.echo(f"{count} blocks written")


@click.command("import-blocks")
@DATA
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=True, help="The archive."
)
@speaking
def import_blocks(data: Path, file: Path) -> None:
    """Store the blocks of an archive, each checked; say which ones the records still miss.

    Example: tideprint vault import-blocks --data DIR --file blocks.car
    """
    with _opened(data) as (blocks, needed):
        count = import_archive(blocks, file)
        click.echo(f"{count} blocks read; the records miss {len(needed - blocks.has(needed))}")
