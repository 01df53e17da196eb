from dataclasses import replace
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import TideprintError
from protocol.quantities import Address, Serial
from protocol.vouchers import EXPONENT, Series, Voucher, blind, check_modulus, series_number, unblind

RECIPIENT = Address("0x000000000000000000000000000000000000bEEF")
OTHER = Address("0x000000000000000000000000000000000000dEaD")
CONTRACT = Address("0x00000000000000000000000000000000000C0FFE")
SERIAL = Serial(bytes(range(32)))
SERIALS = st.binary(min_size=32, max_size=32).map(Serial)
SIZES = (2048, 3072)


@cache
def key(bits: int) -> rsa.RSAPrivateNumbers:
    return rsa.generate_private_key(EXPONENT, bits).private_numbers()


@cache
def series(bits: int) -> Series:
    modulus = key(bits).public_numbers.n.to_bytes(bits // 8, "big")
    return Series(202611005, modulus, 20210310, CONTRACT, 5)


def sign(bits: int, blinded: int) -> int:
    numbers = key(bits)
    return pow(blinded, numbers.d, numbers.public_numbers.n)


def issue(bits: int, serial: Serial, recipient: Address, factor: int) -> Voucher:
    known = series(bits)
    signed = sign(bits, blind(known.message(serial, recipient), factor, known.modulus))
    return Voucher(known.number, serial, recipient, unblind(signed, factor, known.modulus))


@settings(max_examples=10, deadline=None)
@pytest.mark.parametrize("bits", SIZES)
@given(serial=SERIALS, factor=st.integers(2, 2**2047))
def test_a_blind_signature_verifies_once_unblinded(bits: int, serial: Serial, factor: int) -> None:
    voucher = issue(bits, serial, RECIPIENT, factor)
    assert series(bits).verify(voucher)
    assert int.from_bytes(voucher.signature, "big") == sign(bits, series(bits).message(serial, RECIPIENT))


@pytest.mark.parametrize("bits", SIZES)
def test_two_blindings_of_one_message_look_unrelated_and_end_alike(bits: int) -> None:
    known = series(bits)
    message = known.message(SERIAL, RECIPIENT)
    assert blind(message, 3, known.modulus) != blind(message, 5, known.modulus) != message
    assert issue(bits, SERIAL, RECIPIENT, 3) == issue(bits, SERIAL, RECIPIENT, 5)


@pytest.mark.parametrize("bits", SIZES)
def test_a_voucher_holds_for_nothing_but_what_it_names(bits: int) -> None:
    known, voucher = series(bits), issue(bits, SERIAL, RECIPIENT, 7)
    assert known.verify(voucher)
    assert not known.verify(replace(voucher, recipient=OTHER))
    assert not known.verify(replace(voucher, serial=Serial(bytes(32))))
    assert not known.verify(replace(voucher, series=202612005))
    for changed in (
        replace(known, number=202612005),
        replace(known, chain_id=1),
        replace(known, contract=OTHER),
    ):
        assert not changed.verify(replace(voucher, series=changed.number))


@pytest.mark.parametrize("bits", SIZES)
def test_a_signature_of_another_length_is_refused(bits: int) -> None:
    known, voucher = series(bits), issue(bits, SERIAL, RECIPIENT, 7)
    for signature in (b"", voucher.signature[:-1], b"\x00" + voucher.signature, voucher.signature + b"\x00"):
        assert not known.verify(replace(voucher, signature=signature))
    broken = bytes((voucher.signature[0] ^ 1,)) + voucher.signature[1:]
    assert not known.verify(replace(voucher, signature=broken))


@given(SERIALS)
def test_the_message_fills_the_modulus_below_its_top_byte(serial: Serial) -> None:
    for bits in SIZES:
        message = series(bits).message(serial, RECIPIENT)
        assert 0 <= message < 1 << (bits - 8)
    seed = keccak(
        encode(
            ["bytes32", "uint256", "address", "uint256", "bytes32", "address"],
            [keccak(b"tideprint/voucher/1"), 20210310, CONTRACT, 202611005, serial, RECIPIENT],
        )
    )
    blocks = b"".join(keccak(encode(["bytes32", "uint256"], [seed, index])) for index in range(16))
    assert series(3072).message(serial, RECIPIENT).to_bytes(384, "big") == b"\x00" + blocks[1:384]


def test_a_serial_of_another_length_is_refused() -> None:
    for size in (0, 31, 33):
        with pytest.raises(TideprintError, match="SERIAL_MALFORMED"):
            series(2048).message(Serial(bytes(size)), RECIPIENT)


@pytest.mark.parametrize("size", [256, 384, 512])
def test_moduli_the_contract_takes(size: int) -> None:
    check_modulus(b"\x80" + bytes(size - 2) + b"\x01")


@pytest.mark.parametrize(
    "modulus",
    [
        b"",
        b"\xff" * 255,
        b"\xff" * 257,
        b"\xff" * 513,
        b"\x7f" + b"\xff" * 255,
        b"\xff" * 255 + b"\xfe",
    ],
    ids=["empty", "short", "between sizes", "long", "top bit clear", "even"],
)
def test_moduli_the_contract_refuses(modulus: bytes) -> None:
    with pytest.raises(TideprintError, match="MODULUS_INVALID"):
        Series(1, modulus, 1, CONTRACT, 5)


@pytest.mark.parametrize("bits", SIZES)
def test_a_blinding_factor_that_cannot_be_undone_is_refused(bits: int) -> None:
    known, numbers = series(bits), key(bits)
    n = numbers.public_numbers.n
    for factor in (-3, 0, 1, numbers.p, 2 * numbers.q, n, n + 2):
        with pytest.raises(TideprintError, match="BLINDING_FACTOR_INVALID"):
            blind(1234, factor, known.modulus)
        with pytest.raises(TideprintError, match="BLINDING_FACTOR_INVALID"):
            unblind(1234, factor, known.modulus)


def test_a_series_number_reads_as_month_and_denomination() -> None:
    assert series_number(202611, 5) == 202611005
    assert series_number(202611, 999) == 202611999
    for denomination in (0, -1, 1000):
        with pytest.raises(TideprintError, match="DENOMINATION_OUT_OF_RANGE"):
            series_number(202611, denomination)
