"""Found a consortium: deploy the contracts, let the board make its first decisions, write the deployment file.

    ape run deploy --network ethereum:consortium:http://127.0.0.1:8545 --plan plan.json

Four blocks when the board decides without a delay: creations, proposals, approvals, executions. The Council starts
without a delay so that founding does not wait; the plan's delay comes into force with the last founding decision.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from ape.cli import ConnectedProviderCommand
from eth_typing import HexAddress, HexStr
from eth_utils.address import to_checksum_address
from web3.types import Nonce
from web3.utils.address import get_create_address

from scripts._artifacts import NAMES, Artifact, call_data, check_compiler, compile_contracts
from scripts._chain import Chain
from scripts._council import Board, Decision
from scripts._plan import Keys, Plan, read_plan, role_id

OPEN_TARGETS = ("VoucherMint", "HealthToken", "ConsentRegistry")
"""What any account may call: redeeming, paying and consenting need no membership."""
DEPLOY_GAS = 5_000_000


@click.command(cls=ConnectedProviderCommand, short_help="Found a consortium after a plan")
@click.option("--plan", "plan_path", required=True, type=click.Path(path_type=Path), help="the plan, a JSON file")
def cli(provider: Any, plan_path: Path) -> None:
    """Deploy the contracts and carry out the founding decisions of a plan.

    \b
    Example:
      TIDEPRINT_PASSPHRASE=... ape run deploy \\
        --network ethereum:consortium:http://127.0.0.1:8545 --plan plan.json
    """
    plan = read_plan(plan_path)
    keys = Keys(plan.keystore)
    check_compiler()
    artifacts = compile_contracts(Path(__file__).resolve().parent.parent)
    chain = Chain(provider.make_request)
    addresses, block = deploy(chain, artifacts, plan, keys)
    click.echo(f"deployed in block {block}: {', '.join(addresses)}")
    board = Board(chain, addresses["Council"], artifacts["Council"].abi)
    count = decide(board, plan, keys, list(founding(plan, artifacts, addresses)))
    click.echo(f"decided and carried out: {count} founding decisions")
    write(plan.output, deployment(chain.chain_id, block, plan.rules, artifacts, addresses))
    click.echo(f"wrote {plan.output}")


def deploy(chain: Chain, artifacts: dict[str, Artifact], plan: Plan, keys: Keys) -> tuple[dict[str, str], int]:
    """Create all contracts at once; their addresses follow from the deployer's nonces. Addresses and first block."""
    if chain.nonce(plan.deployer) != 0:
        raise click.ClickException(
            f"{plan.deployer} has sent transactions before: the Council must be the first founder's first transaction"
        )
    creator = HexAddress(HexStr(plan.deployer))
    addresses = {name: str(get_create_address(creator, Nonce(nonce))) for nonce, name in enumerate(NAMES)}
    council, token = addresses["Council"], addresses["HealthToken"]
    arguments: dict[str, tuple[Any, ...]] = {
        "Council": (list(plan.members), plan.threshold, 0, plan.deployer),
        "VoucherMint": (council, token),
    }
    sender = keys.open(plan.deployer)
    sent = [
        chain.send(sender, None, artifacts[name].creation(*arguments.get(name, (council,))), DEPLOY_GAS)
        for name in NAMES
    ]
    receipts = chain.receipts(sent)
    for name, receipt in zip(NAMES, receipts, strict=True):
        if to_checksum_address(receipt["contractAddress"]) != to_checksum_address(addresses[name]):
            raise click.ClickException(f"the node put {name} at {receipt['contractAddress']}, not {addresses[name]}")
    return addresses, int(receipts[0]["blockNumber"], 16)


def founding(plan: Plan, artifacts: dict[str, Artifact], addresses: dict[str, str]) -> Iterator[Decision]:
    """The first decisions; the last one is the plan's delay, because a new board makes older proposals lapse."""
    council = addresses["Council"]

    def decision(name: str, *arguments: Any) -> Decision:
        return Decision(council, call_data(artifacts["Council"].abi, name, *arguments))

    roles = [(role, account) for role, accounts in plan.roles.items() for account in accounts]
    for role, account in [*roles, ("MINTER", addresses["VoucherMint"])]:
        yield decision("set_role", role_id(role), account, True)
    for name in OPEN_TARGETS:
        yield decision("set_target", addresses[name], True)
    for account, category in plan.redeemers.items():
        yield decision("set_redeemer", account, category)
    for key, power in plan.validators.items():
        yield decision("set_validator", bytes.fromhex(key.removeprefix("0x")), power)
    yield decision("set_rules", plan.rules)
    if plan.delay:
        yield decision("set_board", list(plan.members), plan.threshold, plan.delay)


def decide(board: Board, plan: Plan, keys: Keys, decisions: list[Decision]) -> int:
    """Propose, approve and execute all decisions; how many there were."""
    members = [keys.open(member) for member in plan.members if member in keys][: plan.threshold]
    if len(members) < plan.threshold:
        raise click.ClickException(f"{plan.threshold} members decide; the keystore holds keys of {len(members)}")
    board.propose(members[0], decisions)
    board.approve(members[1:], decisions)
    board.execute(members[0], decisions)
    return len(decisions)


def deployment(
    chain_id: int, block: int, rules: bytes, artifacts: dict[str, Artifact], addresses: dict[str, str]
) -> dict[str, Any]:
    """The deployment file that every other part reads."""
    contracts = {
        name: {
            "address": to_checksum_address(addresses[name]),
            "abi": artifacts[name].abi,
            "integrity": artifacts[name].integrity,
        }
        for name in NAMES
    }
    return {"chain_id": chain_id, "block": block, "rules": "0x" + rules.hex(), "contracts": contracts}


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(draft, path)
