"""Who may call what: every function that changes something, tried by every role."""

from typing import Any

import boa
import pytest
from eth_hash.auto import keccak

from tests.contracts.support import MEMBERS, RULES, House, account, issuer, role

ACTORS = {
    "member": MEMBERS[0],
    **{name: account(name) for name in ("deployer", "oracle", "registrar", "custodian", "inspector", "guardian")},
    "clinic": account("clinic"),
    "stranger": account("stranger"),
}
CONTRACTS = ("council", "token", "mint", "references", "consents")
DECIDED, NOT_COUNCIL, NO_ROLE = "council: not decided", "governed: not the Council", "governed: role missing"
NOBODY = account("nobody")

# contract, function, arguments, who may, and what everybody else is told
MATRIX: list[tuple[str, str, tuple[Any, ...], set[str], str]] = [
    ("council", "propose", (NOBODY, b"", bytes(32)), {"member"}, "council: not a member"),
    ("council", "set_board", (MEMBERS, 1, 0), {"council"}, DECIDED),
    ("council", "set_role", (role("ORACLE"), NOBODY, True), {"council"}, DECIDED),
    ("council", "set_redeemer", (NOBODY, 1), {"council"}, DECIDED),
    ("council", "set_rules", (keccak(b"new rules"),), {"council"}, DECIDED),
    ("council", "set_target", (NOBODY, True), {"council"}, DECIDED),
    ("council", "set_allowance", (0,), {"council"}, DECIDED),
    ("council", "set_validator", (keccak(b"validator"), 1), {"council"}, DECIDED),
    ("token", "mint", (NOBODY, 1), {"mint"}, NO_ROLE),
    ("token", "pause", (), {"guardian"}, NO_ROLE),
    ("token", "unpause", (), {"council"}, NOT_COUNCIL),
    ("mint", "open_series", (1, issuer("oracle").modulus, 1, 1), {"council"}, NOT_COUNCIL),
    ("mint", "close_series", (2, 0), {"council"}, NOT_COUNCIL),
    ("references", "anchor", (1, 1, keccak(b"1"), 5, RULES), {"oracle"}, NO_ROLE),
    ("references", "anchor", (2, 1, keccak(b"2"), 5, RULES), {"custodian"}, NO_ROLE),
    ("references", "anchor", (3, 1, keccak(b"3"), 5, RULES), {"custodian"}, NO_ROLE),
    ("references", "anchor", (4, 1, keccak(b"4"), 1, RULES), {"oracle"}, NO_ROLE),
    ("references", "anchor", (5, 1, keccak(b"5"), 1, RULES), {"inspector"}, NO_ROLE),
    ("consents", "declare_breach", (keccak(b"id"),), {"council"}, NOT_COUNCIL),
]
# what is open to all: content decides (signatures, balances, proposals), not who sends
OPEN = {
    "council": {"approve", "withdraw", "execute"},  # by seat, tested with the Council
    "token": {"approve", "burn", "permit", "transfer", "transferFrom"},
    "mint": {"redeem"},
    "references": set(),
    "consents": {
        "give",
        "conclude",
        "revoke_consent",
        "revoke_contract",
        "suspend_contract",
        "resume_contract",
    },
}


def actors(house: House) -> dict[str, Any]:
    return ACTORS | {name: getattr(house, name).address for name in CONTRACTS}


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row[0]}.{row[1]}")
def test_access(house: House, row: tuple[str, str, tuple[Any, ...], set[str], str]) -> None:
    contract, function, arguments, allowed, reason = row
    house.decide(house.mint, "open_series", 2, issuer("other oracle").modulus, 1, 1)
    for name, sender in actors(house).items():
        with boa.env.anchor():
            call = getattr(getattr(house, contract), function)
            if name not in allowed:
                with boa.reverts(reason):
                    call(*arguments, sender=sender)
            elif function == "declare_breach":
                with boa.reverts("consent: not a contract"):
                    call(*arguments, sender=sender)
            else:
                call(*arguments, sender=sender)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_matrix_leaves_no_function_out(house: House, contract: str) -> None:
    changing = {
        entry["name"]
        for entry in getattr(house, contract).abi
        if entry["type"] == "function" and entry["stateMutability"] != "view" and entry["stateMutability"] != "pure"
    }
    assert changing == {row[1] for row in MATRIX if row[0] == contract} | OPEN[contract]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_no_function_takes_value(house: House, contract: str) -> None:
    assert "payable" not in {entry.get("stateMutability") for entry in getattr(house, contract).abi}


@pytest.mark.parametrize("contract", [name for name in CONTRACTS if name != "council"])
def test_every_contract_names_its_council(house: House, contract: str) -> None:
    assert getattr(house, contract).council() == house.council.address
