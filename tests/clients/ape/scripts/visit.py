"""Connect, deploy, transact, read events, trace a transaction that fails. Prints one JSON object.

ape run visit --network ethereum:consortium:http://127.0.0.1:8545
"""

import json
from typing import Any

import click
from ape import accounts, chain, project
from ape.cli import ConnectedProviderCommand


@click.command(cls=ConnectedProviderCommand)
def cli() -> None:
    """Visit a running node."""
    member = accounts.load("member")
    member.set_autosign(True)
    door = member.deploy(project.Door)
    before = member.balance
    receipts = [door.knock(sender=member) for _ in range(2)]
    events = [log.times for log in door.Knocked.range(receipts[0].block_number, receipts[-1].block_number + 1)]
    failed = door.enter(7, sender=member, gas_limit=200_000, raise_on_revert=False)
    frames = list(failed.trace.get_raw_frames())
    click.echo(json.dumps(report(door, receipts, events, failed, frames, before - member.balance)))


def report(door: Any, receipts: Any, events: Any, failed: Any, frames: Any, spent: int) -> dict[str, Any]:
    """What was seen."""
    return {
        "chain": chain.chain_id,
        "times": door.times(),
        "heard": [log.times for receipt in receipts for log in receipt.events],
        "events": [int(times) for times in events],
        "failed": failed.failed,
        "frames": len(frames),
        "call": str(failed.trace.get_calltree()),
        "spent": spent,
    }
