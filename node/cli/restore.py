"""`node restore`: a store from a snapshot."""

import json
from pathlib import Path

import click

from node.cli.common import DATA, Refusal
from node.cli.progress import counting
from node.config import CONFIG_FILE, GENESIS_FILE, STORE_FOLDER, load_config
from node.errors import ConfigError
from node.genesis import load_genesis
from protocol.errors import TideprintError

GIB = 1024**3


@click.command()
@DATA
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file of `node snapshot`.",
)
@click.option("--hash", "expected", default=None, metavar="0x...", help="Accept only the snapshot with this hash.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def restore(data: Path, source: Path, expected: str | None, as_json: bool) -> None:
    """Make the store of a new node from a snapshot; `node start` then goes on from there.

    The directory has node.toml and genesis.toml (from `node init`, or from another member) and no chain yet. Run the
    same command again when it was interrupted.

    Example: node restore --data ./node-data --from tideprint-120000.snapshot --hash 0x5d2c...
    """
    from node.evm import PyEvm
    from node.overlay import Overlay
    from node.snapshots import restore as restored

    try:
        genesis, config = load_genesis(data / GENESIS_FILE), load_config(data / CONFIG_FILE)
        root = PyEvm().genesis_state(genesis.alloc, Overlay(lambda _: None))
        with counting("bytes", source.stat().st_size if source.exists() else None, quiet=as_json) as heard:
            manifest = restored(
                source,
                data / STORE_FOLDER,
                config.store.map_gib * GIB,
                genesis.header(root).hash,
                _hash(expected),
                heard,
            )
    except TideprintError as error:
        raise Refusal(error) from error
    found = {"height": manifest.height, "block": "0x" + manifest.block.hex(), "hash": "0x" + manifest.hash.hex()}
    if as_json:
        click.echo(json.dumps(found, sort_keys=True))
    else:
        click.echo(f"restored: block {found['height']}, {found['block']}")
        click.echo(f"next: node start --data {data}")


def _hash(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        made = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        made = b""
    if len(made) != 32:
        raise ConfigError("HASH_INVALID", f"--hash {text}: not 32 bytes in hex", "copy what `node snapshot` printed")
    return made
