"""`node init`: the files of a new node."""

import time
from pathlib import Path

import click

from node.addresses import checksummed, parse_address
from node.cli.common import DATA, Refusal
from node.config import CONFIG_FILE, GENESIS_FILE, Config, write_config
from node.errors import ConfigError
from node.genesis import CHAIN_ID, GAS_LIMIT, Genesis, load_genesis, write_genesis


@click.command()
@DATA
@click.option("--founder", "founders", multiple=True, required=True, help="An address; the first deploys the Council.")
@click.option("--chain-id", type=click.IntRange(1, 2**53 - 1), default=CHAIN_ID, show_default=True)
@click.option("--gas-limit", type=click.IntRange(1_000_000), default=GAS_LIMIT, show_default=True, help="Per block.")
@click.option("--alloc", multiple=True, metavar="ADDRESS=WEI", help="A balance in block 0; seldom needed, gas is free.")
@click.option("--http", default=Config().http, show_default=True, metavar="HOST:PORT")
@click.option(
    "--heartbeat", type=click.FloatRange(1), default=5.0, show_default=True, help="Seconds between empty blocks."
)
def init(
    data: Path,
    founders: tuple[str, ...],
    chain_id: int,
    gas_limit: int,
    alloc: tuple[str, ...],
    http: str,
    heartbeat: float,
) -> None:
    """Write node.toml and genesis.toml.

    Example: node init --data ./node-data --founder 0x71C7656EC7ab88b098defB751B7401B5f6d8976F
    """
    try:
        born = Genesis(
            founders=tuple(parse_address(text, "--founder") for text in founders),
            time=int(time.time()),
            chain_id=chain_id,
            gas_limit=gas_limit,
            alloc=dict(_parse_alloc(entry) for entry in alloc),
        )
        Config(http=http)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_genesis(data / GENESIS_FILE, born)
        write_config(data / CONFIG_FILE, http, heartbeat)
        load_genesis(data / GENESIS_FILE)
    except FileExistsError as error:
        raise click.ClickException(f"ALREADY_INITIALISED: {error.filename} exists (choose another --data)") from error
    except ConfigError as error:
        raise Refusal(error) from error
    click.echo(f"{data / GENESIS_FILE}: chain {chain_id}, the Council will be at {checksummed(born.council)}")
    click.echo(f"next: node start --data {data}")


def _parse_alloc(entry: str) -> tuple[bytes, int]:
    address, _, wei = entry.partition("=")
    if not wei.isdecimal():
        raise ConfigError("GENESIS_INVALID", f"--alloc {entry}: not ADDRESS=WEI", "write 0x...=1000")
    return parse_address(address, "--alloc"), int(wei)
