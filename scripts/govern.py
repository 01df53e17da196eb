"""One decision of the board: proposed, approved and carried out with the keys at hand.

    ape run govern --network ethereum:consortium:http://127.0.0.1:8545 --plan plan.json \
        VoucherMint.close_series 202611010 950

A run can be taken up again with its salt: what is done already is left out. So members with keys on several machines
run it one after the other, and a long delay is waited for between two runs.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand
from eth_utils.address import to_checksum_address

from scripts._artifacts import call_data, function
from scripts._chain import Chain
from scripts._council import Board, Decision
from scripts._plan import Keys, read_plan, role_id


@click.command(
    cls=ConnectedProviderCommand,
    short_help="Carry out one decision of the board",
    context_settings={"ignore_unknown_options": True},
)
@click.option("--plan", "plan_path", required=True, type=click.Path(path_type=Path), help="the founding plan")
@click.option("--salt", default="", help="take up an earlier run: the salt it printed, 32 bytes of hex")
@click.option("--wait", default=120, show_default=True, help="longest delay to wait for, seconds")
@click.argument("call")
@click.argument("arguments", nargs=-1)
def cli(provider: Any, plan_path: Path, salt: str, wait: int, call: str, arguments: tuple[str, ...]) -> None:
    """Decide and carry out CALL, a contract's name and function, with ARGUMENTS.

    Addresses may be names of contracts, roles their names, lists are JSON.

    \b
    Examples:
      ... VoucherMint.open_series 202611010 0xc1f3... 1000 10
      ... Council.set_redeemer 0x5A0b54D5dc17e0AadC383d2db43B0a0D3E029c4c 3
      ... Council.set_allowance 20000000
      ... Council.set_role ORACLE 0x5A0b54D5dc17e0AadC383d2db43B0a0D3E029c4c false
    """
    plan = read_plan(plan_path)
    contracts = _contracts(plan.output)
    chain = Chain(provider.make_request)
    decision = read_decision(contracts, call, arguments, salt)
    board = Board(chain, contracts["Council"]["address"], contracts["Council"]["abi"])
    click.echo(f"salt 0x{decision.salt.hex()}")
    decide(board, Keys(plan.keystore), decision, wait)


def read_decision(contracts: dict[str, Any], call: str, arguments: tuple[str, ...], salt: str = "") -> Decision:
    """The decision that the words of a command line mean."""
    name, _, method = call.partition(".")
    if name not in contracts:
        raise click.ClickException(f"{name} is none of {', '.join(contracts)}")
    abi = contracts[name]["abi"]
    inputs = function(abi, method)["inputs"]
    if len(inputs) != len(arguments):
        wanted = ", ".join(f"{item['name']}: {item['type']}" for item in inputs)
        raise click.ClickException(f"{call} takes ({wanted})")
    try:
        values = [_value(item, text, contracts) for item, text in zip(inputs, arguments, strict=True)]
        chosen = bytes.fromhex(salt.removeprefix("0x")) if salt else secrets.token_bytes(32)
        return Decision(to_checksum_address(contracts[name]["address"]), call_data(abi, method, *values), salt=chosen)
    except ValueError as error:
        raise click.ClickException(f"{call}: {error}") from error


def decide(board: Board, keys: Keys, decision: Decision, wait: int) -> None:
    """Bring a decision as far as the keys and the delay allow; say what is left."""
    seated = {address: board.number("seat", address) for address in keys.addresses()}
    members = [keys.open(address) for address, seat in seated.items() if seat]
    if not members:
        raise click.ClickException("the keystore holds no key of a member of the present board")
    state = board.state(decision)
    if state.done:
        raise click.ClickException("this decision was carried out before")
    if not state.known:
        board.propose(members[0], [decision])
        state = board.state(decision)
    missing = board.number("threshold") - state.approvals.bit_count()
    waiting = [m for m in members if not state.approvals >> (seated[m.address] - 1) & 1]
    if missing > 0:
        board.approve(waiting[:missing], [decision])
        state = board.state(decision)
    if not state.ready:
        raise click.ClickException("more members must approve: run this again with their keys and the same --salt")
    if state.ready - board.chain.now() > wait:
        raise click.ClickException(f"approved; ready at {state.ready}: run this again then, with the same --salt")
    board.chain.wait_until(state.ready)
    board.execute(members[0], [decision])
    click.echo("decided and carried out")


def _contracts(path: Path) -> dict[str, Any]:
    try:
        contracts: dict[str, Any] = json.loads(path.read_text())["contracts"]
    except (OSError, ValueError, KeyError) as error:
        raise click.ClickException(f"{path}: no deployment file: run `ape run deploy` first") from error
    return contracts


def _value(item: dict[str, Any], text: str, contracts: dict[str, Any]) -> Any:
    """An argument as the ABI wants it."""
    kind: str = item["type"]
    if kind.endswith("]"):
        element = item | {"type": kind[: kind.rindex("[")]}
        return [_value(element, str(part), contracts) for part in json.loads(text)]
    if kind == "address":
        return to_checksum_address(contracts[text]["address"] if text in contracts else text)
    if kind == "bool":
        return {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else _not(kind, text)
    if kind.startswith("uint"):
        return int(text, 0)
    if item["name"] == "role" and not text.startswith("0x"):
        return role_id(text)
    return bytes.fromhex(text.removeprefix("0x"))


def _not(kind: str, text: str) -> Any:
    raise ValueError(f"{text!r} is no {kind}")
