"""`node status`: is it up, does it make blocks, how full is it, why not, what next."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from node.cli.asking import Asking, asking
from node.cli.common import DATA, Refusal
from node.config import CONFIG_FILE, STORE_FOLDER, URL_FILE, load_config
from node.errors import ConfigError

GIB = 1024**3
WHY = {
    "": ("", "nothing: all is well"),
    "CLOCK_UNTRUSTED": (
        "the clock stands before the last block, or leapt ahead",
        "set the clock (timedatectl, chronyc): blocks go on by themselves; start the node again if the clock is right",
    ),
    "NO_BLOCKS": (
        "no block came for several heartbeats",
        "look at the log; a full disk and a full store (store.map_gib) are the usual causes",
    ),
    "STOPPING": ("it is being stopped", "wait, then start it again"),
    "FEW_PEERS": ("it has too few peers", "a solo node has none: ask /readiness without minPeers"),
}


@click.command()
@DATA
@click.option("--url", default=None, help="Instead of the node of --data.")
@click.option("--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="An API key, where the anonymous may not ask.")  # fmt: skip
@click.option("--health", is_flag=True, help="Ask /readiness only, in a word; for health checks.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(data: Path, url: str | None, key_file: Path | None, health: bool, as_json: bool) -> None:
    """Ask a running node how it is. Exit code 0: ready, 1: not.

    Example: node status --url http://127.0.0.1:8545 --json
    """
    try:
        node = asking(data, url, key_file)
        if health:
            state = node.readiness()
            click.echo(str(state.get("reason", state.get("status"))))
            sys.exit(0 if state.get("status") == "UP" else 1)
        state = _status(node, data if url is None else None)
    except ConfigError as error:
        raise Refusal(error) from error
    if as_json:
        click.echo(json.dumps(state, sort_keys=True))
    else:
        for question, answer in _answers(state):
            click.echo(f"{question:<14} {answer}")
    if not state["ready"]:
        sys.exit(1)


def _status(node: Asking, data: Path | None) -> dict[str, Any]:
    """All that is known; None where it may not be asked."""
    health = node.readiness()
    results = node.rpc(
        ("eth_getBlockByNumber", ["latest", False]), ("eth_chainId", []), ("web3_clientVersion", [])
    )  # fmt: skip
    head, chain_id, version = results or (None, None, None)
    waiting = node.rpc(("txpool_status", []))
    pool = None if waiting is None else waiting[0]
    reason = str(health.get("reason", ""))
    return {
        "url": node.url,
        "ready": health.get("status") == "UP",
        "reason": reason,
        "why": WHY.get(reason, (reason, ""))[0],
        "next": WHY.get(reason, ("", "look at the log"))[1],
        "chain_id": None if chain_id is None else int(chain_id, 16),
        "block": health["block"],
        "hash": None if head is None else head["hash"],
        "time": health["time"],
        "age_seconds": max(0, int(time.time()) - health["time"]),
        "blocks_behind": health["blocksBehind"],
        "peers": health["peers"],
        "pending": None if pool is None else int(pool["pending"], 16),
        "queued": None if pool is None else int(pool["queued"], 16),
        "gas_used_percent": None if head is None else 100 * int(head["gasUsed"], 16) // int(head["gasLimit"], 16),
        "version": version,
    } | ({} if data is None else _local(data))


def _local(data: Path) -> dict[str, Any]:
    """What the directory tells: since when it runs, how full pool and store may become and are."""
    config, store = load_config(data / CONFIG_FILE), data / STORE_FOLDER / "data.mdb"
    return {
        "up_seconds": max(0, int(time.time() - (data / URL_FILE).stat().st_mtime)),
        "pool_capacity": config.pool.capacity,
        "store_bytes": store.stat().st_blocks * 512 if store.exists() else 0,
        "store_most_bytes": config.store.map_gib * GIB,
    }


def _answers(state: dict[str, Any]) -> list[tuple[str, str]]:
    since = f", for {_span(state['up_seconds'])}" if "up_seconds" in state else ""
    version = f"; {state['version']}, chain {state['chain_id']}" if state["version"] else ""
    made = f"block {state['block']}, {_span(state['age_seconds'])} ago"
    blocks = f"yes: {made}" if state["ready"] else f"no: {state['why'] or state['reason']}; the last was {made}"
    return [
        ("up?", f"yes, at {state['url']}{since}{version}"),
        ("ready?", "yes" if state["ready"] else f"no: {state['reason']}"),
        ("making blocks?", blocks),
        ("how full?", _fullness(state)),
        ("what next?", state["next"]),
    ]


def _fullness(state: dict[str, Any]) -> str:
    if state["pending"] is None:
        return "the anonymous may not ask; give --key-file"
    waiting = state["pending"] + state["queued"]
    of = f" of {state['pool_capacity']}" if "pool_capacity" in state else ""
    parts = [f"{waiting}{of} transactions wait ({state['queued']} behind a gap)"]
    if state["gas_used_percent"] is not None:
        parts.append(f"the last block used {state['gas_used_percent']} % of its gas")
    if "store_bytes" in state:
        parts.append(f"store {state['store_bytes'] / GIB:.2f} of {state['store_most_bytes'] / GIB:.0f} GiB")
    return "; ".join(parts)


def _span(seconds: int) -> str:
    for size, name in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"
