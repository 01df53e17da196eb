from typing import Any

import boa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.quantities import Address, Serial
from protocol.vouchers import LOTS, Series, Voucher, blind, series_number, unblind
from tests.contracts.support import (
    House,
    Issuer,
    account,
    chain_id,
    deployer,
    events,
    issuer,
    serials,
    series,
    vouchers,
)

NUMBER = series_number(202611, 10)
HOLDER = account("holder")


@pytest.fixture
def oracle() -> Issuer:
    return issuer("oracle")


def open_series(house: House, signer: Issuer, number: int = NUMBER, cap: int = 100, denomination: int = 10) -> Series:
    house.decide(house.mint, "open_series", number, signer.modulus, cap, denomination)
    return series(house, number, signer, denomination)


@pytest.mark.parametrize("lot", LOTS)
def test_a_lot_is_redeemed_for_its_recipient(house: House, oracle: Issuer, lot: int) -> None:
    known = open_series(house, oracle)
    wanted = serials(lot)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, wanted), sender=account("relayer"))
    assert ("Redeemed", {"series": NUMBER, "count": lot}) in events(house.mint)
    assert house.token.balanceOf(HOLDER) == house.token.totalSupply() == lot * 10
    assert all(house.mint.is_spent(NUMBER, serial) for serial in wanted)
    assert not house.mint.is_spent(NUMBER, serials(1, "other")[0])
    assert tuple(house.mint.series_of(NUMBER)) == (100, 10, lot, 0, False)


def test_a_wallets_blinded_voucher_is_redeemed(house: House, oracle: Issuer) -> None:
    """The whole way through the protocol's own blinding."""
    known = open_series(house, oracle)
    serial = Serial(serials(1)[0])
    factor = 2**2000 + 3
    signed = oracle.sign(blind(known.message(serial, HOLDER), factor, known.modulus))
    signature = unblind(int.from_bytes(signed, "big"), factor, known.modulus)
    assert known.verify(Voucher(NUMBER, serial, HOLDER, signature))
    house.mint.redeem(NUMBER, HOLDER, [serial], [signature])
    assert house.token.balanceOf(HOLDER) == 10


@pytest.mark.parametrize("lot", [0, 2, 7, 9, 31])
def test_other_lots_are_refused(house: House, oracle: Issuer, lot: int) -> None:
    known = open_series(house, oracle)
    with boa.reverts("voucher: lot size"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(lot)))


def test_one_signature_per_serial(house: House, oracle: Issuer) -> None:
    number, recipient, wanted, signed = vouchers(open_series(house, oracle), oracle, HOLDER, serials(8))
    for wrong in (signed[:7], [*signed, signed[0]]):
        with boa.reverts("voucher: signatures"):
            house.mint.redeem(number, recipient, wanted, wrong)


def test_a_voucher_is_good_once(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1)))
    for recipient in (HOLDER, account("other holder")):
        with boa.reverts("voucher: spent"):
            house.mint.redeem(*vouchers(known, oracle, recipient, serials(1)))


def test_a_voucher_twice_in_a_lot_is_refused(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    with boa.reverts("voucher: spent"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, [*serials(7), serials(7)[3]]))
    assert not house.mint.is_spent(NUMBER, serials(1)[0])


def test_one_bad_voucher_refuses_the_lot(house: House, oracle: Issuer) -> None:
    number, recipient, wanted, signed = vouchers(open_series(house, oracle), oracle, HOLDER, serials(8))
    with boa.reverts("voucher: signature"):
        house.mint.redeem(number, recipient, wanted, [*signed[:7], signed[0]])
    assert house.token.totalSupply() == house.mint.series_of(NUMBER).redeemed == 0


@pytest.mark.parametrize("part", ["recipient", "serial", "series", "contract", "chain", "key"])
def test_a_signature_binds_everything(house: House, oracle: Issuer, part: str) -> None:
    known = open_series(house, oracle)
    open_series(house, issuer("other oracle"), NUMBER + 1000)
    bound: dict[str, Any] = {
        "series": NUMBER,
        "contract": known.contract,
        "chain": chain_id(),
        "serial": serials(1)[0],
        "recipient": HOLDER,
    }
    other: dict[str, Any] = {
        "series": NUMBER + 1000,
        "contract": account("other mint"),
        "chain": chain_id() + 1,
        "serial": serials(1, "other")[0],
        "recipient": account("thief"),
    }
    made = bound | ({part: other[part]} if part in other else {})
    foreign = Series(made["series"], oracle.modulus, made["chain"], Address(made["contract"]), 10)
    signer = issuer("other oracle") if part == "key" else oracle
    signature = signer.sign(foreign.message(Serial(made["serial"]), Address(made["recipient"])))
    with boa.reverts("voucher: signature"):
        house.mint.redeem(NUMBER, HOLDER, [serials(1)[0]], [signature])


@pytest.mark.parametrize("change", ["short", "long", "empty", "zero", "bit", "padded"])
def test_a_spoiled_signature_is_refused(house: House, oracle: Issuer, change: str) -> None:
    number, recipient, wanted, [good] = vouchers(open_series(house, oracle), oracle, HOLDER, serials(1))
    bad = {
        "short": good[1:],
        "long": good + b"\x00",
        "empty": b"",
        "zero": bytes(256),
        "bit": good[:-1] + bytes([good[-1] ^ 1]),
        "padded": bytes(256) + good,
    }[change]
    with boa.reverts("voucher: signature"):
        house.mint.redeem(number, recipient, wanted, [bad])


def test_a_signature_that_brings_its_own_exponent_is_refused(house: House, oracle: Issuer) -> None:
    """Three bytes too long, it would put e = 1 into the precompile: the message would be its own signature."""
    known = open_series(house, oracle)
    [serial] = serials(1)
    forged = known.message(Serial(serial), HOLDER).to_bytes(256, "big") + b"\x00\x00\x01"
    with boa.reverts("voucher: signature"):
        house.mint.redeem(NUMBER, HOLDER, [serial], [forged])


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_every_width_of_key_works(house: House, bits: int) -> None:
    """Contract and protocol hash alike, and the precompile opens the signature."""
    signer = issuer("wide oracle", bits)
    known = open_series(house, signer)
    serial = serials(1)[0]
    expected = known.message(Serial(serial), HOLDER).to_bytes(bits // 8, "big")
    assert house.mint.message_of(NUMBER, serial, HOLDER, bits // 8) == expected
    assert house.mint.modulus_of(NUMBER) == signer.modulus
    house.mint.redeem(*vouchers(known, signer, HOLDER, [serial]))
    assert house.token.balanceOf(HOLDER) == 10


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(0, 2**256 - 1),
    serial=st.binary(min_size=32, max_size=32),
    recipient=st.binary(min_size=20, max_size=20),
    size=st.sampled_from([256, 384, 512]),
)
def test_contract_and_protocol_hash_alike(
    house: House, number: int, serial: bytes, recipient: bytes, size: int
) -> None:
    known = Series(number, b"\x80" + bytes(size - 2) + b"\x01", chain_id(), Address(str(house.mint.address)), 10)
    address = Address("0x" + recipient.hex())
    assert house.mint.message_of(number, serial, address, size) == known.message(Serial(serial), address).to_bytes(
        size, "big"
    )


@pytest.mark.parametrize("size", [0, 255, 257, 320, 511, 513])
def test_there_are_three_widths(house: House, size: int) -> None:
    with boa.reverts("voucher: modulus size"):
        house.mint.message_of(NUMBER, bytes(32), HOLDER, size)


def test_opening_a_series(house: House, oracle: Issuer) -> None:
    open_series(house, oracle, cap=2**64 - 1, denomination=2**63 - 1)
    assert events(house.mint) == [("SeriesOpened", {"series": NUMBER, "cap": 2**64 - 1, "denomination": 2**63 - 1})]
    assert tuple(house.mint.series_of(NUMBER)) == (2**64 - 1, 2**63 - 1, 0, 0, False)
    with boa.reverts("voucher: series known"):
        open_series(house, issuer("other oracle"))


def test_two_series_never_share_a_key(house: House, oracle: Issuer) -> None:
    """The issuer cannot see which series it signs for: with one key, a cheap voucher would pass for a dear one."""
    open_series(house, oracle)
    with boa.reverts("voucher: modulus used"):
        open_series(house, oracle, NUMBER + 1, denomination=100)


@pytest.mark.parametrize(
    ("modulus", "reason"),
    [
        (b"", "voucher: modulus size"),
        (b"\x80" + bytes(126) + b"\x01", "voucher: modulus size"),
        (b"\x80" + bytes(255) + b"\x01", "voucher: modulus size"),
        (b"\x7f" + b"\xff" * 255, "voucher: modulus top bit"),
        (b"\xff" * 255 + b"\xfe", "voucher: modulus even"),
    ],
)
def test_a_modulus_that_is_none_is_refused(house: House, modulus: bytes, reason: str) -> None:
    with boa.reverts(reason):
        house.decide(house.mint, "open_series", NUMBER, modulus, 10, 10)


@pytest.mark.parametrize(("cap", "denomination"), [(0, 10), (2**64, 10), (10, 0), (10, 2**63)])
def test_a_series_has_limits(house: House, oracle: Issuer, cap: int, denomination: int) -> None:
    with boa.reverts("voucher: limits"):
        open_series(house, oracle, cap=cap, denomination=denomination)


def test_an_unknown_series_is_refused(house: House, oracle: Issuer) -> None:
    known = series(house, NUMBER, oracle, 10)
    with boa.reverts("voucher: series unknown"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1)))
    with boa.reverts("voucher: series unknown"):
        house.decide(house.mint, "close_series", NUMBER, 0)


def test_the_cap_holds(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle, cap=9)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(8)))
    with boa.reverts("voucher: over cap"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(8, "more")))
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1, "more")))
    with boa.reverts("voucher: over cap"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1, "last")))


def test_a_closed_series_pays_what_was_issued(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(8)))
    house.decide(house.mint, "close_series", NUMBER, 9)
    assert events(house.mint) == [("SeriesClosed", {"series": NUMBER, "issued": 9})]
    assert tuple(house.mint.series_of(NUMBER)) == (100, 10, 8, 9, True)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1, "late")))
    with boa.reverts("voucher: over issued"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1, "forged")))
    with boa.reverts("voucher: series closed"):
        house.decide(house.mint, "close_series", NUMBER, 100)
    with boa.reverts("voucher: series known"):
        open_series(house, issuer("other oracle"))


@pytest.mark.parametrize("issued", [0, 7, 8])
def test_a_thief_who_redeems_on_does_not_stop_a_closing(house: House, oracle: Issuer, issued: int) -> None:
    known = open_series(house, oracle)
    house.mint.redeem(*vouchers(known, oracle, account("thief"), serials(8)))
    house.decide(house.mint, "close_series", NUMBER, issued)
    assert events(house.mint) == [("SeriesClosed", {"series": NUMBER, "issued": 8})]
    assert tuple(house.mint.series_of(NUMBER)) == (100, 10, 8, 8, True)
    with boa.reverts("voucher: over issued"):
        house.mint.redeem(*vouchers(known, oracle, account("thief"), serials(1, "more")))


def test_a_series_closes_at_its_cap_at_most(house: House, oracle: Issuer) -> None:
    open_series(house, oracle)
    with boa.reverts("voucher: issued"):
        house.decide(house.mint, "close_series", NUMBER, 101)
    house.decide(house.mint, "close_series", NUMBER, 100)


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [("co-payment desk", "token: COPAY_FORBIDDEN"), ("cash desk", "token: CASH_OUT_FORBIDDEN")],
)
def test_a_voucher_made_out_to_a_marked_account_is_refused(
    house: House, oracle: Issuer, recipient: str, reason: str
) -> None:
    known = open_series(house, oracle)
    with boa.reverts(reason):
        house.mint.redeem(*vouchers(known, oracle, account(recipient), serials(1)))


def test_a_paused_token_stops_redemption_and_spends_nothing(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    house.token.pause(sender=account("guardian"))
    with boa.reverts("pausable: stopped"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1)))
    house.decide(house.token, "unpause")
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1)))


def test_without_the_minter_role_nothing_is_minted(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    house.give_role("MINTER", house.mint.address, False)
    with boa.reverts("governed: role missing"):
        house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(1)))


def test_it_needs_a_council_and_a_token(house: House) -> None:
    with boa.reverts("governed: no Council"):
        deployer("VoucherMint").deploy(account("stranger"), house.token.address)
    with boa.reverts("voucher: no token"):
        deployer("VoucherMint").deploy(house.council.address, account("stranger"))


def test_no_event_of_the_mint_names_the_recipient_or_a_serial(house: House, oracle: Issuer) -> None:
    known = open_series(house, oracle)
    house.mint.redeem(*vouchers(known, oracle, HOLDER, serials(8)))
    [(name, fields)] = [(name, fields) for name, fields in events(house.mint) if name != "Transfer"]
    assert (name, fields) == ("Redeemed", {"series": NUMBER, "count": 8})
