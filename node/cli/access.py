"""`node access`: API keys of a node. A running node takes a change up within a second."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click

from node.access.errors import AccessError
from node.access.files import NAME, alone, read_ring, write_ring
from node.access.keys import KeyRecord, digest_of, new_key
from node.access.rights import parse_methods
from node.cli.common import DATA, Refusal
from node.config import ACCESS_FILE
from protocol.errors import TideprintError

DAY = 86_400


@click.group()
def access() -> None:
    """Keys for clients: add, list, revoke.

    Example: node access add explorer --methods 'eth_*,net_version' --days 90
    """


@access.command()
@DATA
@click.argument("name")
@click.option(
    "--methods", default="eth_*,net_*,web3_*", show_default=True, help="Names, prefixes with *, !to take away."
)
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Until it ends; for ever if not given.")
def add(data: Path, name: str, methods: str, days: float | None) -> None:
    """Make a key and show it, once: only its hash is kept.

    Example: node access add explorer --methods 'eth_*,net_version' --days 90
    """
    try:
        if not NAME.fullmatch(name):
            raise AccessError("KEY_NAME", f"{name!r} is no name", "use letters, digits and . _ -, at most 64")
        now, key = int(time.time()), new_key()
        expires = None if days is None else now + int(days * DAY)
        record = KeyRecord(name, digest_of(key), _patterns(methods), now, expires)
        _change(data, lambda path: write_ring(path, read_ring(path).add(record)))
    except TideprintError as error:
        raise Refusal(error) from error
    click.echo(f"{key}")
    click.echo(f"key {name}: shown this once. Send it as `Authorization: Bearer`, as `X-API-Key`,", err=True)
    click.echo("or, from a wallet that cannot, put /k/<key> after the node's address.", err=True)


@access.command("list")
@DATA
def list_keys(data: Path) -> None:
    """Show all keys, by name.

    Example: node access list --data ./node-data
    """
    try:
        records = read_ring(data / ACCESS_FILE).records
    except TideprintError as error:
        raise Refusal(error) from error
    for one in records:
        ends = "never ends" if one.expires is None else f"ends {_day(one.expires)}"
        click.echo(f"{one.name}: {','.join(one.methods)}; made {_day(one.created)}, "
                   f"{'revoked' if one.revoked else ends}")  # fmt: skip
    if not records:
        click.echo("no keys: node access add NAME")


@access.command()
@DATA
@click.argument("name")
def revoke(data: Path, name: str) -> None:
    """End a key. Open WebSockets that use it are closed within a second.

    Example: node access revoke explorer --data ./node-data
    """
    try:
        _change(data, lambda path: write_ring(path, read_ring(path).revoke(name)))
    except TideprintError as error:
        raise Refusal(error) from error
    click.echo(f"{name}: revoked")


def _change(data: Path, change: Callable[[Path], None]) -> None:
    if not data.is_dir():
        raise AccessError("ACCESS_FILE", f"no directory {data}", "run `node init` first")
    path = data / ACCESS_FILE
    with alone(path):
        change(path)


def _patterns(methods: str) -> tuple[str, ...]:
    try:
        return parse_methods(methods)
    except ValueError as error:
        raise AccessError("KEY_METHODS", str(error), 'write "eth_*", "net_version", "!debug_*"') from error


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
