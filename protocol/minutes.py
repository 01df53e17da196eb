"""The minute record: what one shoe measured in one minute, signed by the shoe.

A signed minute is 160 bytes: 96 of record, 64 of signature. Little-endian, in this order:

    offset  field
    0       version u8 (1), algorithm u8 (1 P-256, 2 Ed25519), side u8 (1 left, 2 right), flags u8
    4       device id 8s, pair id 8s
    20      boot id u32, sequence u32 (runs on across boots, never reused)
    28      start u64 [ms since boot], duration u32 [ms]
    40      steps, strides used, stride mean [ms], stride sd [0.1 ms], stance mean [ms], peak force [N],
            peak force sd [0.1 N], first contact, last contact [ms in the minute]: u16 each, of this foot
    58      battery u8 [%], temperature i8 [deg C], mid-swing gyro u16 [deg/s], impact u16 [0.01 g]
    64      firmware 8s, previous 16s (SHA-256 prefix of the previous record's 96 bytes), reserved 8s (zero)

The signature covers "shoe-record/1" ‖ 96 bytes: ECDSA P-256 with SHA-256 as raw r ‖ s with low s, or
Ed25519 (RFC 8032).
"""

import hashlib
import struct
from dataclasses import astuple, dataclass
from enum import IntEnum, IntFlag

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from protocol.errors import TideprintError
from protocol.quantities import DeviceId

VERSION = 1
RECORD_SIZE = 96
SIGNATURE_SIZE = 64
SIGNED_SIZE = RECORD_SIZE + SIGNATURE_SIZE
PREVIOUS_SIZE = 16
CONTEXT = b"shoe-record/1"
LIVE_CONTEXT = b"shoe-live/1"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_WIDTHS = {"device": 8, "pair": 8, "firmware": 8, "previous": PREVIOUS_SIZE, "reserved": 8}
_LAYOUT = struct.Struct("<BBBB8s8sIIQI9HBbHH8s16s8s")
_ECDSA = ec.ECDSA(hashes.SHA256())
_FIELD = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER = {0, 1, _FIELD - 1, _FIELD, _FIELD + 1, _ORDER_8, _FIELD - _ORDER_8}
"""The y coordinates, in every encoding, of the eight Ed25519 points under which forged signatures verify."""

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Algorithm(IntEnum):
    """How a shoe signs; fixed by its enrolled key."""

    P256 = 1
    ED25519 = 2


class Side(IntEnum):
    """The foot a shoe is worn on."""

    LEFT = 1
    RIGHT = 2


class MinuteFlag(IntFlag):
    """What a shoe says of its own minute."""

    WORN = 1
    CHARGING = 2
    SELF_TEST_FAILED = 4
    GAP_BEFORE = 8


class MinuteMalformed(TideprintError):
    """Bytes that are no signed minute."""

    def __init__(self, message: str) -> None:
        super().__init__("MINUTE_MALFORMED", message, "pull the record again; the shoe keeps it until acknowledged")


@dataclass(frozen=True, slots=True)
class MinuteRecord:
    """One minute of one shoe; the fields in the order of the layout, units as in the module's table."""

    version: int
    algorithm: int
    side: int
    flags: int
    device: bytes
    pair: bytes
    boot: int
    sequence: int
    start_ms: int
    duration_ms: int
    steps: int
    strides_used: int
    stride_mean_ms: int
    stride_sd_tenth_ms: int
    stance_mean_ms: int
    peak_force_n: int
    peak_force_sd_tenth_n: int
    first_contact_ms: int
    last_contact_ms: int
    battery_percent: int
    temperature_c: int
    mid_swing_deg_s: int
    impact_centi_g: int
    firmware: bytes
    previous: bytes
    reserved: bytes = bytes(8)

    def pack(self) -> bytes:
        """The 96 signed bytes. Raises `MINUTE_MALFORMED` if a field does not fit its width."""
        for name, width in _WIDTHS.items():
            if len(getattr(self, name)) != width:
                raise MinuteMalformed(f"{name} must have {width} bytes")
        try:
            return _LAYOUT.pack(*astuple(self))
        except struct.error as error:
            raise MinuteMalformed(f"a field does not fit: {error}") from None

    @classmethod
    def unpack(cls, raw: bytes) -> "MinuteRecord":
        """Read 96 bytes. Raises `MINUTE_MALFORMED` for another length, version, side or non-zero reserve."""
        if len(raw) != RECORD_SIZE:
            raise MinuteMalformed(f"{len(raw)} bytes instead of {RECORD_SIZE}")
        record = cls(*_LAYOUT.unpack(raw))
        if record.version != VERSION:
            raise MinuteMalformed(f"version {record.version} is not known")
        if record.side not in (Side.LEFT, Side.RIGHT) or record.algorithm not in (Algorithm.P256, Algorithm.ED25519):
            raise MinuteMalformed("side or algorithm is not known")
        if any(record.reserved):
            raise MinuteMalformed("reserved bytes are not zero")
        return record


@dataclass(frozen=True, slots=True)
class SignedMinute:
    """A minute record as the shoe stores and sends it; a resend is byte-identical."""

    raw: bytes
    """The 96 signed bytes."""
    signature: bytes
    """64 bytes."""

    @property
    def record(self) -> MinuteRecord:
        """The record in the signed bytes; raises `MINUTE_MALFORMED`."""
        return MinuteRecord.unpack(self.raw)

    def to_bytes(self) -> bytes:
        """The 160 bytes on the air and at rest."""
        return self.raw + self.signature

    @classmethod
    def from_bytes(cls, data: bytes) -> "SignedMinute":
        """Read 160 bytes; raises `MINUTE_MALFORMED` for another length."""
        if len(data) != SIGNED_SIZE:
            raise MinuteMalformed(f"{len(data)} bytes instead of {SIGNED_SIZE}")
        return cls(bytes(data[:RECORD_SIZE]), bytes(data[RECORD_SIZE:]))


def chain_prefix(raw: bytes) -> bytes:
    """What the next record carries in `previous`: 16 bytes of SHA-256 over this record's 96 bytes."""
    return hashlib.sha256(raw).digest()[:PREVIOUS_SIZE]


def signed_message(raw: bytes) -> bytes:
    """The bytes under a shoe's signature."""
    return CONTEXT + raw


def device_id(public_key: bytes) -> DeviceId:
    """8 bytes of SHA-256 over the public key: 65 bytes uncompressed P-256 point, or 32 bytes Ed25519."""
    return DeviceId(hashlib.sha256(public_key).digest()[:8])


def public_key_of(data: bytes) -> PublicKey:
    """A public key from 65 (P-256, uncompressed point) or 32 bytes (Ed25519). Raises `DEVICE_KEY_INVALID`."""
    try:
        if len(data) == 32:
            if int.from_bytes(data, "little") & ((1 << 255) - 1) in _SMALL_ORDER:
                raise ValueError("small order")
            return ed25519.Ed25519PublicKey.from_public_bytes(data)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data)
    except ValueError:
        raise TideprintError(
            "DEVICE_KEY_INVALID", "not a P-256 or Ed25519 public key", "read it from the shoe again"
        ) from None


def verify_signature(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Is this the shoe's canonical signature? High-s P-256 signatures (the malleable twins) are refused."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
            return True
        s = int.from_bytes(signature[32:], "big")
        if s > P256_ORDER // 2:
            return False
        key.verify(encode_dss_signature(int.from_bytes(signature[:32], "big"), s), message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def verify_minute(key: PublicKey, minute: SignedMinute) -> bool:
    """Did the shoe with this key sign this minute?"""
    return verify_signature(key, signed_message(minute.raw), minute.signature)
