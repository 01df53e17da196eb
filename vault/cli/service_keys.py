"""`tideprint vault keys` and `rotate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from protocol.quantities import Seconds
from vault.cli.common import DATA, JSON, REMNANTS, show, speaking
from vault.key_register import ServiceKey
from vault.options import VaultOptions
from vault.vault import Vault


@click.group()
def keys() -> None:
    """The register of keys besides the key tree."""


@keys.command("list")
@DATA
@REMNANTS
@JSON
@speaking
def list_keys(data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Show every service key there ever was; never a secret.

    Example: tideprint vault keys list --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        show({key.id: _shown(key) for key in opened.key_register.all()}, as_json, "Service keys")


@keys.command()
@DATA
@click.option("--id", "key_id", required=True, help="Number of the key.")
@click.option("--since", type=int, required=True, help="UTC seconds from which others may have had it.")
@REMNANTS
@JSON
@speaking
def compromise(data: Path, key_id: str, since: int, allow_remnants: bool, as_json: bool) -> None:
    """Mark a key that others may have had. Rotate it as well.

    Example: tideprint vault keys compromise --data DIR --id 0123456789abcdef --since 1795000000
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        marked = opened.key_register.mark_compromised(key_id, Seconds(since))
        opened.key_log.note("mark key compromised")
        show(_shown(marked), as_json, "Compromised key")


@click.command()
@click.argument("what", type=click.Choice(["certificate-key"]))
@DATA
@REMNANTS
@JSON
@speaking
def rotate(what: str, data: Path, allow_remnants: bool, as_json: bool) -> None:
    """Replace a service key; the old secret is overwritten, its public key stays in the register.

    Example: tideprint vault rotate certificate-key --data DIR
    """
    with Vault.open(data, VaultOptions(allow_remnants=allow_remnants)) as opened:
        show(_shown(opened.rotate_certificate_key()), as_json, f"New {what}")


def _shown(key: ServiceKey) -> dict[str, Any]:
    return {**asdict(key), "public": key.public.hex()}
