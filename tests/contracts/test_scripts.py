"""Plans, keystores and decisions of the ape scripts; a whole deployment runs in tests/end_to_end."""

import json
from pathlib import Path
from typing import Any

import click
import pytest
from eth_account import Account
from eth_hash.auto import keccak

from scripts._artifacts import NAMES, compile_contracts
from scripts._chain import Chain
from scripts._council import Decision, proposal_id
from scripts._plan import Keys, read_plan, role_id
from scripts.govern import read_decision
from tests.contracts.support import CONTRACTS, House, account, deployer, key, payload

MEMBERS = [account("plan member 1"), account("plan member 2")]
PLAN = {
    "members": MEMBERS,
    "threshold": 2,
    "roles": {"ORACLE": [account("oracle").lower()]},
    "redeemers": {account("clinic"): 1},
    "rules": "0x" + "ab" * 32,
    "keystore": "keys",
    "output": "out/deployment.json",
}


def plan_file(folder: Path, **changes: Any) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps({name: value for name, value in (PLAN | changes).items() if value is not None}))
    return path


@pytest.fixture(scope="module")
def contracts() -> dict[str, Any]:
    """The `contracts` of a deployment file."""
    compiled = compile_contracts(CONTRACTS.parent)
    return {name: {"address": account(name), "abi": compiled[name].abi} for name in NAMES}


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = read_plan(plan_file(tmp_path))
    assert (plan.members, plan.threshold, plan.delay, plan.deployer) == (tuple(MEMBERS), 2, 0, MEMBERS[0])
    assert plan.roles == {"ORACLE": (account("oracle"),)}
    assert (plan.rules, plan.keystore, plan.output) == (
        b"\xab" * 32,
        tmp_path / "keys",
        tmp_path / "out/deployment.json",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"members": None},
        {"members": ["nobody"]},
        {"threshold": 0},
        {"threshold": 3},
        {"roles": {"KING": [MEMBERS[0]]}},
        {"rules": "0xab"},
        {"keystore": None},
    ],
)
def test_a_plan_that_is_none_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(click.ClickException, match="not a plan"):
        read_plan(plan_file(tmp_path, **changes))
    with pytest.raises(click.ClickException, match="not a plan"):
        read_plan(tmp_path / "missing.json")


def test_keystores_open_with_the_passphrase_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = key("plan member 1")
    (tmp_path / "a.json").write_text(json.dumps(Account.encrypt(signer.key, "right", iterations=2)))
    keys = Keys(tmp_path)
    assert keys.addresses() == (signer.address,)
    assert signer.address in keys
    assert MEMBERS[1] not in keys
    monkeypatch.delenv("TIDEPRINT_PASSPHRASE", raising=False)
    with pytest.raises(click.ClickException, match="is not set"):
        keys.open(signer.address)
    monkeypatch.setenv("TIDEPRINT_PASSPHRASE", "wrong")
    with pytest.raises(click.ClickException, match="does not open"):
        keys.open(signer.address)
    monkeypatch.setenv("TIDEPRINT_PASSPHRASE", "right")
    assert keys.open(signer.address).key == signer.key
    with pytest.raises(click.ClickException, match="no keystore file"):
        keys.open(MEMBERS[1])
    (tmp_path / "notes.txt").write_text("{}")
    with pytest.raises(click.ClickException, match=r"notes\.txt is not a keystore"):
        Keys(tmp_path)


def test_words_become_a_decision(contracts: dict[str, Any]) -> None:
    salt = "0x" + "11" * 32
    made = read_decision(contracts, "Council.set_role", ("ORACLE", "VoucherMint", "true"), salt)
    data = payload("set_role(bytes32,address,bool)", keccak(b"ORACLE"), account("VoucherMint"), True)
    assert made == Decision(account("Council"), data, salt=b"\x11" * 32)
    assert role_id("ORACLE") == keccak(b"ORACLE")
    board = read_decision(contracts, "Council.set_board", (json.dumps(MEMBERS), "2", "0x10"))
    assert board.payload == payload("set_board(address[],uint256,uint256)", MEMBERS, 2, 16)
    series = read_decision(contracts, "VoucherMint.open_series", ("7", "0xff01", "10", "1"))
    assert series.payload == payload("open_series(uint256,bytes,uint256,uint256)", 7, b"\xff\x01", 10, 1)
    allowance = read_decision(contracts, "Council.set_allowance", ("20_000_000",))
    assert allowance.payload == payload("set_allowance(uint256)", 20_000_000)
    assert board.salt != series.salt


@pytest.mark.parametrize(
    ("call", "arguments", "why"),
    [
        ("Bank.pay", (), "is none of"),
        ("Council.crown", (), "no function crown"),
        ("VoucherMint.close_series", ("7",), r"takes \(series: uint256, issued: uint256\)"),
        ("VoucherMint.close_series", ("7", "many"), "close_series"),
        ("Council.set_target", ("nowhere", "true"), "set_target"),
        ("Council.set_target", ("VoucherMint", "maybe"), "no bool"),
    ],
)
def test_words_that_are_no_decision_are_refused(
    contracts: dict[str, Any], call: str, arguments: tuple[str, ...], why: str
) -> None:
    with pytest.raises(click.ClickException, match=why):
        read_decision(contracts, call, arguments)


def test_proposals_are_named_as_the_council_names_them(house: House) -> None:
    made = Decision(str(house.token.address), b"\x01\x02", salt=b"\x11" * 32)
    named = house.council.id_of(made.target, made.payload, made.salt)
    assert proposal_id(house.council.board_epoch(), made) == named


def test_scripts_and_tests_compile_the_same_code() -> None:
    compiled = compile_contracts(CONTRACTS.parent)
    assert all(compiled[name].bytecode == deployer(name).compiler_data.bytecode for name in NAMES)


def test_many_transactions_are_sent_before_any_receipt_is_asked_for() -> None:
    asked: list[str] = []

    def node(method: str, parameters: list[Any]) -> Any:
        asked.append(method)
        answers: dict[str, Any] = {"eth_chainId": "0x7", "eth_getTransactionCount": "0x3"}
        if method == "eth_sendRawTransaction":
            return "0x" + keccak(bytes.fromhex(parameters[0][2:])).hex()
        if method == "eth_getTransactionReceipt":
            return {"status": "0x1"} if asked.count(method) > 1 else None
        return answers[method]

    chain = Chain(node)
    sent = [chain.send(key("sender"), MEMBERS[0], b"", 21_000) for _ in range(3)]
    assert len(set(sent)) == 3
    assert chain.nonce(account("sender")) == 6
    assert asked == ["eth_chainId", "eth_getTransactionCount", *["eth_sendRawTransaction"] * 3]
    assert len(chain.receipts(sent)) == 3


def test_a_failed_transaction_ends_the_run_with_its_reason() -> None:
    def node(method: str, parameters: list[Any]) -> Any:
        if method == "eth_call":
            raise RuntimeError("execution reverted: voucher: spent")
        return {"status": "0x0"} if method == "eth_getTransactionReceipt" else "0x1"

    chain = Chain(node)
    sent = chain.send(key("sender"), MEMBERS[0], b"", 21_000)
    with pytest.raises(click.ClickException, match="voucher: spent"):
        chain.receipts([sent])
