from typing import Any

import boa
import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from tests.contracts.support import DELAY, MEMBERS, RULES, House, account, deployer, events, now, payload, role

SALT = keccak(b"salt")
DAY = 86_400
OPEN = "set_target(address,bool)"


@pytest.fixture
def call(house: House) -> tuple[Any, bytes, bytes]:
    """Something to decide: open the mint to everybody."""
    return house.council.address, payload(OPEN, str(house.mint.address), True), SALT


def carry(house: House, target: Any, data: bytes, salt: bytes = SALT) -> None:
    """Propose, approve, wait, execute."""
    id = house.council.propose(target, data, salt, sender=MEMBERS[0])
    house.council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    house.council.execute(target, data, salt, sender=account("stranger"))


def test_a_decision_takes_a_threshold_and_the_delay(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    assert events(council) == [
        ("Proposed", {"id": id, "target": council.address}),
        ("Approved", {"id": id, "count": 1}),
    ]
    assert (
        id
        == council.id_of(*call)
        == keccak(encode(["uint256", "address", "bytes32", "bytes32"], [1, str(call[0]), keccak(call[1]), SALT]))
    )
    council.approve(id, sender=MEMBERS[2])
    assert events(council) == [("Approved", {"id": id, "count": 2})]
    boa.env.time_travel(DELAY - 1)
    with boa.reverts("council: not ready"):
        council.execute(*call)
    boa.env.time_travel(1)
    council.execute(*call, sender=account("stranger"))
    assert [name for name, _ in events(council)] == ["TargetSet", "Executed"]
    assert council.is_open(house.mint.address)


def test_one_member_never_decides_alone(house: House, call: Any) -> None:
    id = house.council.propose(*call, sender=MEMBERS[0])
    for _ in range(3):
        house.council.approve(id, sender=MEMBERS[0])
    boa.env.time_travel(10 * DELAY)
    with boa.reverts("council: not ready"):
        house.council.execute(*call)


def test_a_decision_is_carried_out_once(house: House, call: Any) -> None:
    carry(house, *call)
    with boa.reverts("council: done"):
        house.council.execute(*call)
    with boa.reverts("council: known"):
        house.council.propose(*call, sender=MEMBERS[0])
    for function in ("approve", "withdraw"):
        with boa.reverts("council: done"):
            getattr(house.council, function)(house.council.id_of(*call), sender=MEMBERS[2])
    carry(house, call[0], call[1], keccak(b"again"))


def test_withdrawing_below_the_threshold_starts_the_delay_over(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    council.withdraw(id, sender=MEMBERS[0])
    assert events(council) == [("Approved", {"id": id, "count": 1})]
    with boa.reverts("council: not ready"):
        council.execute(*call)
    council.approve(id, sender=MEMBERS[2])
    with boa.reverts("council: not ready"):
        council.execute(*call)
    boa.env.time_travel(DELAY)
    council.execute(*call)


def test_withdrawing_above_the_threshold_changes_nothing(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    for member in MEMBERS[1:]:
        council.approve(id, sender=member)
    boa.env.time_travel(DELAY)
    council.withdraw(id, sender=MEMBERS[0])
    council.execute(*call)


def test_a_later_approval_does_not_lengthen_the_delay(house: House, call: Any) -> None:
    id = house.council.propose(*call, sender=MEMBERS[0])
    house.council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    house.council.approve(id, sender=MEMBERS[2])
    house.council.execute(*call)


def test_a_decision_that_nobody_carries_out_expires(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    boa.env.time_travel(10 * DAY)
    council.approve(id, sender=MEMBERS[1])
    expiry = now() + DELAY + 30 * DAY
    assert council.expiry_of(id) == expiry
    boa.env.time_travel(expiry - 1 - now())
    with boa.env.anchor():
        council.execute(*call)
    boa.env.time_travel(1)
    for late in (0, 5 * 366 * DAY):
        boa.env.time_travel(late)
        with boa.reverts("council: expired"):
            council.execute(*call)
        for function in ("approve", "withdraw"):
            with boa.reverts("council: expired"):
                getattr(council, function)(id, sender=MEMBERS[2])
    with boa.reverts("council: known"):
        council.propose(*call, sender=MEMBERS[0])
    carry(house, call[0], call[1], keccak(b"afresh"))


def test_a_proposal_that_finds_no_threshold_expires(house: House, call: Any) -> None:
    council = house.council
    assert council.expiry_of(council.id_of(*call)) == 0
    id = council.propose(*call, sender=MEMBERS[0])
    assert council.expiry_of(id) == now() + 30 * DAY
    boa.env.time_travel(30 * DAY - 1)
    with boa.env.anchor():
        council.approve(id, sender=MEMBERS[1])
        boa.env.time_travel(DELAY)
        council.execute(*call)
    boa.env.time_travel(1)
    for function in ("approve", "withdraw"):
        with boa.reverts("council: expired"):
            getattr(council, function)(id, sender=MEMBERS[1])
    with boa.reverts("council: expired"):
        council.execute(*call)


def test_withdrawing_and_approving_again_keeps_no_proposal_alive(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(30 * DAY)
    council.withdraw(id, sender=MEMBERS[1])
    with boa.reverts("council: expired"):
        council.approve(id, sender=MEMBERS[1])


def test_the_longest_delay_leaves_thirty_days(house: House) -> None:
    council = deployer("Council").deploy(MEMBERS, 1, 30 * DAY, account("deployer"))
    call = council.address, payload("set_rules(bytes32)", RULES), SALT
    council.propose(*call, sender=MEMBERS[0])
    boa.env.time_travel(60 * DAY - 1)
    with boa.env.anchor():
        council.execute(*call)
    boa.env.time_travel(1)
    with boa.reverts("council: expired"):
        council.execute(*call)


def test_outsiders_do_not_take_part(house: House, call: Any) -> None:
    id = house.council.propose(*call, sender=MEMBERS[0])
    for outsider in ("deployer", "oracle", "stranger"):
        with boa.reverts("council: not a member"):
            house.council.propose(call[0], call[1], keccak(b"other"), sender=account(outsider))
        for function in ("approve", "withdraw"):
            with boa.reverts("council: not a member"):
                getattr(house.council, function)(id, sender=account(outsider))


@pytest.mark.parametrize("function", ["approve", "withdraw"])
def test_an_unknown_proposal_is_refused(house: House, function: str) -> None:
    with boa.reverts("council: no proposal"):
        getattr(house.council, function)(keccak(b"unknown"), sender=MEMBERS[0])


@pytest.mark.parametrize("part", range(3))
def test_what_runs_is_what_was_approved(house: House, call: Any, part: int) -> None:
    id = house.council.propose(*call, sender=MEMBERS[0])
    house.council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    other = [house.token.address, payload(OPEN, str(house.token.address), True), keccak(b"other")]
    changed = [other[index] if index == part else value for index, value in enumerate(call)]
    with boa.reverts("council: no proposal"):
        house.council.execute(*changed)


def test_a_failing_call_says_why_and_may_be_tried_again(house: House) -> None:
    data = payload("close_series(uint256,uint256)", 7, 0)
    id = house.council.propose(house.mint.address, data, SALT, sender=MEMBERS[0])
    house.council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    for _ in range(2):
        with boa.reverts("voucher: series unknown"):
            house.council.execute(house.mint.address, data, SALT)


def test_a_call_to_an_account_without_code_is_refused(house: House) -> None:
    id = house.council.propose(account("stranger"), b"", SALT, sender=MEMBERS[0])
    house.council.approve(id, sender=MEMBERS[1])
    boa.env.time_travel(DELAY)
    with boa.reverts("council: no contract"):
        house.council.execute(account("stranger"), b"", SALT)


def test_a_new_board_voids_what_the_old_one_approved(house: House, call: Any) -> None:
    council = house.council
    id = council.propose(*call, sender=MEMBERS[0])
    council.approve(id, sender=MEMBERS[1])
    board = [account("new member"), *MEMBERS[1:]]
    carry(house, council.address, payload("set_board(address[],uint256,uint256)", board, 3, 60))
    assert [name for name, _ in events(council)] == ["BoardSet", "Executed"]
    assert (council.board_epoch(), council.threshold(), council.delay()) == (2, 3, 60)
    assert [council.members(index) for index in range(3)] == board
    assert [council.seat(member) for member in (*board, MEMBERS[0])] == [1, 2, 3, 0]
    with boa.reverts("council: no proposal"):
        council.execute(*call)
    with boa.reverts("council: lapsed"):
        council.approve(id, sender=board[0])
    with boa.reverts("council: not a member"):
        council.propose(*call, sender=MEMBERS[0])
    assert council.propose(*call, sender=board[0]) != id


@pytest.mark.parametrize(
    ("members", "threshold", "delay", "reason"),
    [
        ([], 0, 0, "council: threshold"),
        (MEMBERS, 0, 0, "council: threshold"),
        (MEMBERS, 4, 0, "council: threshold"),
        ([MEMBERS[0], MEMBERS[0]], 1, 0, "council: member"),
        ([MEMBERS[0], "0x" + "00" * 20], 1, 0, "council: member"),
        (MEMBERS, 2, 30 * 86_400 + 1, "council: delay"),
    ],
)
def test_a_board_that_could_not_decide_is_refused(
    house: House, members: Any, threshold: int, delay: int, reason: str
) -> None:
    with boa.reverts(reason):
        house.decide(house.council, "set_board", members, threshold, delay)
    with boa.reverts(reason):
        deployer("Council").deploy(members, threshold, delay, account("deployer"))


def test_a_board_of_thirty_two_decides(house: House) -> None:
    members = [account(f"member {number}") for number in range(32)]
    council = deployer("Council").deploy(members, 32, 0, account("deployer"))
    data = payload("set_rules(bytes32)", RULES)
    id = council.propose(council.address, data, SALT, sender=members[0])
    for member in members[1:]:
        with boa.reverts("council: not ready"):
            council.execute(council.address, data, SALT)
        council.approve(id, sender=member)
    council.execute(council.address, data, SALT)
    assert council.rules() == RULES


def test_the_deployer_may_deploy_and_holds_nothing_else(house: House) -> None:
    council, deployer_account = house.council, account("deployer")
    assert council.may_deploy(deployer_account)
    assert not council.seat(deployer_account)
    assert [name for name in ("ORACLE", "GUARDIAN", "MINTER") if council.has_role(role(name), deployer_account)] == []
    house.give_role("DEPLOYER", deployer_account, False)
    assert not council.may_deploy(deployer_account)
    assert not council.may_send(deployer_account, house.token.address)


def test_roles_are_given_and_taken(house: House) -> None:
    council, newcomer = house.council, account("newcomer")
    for held in (True, True, False, False, True):
        house.give_role("ORACLE", newcomer, held)
        assert events(council) == [("RoleSet", {"role": role("ORACLE"), "account": newcomer, "held": held})]
        assert council.has_role(role("ORACLE"), newcomer) == council.may_send(newcomer, house.mint.address) == held
    house.give_role("CUSTODIAN", newcomer)
    house.give_role("ORACLE", newcomer, False)
    assert council.may_send(newcomer, house.mint.address)
    house.give_role("CUSTODIAN", newcomer, False)
    assert not council.may_send(newcomer, house.mint.address)


@pytest.mark.parametrize(("id", "holder"), [(bytes(32), account("oracle")), (role("ORACLE"), "0x" + "00" * 20)])
def test_no_nameless_role_and_no_nobody(house: House, id: bytes, holder: str) -> None:
    with boa.reverts("council: role"):
        house.decide(house.council, "set_role", id, holder, True)


def test_who_may_send_where(house: House) -> None:
    council, target = house.council, house.mint.address
    assert all(council.may_send(sender, target) for sender in (*MEMBERS, account("oracle"), account("deployer")))
    assert not council.may_send(account("stranger"), target)
    house.decide(council, "set_target", target, True)
    assert council.may_send(account("stranger"), target)
    assert not council.may_send(account("stranger"), house.token.address)
    house.decide(council, "set_target", target, False)
    assert not council.may_send(account("stranger"), target)


def test_an_account_without_a_role_has_an_allowance_from_the_start(house: House) -> None:
    council = deployer("Council").deploy(MEMBERS, 2, DELAY, account("deployer"))
    assert ("AllowanceSet", {"amount": 10_000_000}) in events(council)
    assert council.open_allowance() == house.council.open_allowance() == 10_000_000


@pytest.mark.parametrize("gas", [0, 1, 10_000_000, 10**12])
def test_the_board_decides_the_allowance(house: House, gas: int) -> None:
    carry(house, house.council.address, payload("set_allowance(uint256)", gas))
    assert ("AllowanceSet", {"amount": gas}) in events(house.council)
    assert house.council.open_allowance() == gas


@pytest.mark.parametrize("gas", [10**12 + 1, 2**256 - 1])
def test_an_allowance_has_a_bound(house: House, gas: int) -> None:
    with boa.reverts("council: allowance"):
        house.decide(house.council, "set_allowance", gas)
    assert house.council.open_allowance() == 10_000_000


@pytest.mark.parametrize("category", [0, 1, 15, 100, 101])
def test_redeemers_have_a_category(house: House, category: int) -> None:
    house.decide(house.council, "set_redeemer", account("library"), category)
    assert events(house.council) == [("RedeemerSet", {"account": account("library"), "category": category})]
    assert house.council.category_of(account("library")) == category


@pytest.mark.parametrize("category", [16, 99, 102, 2**256 - 1])
def test_the_list_of_categories_is_closed(house: House, category: int) -> None:
    with boa.reverts("council: category"):
        house.decide(house.council, "set_redeemer", account("library"), category)


def test_rules_change_only_with_a_new_hash(house: House) -> None:
    assert (house.council.rules(), house.council.rules_version()) == (RULES, 1)
    for rules in (RULES, bytes(32)):
        with boa.reverts("council: rules"):
            house.decide(house.council, "set_rules", rules)
    house.decide(house.council, "set_rules", keccak(b"rule set 2"))
    assert events(house.council) == [("RulesSet", {"rules": keccak(b"rule set 2"), "version": 2})]
    assert (house.council.rules(), house.council.rules_version()) == (keccak(b"rule set 2"), 2)


def test_validators_have_power(house: House) -> None:
    validator = keccak(b"validator")
    for power in (10, 0, 2**32 - 1):
        house.decide(house.council, "set_validator", validator, power)
        assert events(house.council) == [("ValidatorSet", {"key": validator, "power": power})]
        assert house.council.power_of(validator) == power
    for bad_key, power in ((validator, 2**32), (bytes(32), 1)):
        with boa.reverts("council: validator"):
            house.decide(house.council, "set_validator", bad_key, power)


def test_decisions_do_not_nest(house: House) -> None:
    """The lock that one decision holds stops another inside it."""
    inner = payload("set_rules(bytes32)", keccak(b"rule set 3"))
    outer = payload("execute(address,bytes,bytes32)", str(house.council.address), inner, SALT)
    for data in (inner, outer):
        id = house.council.propose(house.council.address, data, SALT, sender=MEMBERS[0])
        house.council.approve(id, sender=MEMBERS[1])
    assert house.council.proposals(house.council.id_of(house.council.address, inner, SALT)).ready == now() + DELAY
    boa.env.time_travel(DELAY)
    with boa.reverts():
        house.council.execute(house.council.address, outer, SALT)
    assert house.council.rules() == RULES
