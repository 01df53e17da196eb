import hashlib
from dataclasses import fields, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TideprintError
from protocol.minutes import (
    P256_ORDER,
    RECORD_SIZE,
    Algorithm,
    MinuteFlag,
    MinuteMalformed,
    MinuteRecord,
    Side,
    SignedMinute,
    chain_prefix,
    device_id,
    public_key_of,
    signed_message,
    verify_minute,
    verify_signature,
)

U8, U16 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1)
U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
EIGHT, SIXTEEN = st.binary(min_size=8, max_size=8), st.binary(min_size=16, max_size=16)
WIDTHS: dict[str, st.SearchStrategy[Any]] = {
    "version": st.just(1), "algorithm": st.sampled_from(Algorithm), "side": st.sampled_from(Side), "flags": U8,
    "device": EIGHT, "pair": EIGHT, "boot": U32, "sequence": U32, "start_ms": U64, "duration_ms": U32,
    "battery_percent": U8, "temperature_c": st.integers(-128, 127), "firmware": EIGHT, "previous": SIXTEEN,
    "reserved": st.just(bytes(8)),
}  # fmt: skip
RECORDS = st.builds(MinuteRecord, **{field.name: WIDTHS.get(field.name, U16) for field in fields(MinuteRecord)})
RECORD = MinuteRecord(
    version=1, algorithm=1, side=1, flags=MinuteFlag.WORN, device=b"device-1", pair=b"a pair 1", boot=2, sequence=77,
    start_ms=3_600_000, duration_ms=60_000, steps=52, strides_used=50, stride_mean_ms=1_150, stride_sd_tenth_ms=230,
    stance_mean_ms=720, peak_force_n=940, peak_force_sd_tenth_n=310, first_contact_ms=150, last_contact_ms=59_400,
    battery_percent=81, temperature_c=-4, mid_swing_deg_s=330, impact_centi_g=140, firmware=b"1.0.0\x00\x00\x00",
    previous=bytes(range(16)),
)  # fmt: skip


@given(RECORDS)
def test_a_record_survives_packing(record: MinuteRecord) -> None:
    raw = record.pack()
    assert len(raw) == RECORD_SIZE
    assert MinuteRecord.unpack(raw) == record
    assert MinuteRecord.unpack(raw).pack() == raw


@given(st.binary(min_size=RECORD_SIZE, max_size=RECORD_SIZE))
def test_any_bytes_are_read_exactly_or_refused(raw: bytes) -> None:
    try:
        record = MinuteRecord.unpack(raw)
    except MinuteMalformed:
        return
    assert record.pack() == raw


def test_fields_stand_where_the_table_says() -> None:
    raw = RECORD.pack()
    assert raw[:4] == bytes((1, 1, 1, 1))
    assert raw[4:20] == b"device-1a pair 1"
    assert int.from_bytes(raw[20:24], "little") == 2
    assert int.from_bytes(raw[24:28], "little") == 77
    assert int.from_bytes(raw[28:36], "little") == 3_600_000
    assert int.from_bytes(raw[36:40], "little") == 60_000
    assert int.from_bytes(raw[40:42], "little") == 52
    assert int.from_bytes(raw[56:58], "little") == 59_400
    assert (raw[58], raw[59]) == (81, 256 - 4)
    assert int.from_bytes(raw[60:62], "little") == 330
    assert raw[64:] == b"1.0.0\x00\x00\x00" + bytes(range(16)) + bytes(8)


@pytest.mark.parametrize("size", [0, 95, 97, 160])
def test_another_length_is_malformed(size: int) -> None:
    with pytest.raises(MinuteMalformed, match=r"MINUTE_MALFORMED: .* instead of 96"):
        MinuteRecord.unpack(bytes(size))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 0}, "version 0"),
        ({"version": 2}, "version 2"),
        ({"side": 0}, "side or algorithm"),
        ({"side": 3}, "side or algorithm"),
        ({"algorithm": 0}, "side or algorithm"),
        ({"algorithm": 3}, "side or algorithm"),
        ({"reserved": bytes(7) + b"\x01"}, "reserved"),
    ],
)
def test_what_the_format_does_not_know_is_malformed(change: dict[str, Any], words: str) -> None:
    with pytest.raises(MinuteMalformed, match=words):
        MinuteRecord.unpack(replace(RECORD, **change).pack())


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 2**16},
        {"steps": -1},
        {"temperature_c": 128},
        {"start_ms": 2**64},
        {"device": b"short"},
        {"device": b"much too long"},
        {"previous": bytes(15)},
        {"firmware": bytes(9)},
        {"reserved": b""},
    ],
    ids=str,
)
def test_what_does_not_fit_is_never_packed(change: dict[str, Any]) -> None:
    with pytest.raises(MinuteMalformed):
        replace(RECORD, **change).pack()


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> tuple[int, int]:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r, min(s, P256_ORDER - s)


def joined(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_a_p256_minute_verifies_and_its_twin_does_not() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = public_key_of(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
    raw = RECORD.pack()
    r, s = raw_signature(key, signed_message(raw))
    assert verify_minute(public, SignedMinute(raw, joined(r, s)))
    assert not verify_minute(public, SignedMinute(raw, joined(r, P256_ORDER - s)))
    assert not verify_minute(public, SignedMinute(replace(RECORD, steps=53).pack(), joined(r, s)))
    assert not verify_minute(public, SignedMinute(raw, joined(r ^ 1, s)))
    for r, s in ((0, 0), (0, 1), (1, 0), (P256_ORDER, 1), (2**256 - 1, 1)):
        assert not verify_minute(public, SignedMinute(raw, joined(r, s)))


def test_a_minute_signed_for_another_purpose_is_none() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    raw = RECORD.pack()
    for message in (raw, b"shoe-live/1" + raw):
        assert not verify_minute(key.public_key(), SignedMinute(raw, joined(*raw_signature(key, message))))


def test_an_ed25519_minute_verifies() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public = public_key_of(key.public_key().public_bytes_raw())
    raw = replace(RECORD, algorithm=Algorithm.ED25519).pack()
    signature = key.sign(signed_message(raw))
    assert verify_minute(public, SignedMinute(raw, signature))
    assert not verify_minute(public, SignedMinute(RECORD.pack(), signature))
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    assert not verify_minute(stranger, SignedMinute(raw, signature))


@pytest.mark.parametrize("size", [0, 63, 65, 72])
def test_a_signature_of_another_length_is_refused(size: int) -> None:
    for key in (ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()):
        assert not verify_signature(key.public_key(), b"message", bytes(size))


SMALL_ORDER = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18]
"""y = 0, 1, -1 and their second encodings; the points of order 8 follow below."""


@pytest.mark.parametrize("sign_bit", [0, 1 << 255])
@pytest.mark.parametrize("y", SMALL_ORDER)
def test_an_ed25519_key_that_verifies_forgeries_is_refused(y: int, sign_bit: int) -> None:
    with pytest.raises(TideprintError, match="DEVICE_KEY_INVALID"):
        public_key_of((y | sign_bit).to_bytes(32, "little"))


def test_ed25519_keys_of_order_eight_are_refused() -> None:
    """A point (x, y) of order 8 doubles to one of order 4, whose y is 0: y^2 = -x^2. With the curve's equation that
    makes d y^4 + 2 y^2 - 1 = 0."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    root = square_root(1 + d, p)
    found = {y for sign in (1, -1) for y in roots((sign * root - 1) * pow(d, -1, p) % p, p)}
    assert len(found) == 2
    for y in found:
        assert (d * y**4 + 2 * y**2 - 1) % p == 0
        with pytest.raises(TideprintError, match="DEVICE_KEY_INVALID"):
            public_key_of(y.to_bytes(32, "little"))


def square_root(a: int, p: int) -> int:
    found = roots(a % p, p)
    assert found
    return found[0]


def roots(a: int, p: int) -> list[int]:
    """Square roots modulo a prime that leaves 5 when divided by 8."""
    x = pow(a, (p + 3) // 8, p)
    x = x if x * x % p == a else x * pow(2, (p - 1) // 4, p) % p
    return [x, p - x] if x * x % p == a else []


@pytest.mark.parametrize(
    "data",
    [b"", bytes(31), bytes(33), bytes(65), b"\x04" + bytes(64), b"\x04" + b"\x01" * 64, b"\xff" * 65],
    ids=["empty", "31 bytes", "33 bytes", "zeros", "zero point", "off the curve", "wrong prefix"],
)
def test_bytes_that_are_no_public_key(data: bytes) -> None:
    with pytest.raises(TideprintError, match="DEVICE_KEY_INVALID"):
        public_key_of(data)


@given(st.binary(min_size=96, max_size=96), st.binary(min_size=64, max_size=64))
def test_a_signed_minute_survives_the_air(raw: bytes, signature: bytes) -> None:
    minute = SignedMinute(raw, signature)
    assert len(minute.to_bytes()) == 160
    assert SignedMinute.from_bytes(minute.to_bytes()) == minute


@pytest.mark.parametrize("size", [0, 159, 161])
def test_a_signed_minute_of_another_length_is_malformed(size: int) -> None:
    with pytest.raises(MinuteMalformed, match="instead of 160"):
        SignedMinute.from_bytes(bytes(size))


def test_a_signed_minute_shows_its_record() -> None:
    assert SignedMinute(RECORD.pack(), bytes(64)).record == RECORD
    with pytest.raises(MinuteMalformed):
        _ = SignedMinute(bytes(96), bytes(64)).record


def test_device_ids_and_the_chain_are_cut_from_sha256() -> None:
    for public in (b"\x04" + bytes(64), bytes(range(32))):
        assert device_id(public) == hashlib.sha256(public).digest()[:8]
    assert chain_prefix(RECORD.pack()) == hashlib.sha256(RECORD.pack()).digest()[:16]
