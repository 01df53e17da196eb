from typing import Any

import boa
import pytest

from protocol.quantities import Address
from protocol.typed_data import Domain, Permit, digest_of
from tests.contracts.support import (
    House,
    account,
    deployer,
    events,
    key,
    malleable_twin,
    now,
    sign,
)

ZERO = "0x" + "00" * 20
CLINIC = account("clinic")
HOLDER = key("holder")


@pytest.fixture
def token(house: House) -> Any:
    """A token of which the holder has 100."""
    house.token.mint(HOLDER.address, 100, sender=house.mint.address)
    return house.token


def permit_for(house: House, spender: str, value: int, nonce: int, deadline: int) -> bytes:
    message = Permit(Address(HOLDER.address), Address(spender), value, nonce, deadline)
    return sign(HOLDER, house.token_domain, message)


def call_permit(
    token: Any, spender: str, value: int, deadline: int, signature: bytes, owner: str = HOLDER.address
) -> None:
    token.permit(owner, spender, value, deadline, signature[64], signature[:32], signature[32:64])


def test_what_it_is(token: Any) -> None:
    assert (token.name(), token.symbol(), token.decimals()) == ("Tideprint Health Token", "HEALTH", 0)
    assert token.totalSupply() == token.balanceOf(HOLDER.address) == 100


def test_a_holder_pays_a_redeemer_who_burns(token: Any) -> None:
    assert token.transfer(CLINIC, 40, sender=HOLDER.address)
    assert events(token) == [("Transfer", {"sender": HOLDER.address, "receiver": CLINIC, "value": 40})]
    assert (token.balanceOf(HOLDER.address), token.balanceOf(CLINIC)) == (60, 40)
    token.burn(40, sender=CLINIC)
    assert events(token) == [("Transfer", {"sender": CLINIC, "receiver": ZERO, "value": 40})]
    assert (token.balanceOf(CLINIC), token.totalSupply()) == (0, 60)
    token.burn(60, sender=HOLDER.address)
    assert token.totalSupply() == 0
    with boa.reverts("erc20: balance"):
        token.burn(1, sender=CLINIC)


@pytest.mark.parametrize("amount", [0, 1])
@pytest.mark.parametrize(
    ("receiver", "reason"),
    [
        ("friend", "token: not a redeemer"),
        ("holder", "token: not a redeemer"),
        ("co-payment desk", "token: COPAY_FORBIDDEN"),
        ("cash desk", "token: CASH_OUT_FORBIDDEN"),
    ],
)
def test_nobody_else_is_paid(token: Any, receiver: str, reason: str, amount: int) -> None:
    token.approve(account("friend"), 50, sender=HOLDER.address)
    assert not token.canTransfer(HOLDER.address, account(receiver), amount)
    with boa.reverts(reason):
        token.transfer(account(receiver), amount, sender=HOLDER.address)
    with boa.reverts(reason):
        token.transferFrom(HOLDER.address, account(receiver), amount, sender=account("friend"))


@pytest.mark.parametrize("receiver", [HOLDER.address, CLINIC, account("library")])
def test_redeemers_pay_nobody(house: House, token: Any, receiver: str) -> None:
    house.decide(house.council, "set_redeemer", account("library"), 2)
    token.transfer(CLINIC, 40, sender=HOLDER.address)
    token.approve(account("friend"), 40, sender=CLINIC)
    reason = "token: not a redeemer" if receiver == HOLDER.address else "token: redeemers only burn"
    assert not token.canTransfer(CLINIC, receiver, 1)
    with boa.reverts(reason):
        token.transfer(receiver, 1, sender=CLINIC)
    with boa.reverts(reason):
        token.transferFrom(CLINIC, receiver, 1, sender=account("friend"))


def test_more_than_the_balance_is_refused(token: Any) -> None:
    assert token.canTransfer(HOLDER.address, CLINIC, 100)
    assert not token.canTransfer(HOLDER.address, CLINIC, 101)
    with boa.reverts("erc20: balance"):
        token.transfer(CLINIC, 101, sender=HOLDER.address)


def test_a_redeemer_taken_off_the_list_is_paid_no_more(house: House, token: Any) -> None:
    house.decide(house.council, "set_redeemer", CLINIC, 0)
    with boa.reverts("token: not a redeemer"):
        token.transfer(CLINIC, 1, sender=HOLDER.address)


@pytest.mark.parametrize("category", range(1, 16))
def test_every_open_category_is_paid(house: House, token: Any, category: int) -> None:
    house.decide(house.council, "set_redeemer", account("library"), category)
    assert token.canTransfer(HOLDER.address, account("library"), 1)
    token.transfer(account("library"), 1, sender=HOLDER.address)


def test_an_allowance_is_spent(token: Any) -> None:
    terminal = account("terminal")
    with boa.reverts("erc20: allowance"):
        token.transferFrom(HOLDER.address, CLINIC, 1, sender=terminal)
    assert token.approve(terminal, 50, sender=HOLDER.address)
    assert events(token) == [("Approval", {"owner": HOLDER.address, "spender": terminal, "value": 50})]
    assert token.transferFrom(HOLDER.address, CLINIC, 30, sender=terminal)
    assert token.allowance(HOLDER.address, terminal) == 20
    with boa.reverts("erc20: allowance"):
        token.transferFrom(HOLDER.address, CLINIC, 21, sender=terminal)


def test_an_endless_allowance_stays(token: Any) -> None:
    token.approve(account("terminal"), 2**256 - 1, sender=HOLDER.address)
    token.transferFrom(HOLDER.address, CLINIC, 30, sender=account("terminal"))
    assert token.allowance(HOLDER.address, account("terminal")) == 2**256 - 1


@pytest.mark.parametrize(
    ("receiver", "reason"),
    [
        (ZERO, "erc20: to nobody"),
        (account("co-payment desk"), "token: COPAY_FORBIDDEN"),
        (account("cash desk"), "token: CASH_OUT_FORBIDDEN"),
    ],
)
def test_minting_to_nobody_and_to_marked_accounts_is_refused(
    house: House, token: Any, receiver: str, reason: str
) -> None:
    with boa.reverts(reason):
        token.mint(receiver, 1, sender=house.mint.address)


def test_supply_does_not_wrap(house: House, token: Any) -> None:
    with boa.reverts():
        token.mint(HOLDER.address, 2**256 - 100, sender=house.mint.address)
    assert token.totalSupply() == 100


def test_a_pause_stops_payments_and_mints_until_the_council_ends_it(house: House, token: Any) -> None:
    token.approve(CLINIC, 10, sender=HOLDER.address)
    token.transfer(CLINIC, 10, sender=HOLDER.address)
    token.pause(sender=account("guardian"))
    assert events(token) == [("Paused", {"stopped": True})]
    assert token.paused()
    assert not token.canTransfer(HOLDER.address, CLINIC, 1)
    with boa.reverts("pausable: stopped"):
        token.transfer(CLINIC, 1, sender=HOLDER.address)
    with boa.reverts("pausable: stopped"):
        token.transferFrom(HOLDER.address, CLINIC, 1, sender=CLINIC)
    with boa.reverts("pausable: stopped"):
        token.mint(HOLDER.address, 1, sender=house.mint.address)
    token.burn(10, sender=CLINIC)
    with boa.reverts("governed: not the Council"):
        token.unpause(sender=account("guardian"))
    house.decide(token, "unpause")
    assert events(token) == [("Paused", {"stopped": False})]
    token.transfer(CLINIC, 1, sender=HOLDER.address)


def test_a_permit_works_once_and_for_anyone_who_sends_it(house: House, token: Any) -> None:
    deadline = now()
    signature = permit_for(house, CLINIC, 7, 0, deadline)
    call_permit(token, CLINIC, 7, deadline, signature)
    assert (token.allowance(HOLDER.address, CLINIC), token.nonces(HOLDER.address)) == (7, 1)
    with boa.reverts("token: signature"):
        call_permit(token, CLINIC, 7, deadline, signature)
    token.transferFrom(HOLDER.address, CLINIC, 7, sender=CLINIC)
    call_permit(token, CLINIC, 0, deadline, permit_for(house, CLINIC, 0, 1, deadline))
    assert token.allowance(HOLDER.address, CLINIC) == 0


def test_a_permit_after_its_deadline_is_refused(house: House, token: Any) -> None:
    signature = permit_for(house, CLINIC, 7, 0, now() - 1)
    with boa.reverts("token: permit expired"):
        call_permit(token, CLINIC, 7, now() - 1, signature)


@pytest.mark.parametrize("field", ["spender", "value", "deadline", "owner"])
def test_a_permit_covers_every_field(house: House, token: Any, field: str) -> None:
    signed: dict[str, Any] = {"spender": CLINIC, "value": 7, "deadline": now() + 60}
    signature = permit_for(house, CLINIC, 7, 0, now() + 60)
    changed = {"spender": account("friend"), "value": 8, "deadline": now() + 61, "owner": account("friend")}
    with boa.reverts("token: signature"):
        call_permit(token, **(signed | {"signature": signature} | {field: changed[field]}))


def test_a_permit_of_another_token_or_chain_is_refused(house: House, token: Any) -> None:
    domain = house.token_domain
    message = Permit(Address(HOLDER.address), CLINIC, 7, 0, now())
    for other in (
        Domain(domain.name, domain.chain_id + 1, domain.contract),
        Domain(domain.name, domain.chain_id, account("other token")),
        Domain("Other", domain.chain_id, domain.contract),
    ):
        with boa.reverts("token: signature"):
            call_permit(token, CLINIC, 7, now(), sign(HOLDER, other, message))


def test_spoiled_permits_are_refused(house: House, token: Any) -> None:
    good = permit_for(house, CLINIC, 7, 0, now())
    for bad in (malleable_twin(good), good[:64] + b"\x1d", good[:64] + b"\x00", bytes(64) + b"\x1b"):
        with boa.reverts("token: signature"):
            call_permit(token, CLINIC, 7, now(), bad)
    with boa.reverts("token: signature"):
        call_permit(token, CLINIC, 7, now(), bytes(64) + b"\x1b", owner=ZERO)


def test_the_domain_is_described_and_used(house: House, token: Any) -> None:
    domain = house.token_domain
    fields, name, version, chain, contract, salt, extensions = token.eip712Domain()
    assert (fields, name, version, chain, contract) == (b"\x0f", domain.name, "1", domain.chain_id, domain.contract)
    assert (salt, extensions) == (bytes(32), [])
    deadline = now() + 5
    message = Permit(Address(HOLDER.address), CLINIC, 1, 0, deadline)
    assert digest_of(domain, message)
    assert len(token.DOMAIN_SEPARATOR()) == 32


def test_after_a_fork_signatures_of_the_old_chain_are_refused(house: House, token: Any) -> None:
    signature = permit_for(house, CLINIC, 7, 0, now() + 60)
    separator = token.DOMAIN_SEPARATOR()
    with boa.env.anchor():
        boa.env.evm.patch.chain_id += 1
        assert token.DOMAIN_SEPARATOR() != separator
        with boa.reverts("token: signature"):
            call_permit(token, CLINIC, 7, now() + 60, signature)
        call_permit(token, CLINIC, 7, now() + 60, permit_for(house, CLINIC, 7, 0, now() + 60))


def test_it_needs_a_council() -> None:
    with boa.reverts("governed: no Council"):
        deployer("HealthToken").deploy(account("stranger"))
