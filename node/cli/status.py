"""`node status`: ask a running node how it is."""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from node.cli.common import DATA, Refusal
from node.config import URL_FILE
from node.errors import ConfigError


@click.command()
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
        raise Refusal(error) from error
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
