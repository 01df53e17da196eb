"""`tideprint vault init`."""

from dataclasses import replace
from pathlib import Path

import click

from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.config import parse_settings
from vault.errors import StoreUnavailable
from vault.options import VaultOptions
from vault.vault import Vault


@click.command()
@DATA
@click.option("--tenant", type=click.IntRange(0, 255), help="Number of the tenant, 0 if none is given.")
@click.option("--root", type=click.Choice(["file", "pkcs11", "shares"]), default="file", help="Kind of root slot.")
@click.option("--blocks", type=click.Choice(["embedded", "kubo"]), default="embedded", help="Kind of block store.")
@click.option(
    "--settings", "written", type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A vault.toml to begin with; kinds other than file and embedded need one.",
)  # fmt: skip
@REMNANTS
@JSON
@speaking
def init(
    data: Path, tenant: int | None, root: str, blocks: str, written: Path | None, allow_remnants: bool, as_json: bool
) -> None:
    """Make an empty vault and its vault.toml.

    Example: tideprint vault init --data /var/lib/tideprint/vault
    """
    try:
        text = written.read_text() if written else f'[root]\nkind = "{root}"\n[blocks]\nkind = "{blocks}"\n'
    except (OSError, UnicodeDecodeError) as error:
        raise StoreUnavailable("CONFIG_INVALID", f"{written} cannot be read: {error}", "name another file") from error
    settings = parse_settings(text)
    if tenant is not None:
        settings = replace(settings, tenant=tenant)
    options = VaultOptions(allow_remnants=allow_remnants, settings=settings)
    with Vault.create(data, options) as made:
        facts = made.status()
        show({"vault_id": facts.vault_id, "root": facts.root.kind, "place": facts.root.place}, as_json, "New vault")
