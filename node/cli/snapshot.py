"""`node snapshot`: one state in a file, while the node runs."""

import json
from pathlib import Path

import click

from node.cli.common import DATA, Refusal
from node.cli.progress import counting
from node.config import STORE_FOLDER
from protocol.errors import TideprintError


@click.command()
@DATA
@click.option("--height", default="head", show_default=True, metavar="N|head", help="The block after which.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def snapshot(data: Path, height: str, out: Path, as_json: bool) -> None:
    """Write the state after a block to a file, whether the node runs or not.

    Members who name the same height get the same file and the same hash, byte for byte: compare it before you restore.

    Example: node snapshot --data ./node-data --height 120000 --out tideprint-120000.snapshot
    """
    from node.snapshots import write_file
    from node.store import StoreReader

    if height != "head" and not height.isdecimal():
        raise click.BadParameter("a block's number, or head", param_hint="--height")
    try:
        reader = StoreReader(data / STORE_FOLDER)
        try:
            with counting("nodes", None, quiet=as_json) as heard:
                manifest = write_file(reader, None if height == "head" else int(height), out, heard)
        finally:
            reader.close()
    except TideprintError as error:
        raise Refusal(error) from error
    found = {
        "file": str(out), "height": manifest.height, "block": "0x" + manifest.block.hex(),
        "state_root": "0x" + manifest.state_root.hex(), "nodes": manifest.nodes, "chunks": len(manifest.chunks),
        "bytes": out.stat().st_size, "hash": "0x" + manifest.hash.hex(),
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(found, sort_keys=True))
    else:
        click.echo(f"{out}: the state after block {manifest.height}, {manifest.nodes} nodes, {found['bytes']} bytes")
        click.echo(f"compare: height {manifest.height}, hash {found['hash']}")
