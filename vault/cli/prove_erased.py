"""`tideprint vault prove-erased`."""

import datetime as dt
from pathlib import Path
from typing import Any

import click

from vault.blocks import open_blocks
from vault.cli.common import DATA, JSON, show, speaking
from vault.config import load_settings
from vault.files import RECORDS
from vault.forgetting import attack, facts_of
from vault.proof.checks import Check, as_facts, as_page, holds
from vault.proof.copies import copies_check, stolen_root_check, swarm_check
from vault.proof.host import host_check
from vault.proof.image import image_check
from vault.proof.mounts import SIZES

DIRECTORY = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("prove-erased")
@DATA
@click.option(
    "--copy",
    "copies",
    type=DIRECTORY,
    multiple=True,
    required=True,
    help="A full copy of the vault from before the erasure, without its root slot. Give all there are.",
)
@click.option("--silo", type=DIRECTORY, help="Directory of the silo, to attack copies of it too.")
@click.option("--silo-copy", "silo_copies", type=DIRECTORY, multiple=True, help="A copy of the silo's directory.")
@click.option(
    "--control-root",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A root slot of the first copy's own moment, from a trial: with it everything must open.",
)
@click.option(
    "--image",
    "images",
    type=click.Choice(sorted(SIZES)),
    multiple=True,
    help="Trial on a raw disk with this file system.",
)
@click.option("--host", is_flag=True, help="Look at swap and core dumps of this machine.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a page for the inspector here.")
@JSON
@speaking
def prove_erased(
    data: Path,
    copies: tuple[Path, ...],
    silo: Path | None,
    silo_copies: tuple[Path, ...],
    control_root: Path | None,
    images: tuple[str, ...],
    host: bool,
    report: Path | None,
    as_json: bool,
) -> None:
    """Attack old copies with everything that exists now, the live root included; ask the block store; search a disk.

    Exit status 1 if anything erased is found or a control is not caught. What cannot be run here is said and counted.

    Example: tideprint vault prove-erased --data DIR --copy BACKUP --image ext4 --report proof.md
    """
    checks = [copies_check("old copies", copies, data), _blocks(copies, data)]
    if control_root is not None:
        checks.append(stolen_root_check(copies[0], data, control_root))
    if silo is not None:
        checks.append(copies_check("old copies of the silo", [each / "vault" for each in silo_copies], silo / "vault"))
    checks += [image_check(kind) for kind in images]
    if host:
        checks.append(host_check())
    facts = _facts(copies, data, checks)
    if report is not None:
        vault_id, epoch = facts_of(data)
        report.write_text(as_page(checks, vault_id, epoch, f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"))
    show(facts if as_json else {**facts, "checks": _lines(checks)}, as_json, "What is left of the erased")
    if not facts["holds"]:
        raise click.exceptions.Exit(1)


def _blocks(copies: tuple[Path, ...], data: Path) -> Check:
    blocks = open_blocks(load_settings(data).blocks, data / RECORDS)
    try:
        return swarm_check(copies, data, blocks)
    finally:
        blocks.close()


def _facts(copies: tuple[Path, ...], data: Path, checks: list[Check]) -> dict[str, Any]:
    results = [attack(copy, data, more=[other for other in copies if other != copy]) for copy in copies]
    return {
        "erased_rows_opened": sum(result.erased_opened for result in results),
        "erased_rows_closed": sum(result.erased_closed for result in results),
        "other_rows_opened": sum(result.living_opened for result in results),
        "other_rows_closed": sum(result.living_closed for result in results),
        "holds": all(result.holds for result in results) and holds(checks),
        "not_run": sum(not check.run for check in checks),
        "checks": as_facts(checks),
    }


def _lines(checks: list[Check]) -> list[str]:
    return [f"{check.outcome}: {check.name}" + (f" ({check.why})" if check.why else "") for check in checks]
