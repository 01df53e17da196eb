"""`node init`: the files of a new node."""

import os
import time
from pathlib import Path

import click

from node.addresses import checksummed, parse_address
from node.cli.common import DATA, Refusal
from node.config import (
    CONFIG_FILE,
    GENESIS_FILE,
    KEY_FILE,
    Config,
    load_config,
    split_address,
    write_config,
)
from node.errors import ConfigError
from node.genesis import CHAIN_ID, GAS_LIMIT, Genesis, load_genesis, parse_wei, write_genesis
from node.keystore import credential, make_key, read_passphrase, require_passphrase


@click.command()
@DATA
@click.option("--founder", "founders", multiple=True, help="An address; the first deploys the Council.")
@click.option(
    "--genesis",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The genesis file of the other members, instead of the options above and below.",
)
@click.option("--chain-id", type=click.IntRange(1, 2**53 - 1), default=CHAIN_ID, show_default=True)
@click.option("--gas-limit", type=click.IntRange(1_000_000), default=GAS_LIMIT, show_default=True, help="Per block.")
@click.option("--alloc", multiple=True, metavar="ADDRESS=WEI", help="A balance in block 0; seldom needed, gas is free.")
@click.option("--http", default=Config().http, show_default=True, metavar="HOST:PORT")
@click.option(
    "--heartbeat", type=click.FloatRange(1), default=5.0, show_default=True, help="Seconds between empty blocks."
)
@click.option("--key", "with_key", is_flag=True, help="Make the node's own key; asks for a passphrase.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="Make the node's own key; the passphrase is this file's first line.",
)
def init(
    data: Path,
    founders: tuple[str, ...],
    genesis: Path | None,
    chain_id: int,
    gas_limit: int,
    alloc: tuple[str, ...],
    http: str,
    heartbeat: float,
    with_key: bool,
    password_file: Path | None,
) -> None:
    """Write node.toml and genesis.toml; with --key or --password-file also the node's own key.

    Under systemd the credential node-passphrase is used where there is one.

    Example: node init --data ./node-data --founder 0x71C7656EC7ab88b098defB751B7401B5f6d8976F
    """
    if bool(founders) == (genesis is not None):
        raise click.UsageError("give --founder 0x..., or --genesis FILE")
    try:
        born = load_genesis(genesis) if genesis is not None else Genesis(
            founders=tuple(parse_address(text, "--founder") for text in founders),
            time=int(time.time()),
            chain_id=chain_id,
            gas_limit=gas_limit,
            alloc=dict(_parse_alloc(entry) for entry in alloc),
        )  # fmt: skip
        split_address(http)
        passphrase = _passphrase(with_key, password_file)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_genesis(data / GENESIS_FILE, born)
        account = "" if passphrase is None else make_key(data / KEY_FILE, passphrase)
        write_config(data / CONFIG_FILE, http, heartbeat, account)
        load_genesis(data / GENESIS_FILE)
    except FileExistsError as error:
        raise click.ClickException(f"ALREADY_INITIALISED: {error.filename} exists (choose another --data)") from error
    except OSError as error:
        raise click.ClickException(f"UNWRITABLE: {error.filename}: {error.strerror} (choose another --data)") from error
    except ConfigError as error:
        raise Refusal(error) from error
    click.echo(f"{data / GENESIS_FILE}: chain {born.chain_id}, the Council will be at {checksummed(born.council)}")
    if account:
        click.echo(f"{data / KEY_FILE}: the node's own key, {account}; keep its passphrase")
    _warn_of_settings(data)
    click.echo(f"next: node start --data {data}")


def _passphrase(asked: bool, file: Path | None) -> str | None:
    """Where one is given or asked for, in this order: file, systemd credential, prompt."""
    source = file or credential(os.environ)
    if source is not None:
        return read_passphrase(source)
    if not asked:
        return None
    text: str = click.prompt("Passphrase for the node's key", hide_input=True, confirmation_prompt=True)
    return require_passphrase(text)


def _warn_of_settings(data: Path) -> None:
    try:
        load_config(data / CONFIG_FILE)
    except ConfigError as error:
        click.echo(f"before it starts: {error}", err=True)


def _parse_alloc(entry: str) -> tuple[bytes, int]:
    address, _, wei = entry.partition("=")
    amount = parse_wei(wei, f"--alloc {entry[:100]}: what follows ADDRESS=")
    return parse_address(address, "--alloc"), amount
