"""`node init`, `node start`, `node status`: the command line, a mirror of the settings."""

import json
import logging
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from node.addresses import checksummed, parse_address
from node.config import CONFIG_FILE, GENESIS_FILE, URL_FILE, Config, write_config
from node.errors import ConfigError
from node.genesis import CHAIN_ID, GAS_LIMIT, Genesis, load_genesis, write_genesis
from protocol.errors import TideprintError

DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), default=Path("node-data"), show_default=True,
    help="The node's directory.",
)  # fmt: skip


class _Refused(click.ClickException):
    """An error of ours: code, message, what to do next; exit code 1."""

    def __init__(self, error: TideprintError) -> None:
        super().__init__(str(error))


@click.group()
def node() -> None:
    """The chain node.

    Example: node init --founder 0x... && node start
    """


@node.command()
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
        raise _Refused(error) from error
    click.echo(f"{data / GENESIS_FILE}: chain {chain_id}, the Council will be at {checksummed(born.council)}")
    click.echo(f"next: node start --data {data}")


def _parse_alloc(entry: str) -> tuple[bytes, int]:
    address, _, wei = entry.partition("=")
    if not wei.isdecimal():
        raise ConfigError("GENESIS_INVALID", f"--alloc {entry}: not ADDRESS=WEI", "write 0x...=1000")
    return parse_address(address, "--alloc"), int(wei)


@node.command()
@DATA
@click.option(
    "--http", default=None, metavar="HOST:PORT", help="Instead of the one in node.toml; port 0 picks a free one."
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def start(data: Path, http: str | None, log_level: str) -> None:
    """Run the node until it is told to stop (SIGTERM, Ctrl-C).

    Example: node start --data ./node-data --http 127.0.0.1:0
    """
    from node.server import serve

    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        serve(data, http, lambda url: click.echo(f"ready {url}"))
    except TideprintError as error:
        raise _Refused(error) from error


@node.command()
@DATA
@click.option("--url", default=None, help="Instead of the node of --data.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(data: Path, url: str | None, as_json: bool) -> None:
    """Ask a running node how it is. Exit code 0: ready, 1: not.

    Example: node status --url http://127.0.0.1:8545 --json
    """
    try:
        state = _status(url or _url_of(data))
    except ConfigError as error:
        raise _Refused(error) from error
    if as_json:
        click.echo(json.dumps(state, sort_keys=True))
    else:
        table = Table(show_header=False, box=None)
        table.add_column()
        table.add_column(overflow="fold")
        for name, value in state.items():
            table.add_row(name, str(value))
        Console().print(table)
    if not state["ready"]:
        sys.exit(1)


def _url_of(data: Path) -> str:
    try:
        return (data / URL_FILE).read_text().strip()
    except FileNotFoundError as error:
        raise ConfigError("NODE_NOT_RUNNING", f"no node runs on {data}", "start it, or give --url") from error


def _status(url: str) -> dict[str, Any]:
    head, chain_id, pool, version = _ask(
        url,
        ("eth_getBlockByNumber", ["latest", False]),
        ("eth_chainId", []),
        ("txpool_status", []),
        ("web3_clientVersion", []),
    )
    ready, reason = _readiness(url)
    return {
        "url": url,
        "ready": ready,
        "reason": reason,
        "chain_id": int(chain_id, 16),
        "block": int(head["number"], 16),
        "hash": head["hash"],
        "time": int(head["timestamp"], 16),
        "age_seconds": max(0, int(time.time()) - int(head["timestamp"], 16)),
        "pending": int(pool["pending"], 16),
        "queued": int(pool["queued"], 16),
        "version": version,
    }


def _ask(url: str, *calls: tuple[str, list[Any]]) -> list[Any]:
    batch = [{"jsonrpc": "2.0", "id": at, "method": name, "params": params} for at, (name, params) in enumerate(calls)]
    request = urllib.request.Request(url, json.dumps(batch).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            return [one["result"] for one in sorted(json.load(reply), key=lambda one: one["id"])]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("NODE_UNREACHABLE", f"no node answers at {url}: {error}", "is it running?") from error


def _readiness(url: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(url.rstrip("/") + "/readiness", timeout=10) as reply:  # noqa: S310
            return reply.status == 200, ""
    except urllib.error.HTTPError as error:
        with error:
            return False, str(json.load(error).get("reason", ""))
