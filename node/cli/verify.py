"""`node verify`: is the store what it must be?"""

import dataclasses
import json
import logging
import sys
from pathlib import Path

import click

from node.cli.common import DATA, Refusal
from node.cli.progress import counting
from node.config import GENESIS_FILE, STORE_FOLDER
from node.genesis import load_genesis
from protocol.errors import TideprintError

DAMAGED, NOT_VERIFIED = 1, 2


@click.command()
@DATA
@click.option("--from", "first", type=click.IntRange(0), default=None, metavar="HEIGHT", help="Begin with this block.")
@click.option("--last", type=click.IntRange(1), default=None, metavar="N", help="Only the last N blocks.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(data: Path, first: int | None, last: int | None, as_json: bool) -> None:
    """Execute the blocks again and compare roots, receipts, headers, indexes and states with what is stored.

    Works on a stopped node and beside a running one, and changes nothing. Without --from it begins with block 0, or
    with the snapshot; where old states are pruned it executes from the oldest one that is kept, with --from 0 all.

    Exit code 0: the store is whole, 1: damaged (the first bad block is named), 2: it could not be verified.

    Example: node verify --data ./node-data --last 1000 --json
    """
    from node.evm import PyEvm
    from node.store import StoreReader
    from node.verification import Damage
    from node.verification import verify as verified

    logging.getLogger("node.application").setLevel(logging.ERROR)
    if first is not None and last is not None:
        raise click.UsageError("--from and --last exclude each other")
    try:
        reader = StoreReader(data / STORE_FOLDER)
        try:
            top = max(reader.height, 0)
            start = max(top - last + 1, reader.blocks_from) if last is not None else first
            with counting("blocks", top, quiet=as_json) as heard:
                report = verified(reader, load_genesis(data / GENESIS_FILE), PyEvm(), start, heard)
        finally:
            reader.close()
    except Damage as damage:
        _tell(
            {"sound": False, "block": damage.height, "table": damage.table, "what": damage.what}, as_json, str(damage)
        )
        sys.exit(DAMAGED)
    except TideprintError as error:
        refusal = Refusal(error)
        refusal.exit_code = NOT_VERIFIED
        raise refusal from error
    text = (
        f"sound: blocks {report.first} to {report.last}, {report.transactions} transactions, "
        f"{report.executed} blocks executed again, {report.nodes} nodes checked"
    )
    _tell({"sound": True} | dataclasses.asdict(report), as_json, text)


def _tell(found: dict[str, object], as_json: bool, text: str) -> None:
    click.echo(json.dumps(found, sort_keys=True) if as_json else text)
