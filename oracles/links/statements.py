"""What a shoe says of itself: who it is, how it stands, and a proof that it is here now.

Little-endian throughout.

    identity   0  version u8 (1), algorithm u8, side u8, length of the public key u8
               4  pair id 8s, model 16s (ASCII, zero-padded)
               28 certificate 64s (P-256 signature of the factory, see `certified_message`)
               92 public key: 65 (P-256, uncompressed point) or 32 bytes (Ed25519)
    state      32 bytes: version u8 (1), battery u8 [%], flags u16, boot id u32, ms since boot u64,
               oldest, newest, acknowledged sequence u32, reserved u32 (zero)
    proof      the 32 bytes of state, then 64 of signature over context ‖ nonce[32] ‖ state

An empty log has `oldest == newest + 1`.
"""

import struct
from dataclasses import astuple, dataclass
from enum import IntFlag

from oracles.errors import LinkError
from protocol.minutes import LIVE_CONTEXT, SIGNATURE_SIZE, Algorithm, PublicKey, Side, device_id, verify_signature
from protocol.quantities import DeviceId

VERSION = 1
NONCE_SIZE = 32
PAIR_SIZE = 8
CERTIFICATE_SIZE = 64
WIPED_CONTEXT = b"shoe-wiped/1"
CERTIFICATE_CONTEXT = b"shoe-certificate/1"

_IDENTITY = struct.Struct("<BBBB8s16s64s")
_STATE = struct.Struct("<BBHIQIIII")
STATE_SIZE = _STATE.size
PROOF_SIZE = STATE_SIZE + SIGNATURE_SIZE
KEY_SIZES = {Algorithm.P256: 65, Algorithm.ED25519: 32}


class StateFlag(IntFlag):
    """What a shoe says of its log."""

    RECORDS_LOST = 1
    """Unacknowledged records were overwritten because the log was full."""
    CLOCK_RESTARTED = 2
    """This boot has closed no minute yet."""


@dataclass(frozen=True, slots=True)
class ShoeIdentity:
    """Who a shoe is. Shoes are known by their key, never by address, name or serial number."""

    algorithm: Algorithm
    side: Side
    pair: bytes
    model: str
    certificate: bytes
    public_key: bytes

    @property
    def device(self) -> DeviceId:
        """The device id that this shoe's minute records carry."""
        return device_id(self.public_key)

    def pack(self) -> bytes:
        """The bytes of the Identity characteristic."""
        head = (VERSION, self.algorithm, self.side, len(self.public_key))
        return _IDENTITY.pack(*head, self.pair, self.model.encode("ascii"), self.certificate) + self.public_key

    @classmethod
    def unpack(cls, data: bytes) -> "ShoeIdentity":
        """Read an Identity value. Raises `IDENTITY_MALFORMED`."""
        if len(data) < _IDENTITY.size:
            raise _malformed("identity", f"{len(data)} bytes")
        version, algorithm, side, length, pair, model, certificate = _IDENTITY.unpack_from(data)
        public_key = data[_IDENTITY.size :]
        try:
            identity = cls(
                Algorithm(algorithm), Side(side), pair, model.rstrip(b"\0").decode("ascii"), certificate, public_key
            )
        except ValueError:
            raise _malformed("identity", "algorithm, side or model is not known") from None
        if version != VERSION or length != len(public_key) or length != KEY_SIZES[identity.algorithm]:
            raise _malformed("identity", "version or length of the key is not known")
        return identity


@dataclass(frozen=True, slots=True)
class ShoeState:
    """How a shoe stands: its battery, its clock and the records it holds."""

    battery_percent: int
    flags: StateFlag
    boot: int
    since_boot_ms: int
    oldest: int
    newest: int
    acknowledged: int

    def pack(self) -> bytes:
        """The 32 bytes of the State characteristic."""
        return _STATE.pack(VERSION, *astuple(self), 0)

    @classmethod
    def unpack(cls, data: bytes) -> "ShoeState":
        """Read 32 bytes of state. Raises `STATE_MALFORMED`: length, version, or a log that ends before it begins."""
        if len(data) != STATE_SIZE:
            raise _malformed("state", f"{len(data)} bytes")
        version, battery, flags, boot, since_boot, oldest, newest, acknowledged, reserved = _STATE.unpack(data)
        if version != VERSION or reserved or battery > 100 or oldest > newest + 1 or acknowledged > newest:
            raise _malformed("state", "fields contradict each other")
        return cls(battery, StateFlag(flags), boot, since_boot, oldest, newest, acknowledged)


@dataclass(frozen=True, slots=True)
class ShoeProof:
    """A signed state: this shoe, now (or, for a wipe: its log is empty now)."""

    state: ShoeState
    signature: bytes

    def pack(self) -> bytes:
        """The 96 bytes of the Proof characteristic."""
        return self.state.pack() + self.signature

    @classmethod
    def unpack(cls, data: bytes) -> "ShoeProof":
        """Read 96 bytes of proof. Raises `PROOF_MALFORMED` or `STATE_MALFORMED`."""
        if len(data) != PROOF_SIZE:
            raise _malformed("proof", f"{len(data)} bytes")
        return cls(ShoeState.unpack(data[:STATE_SIZE]), data[STATE_SIZE:])


def proof_holds(key: PublicKey, nonce: bytes, proof: ShoeProof) -> bool:
    """Did the shoe with this key answer this nonce?"""
    return verify_signature(key, LIVE_CONTEXT + nonce + proof.state.pack(), proof.signature)


def wipe_holds(key: PublicKey, nonce: bytes, proof: ShoeProof) -> bool:
    """Did the shoe with this key sign that its log is empty, in answer to this nonce?"""
    empty = proof.state.oldest == proof.state.newest + 1
    return empty and verify_signature(key, WIPED_CONTEXT + nonce + proof.state.pack(), proof.signature)


def certified_message(algorithm: Algorithm, side: Side, pair: bytes, model: str, public_key: bytes) -> bytes:
    """What the factory signs: "shoe-certificate/1" ‖ algorithm u8 ‖ side u8 ‖ pair 8s ‖ model 16s ‖ public key."""
    return CERTIFICATE_CONTEXT + struct.pack("<BB8s16s", algorithm, side, pair, model.encode("ascii")) + public_key


def certified(factory: PublicKey, identity: ShoeIdentity) -> bool:
    """Does the factory vouch for this shoe's key, side, pair and model?"""
    message = certified_message(identity.algorithm, identity.side, identity.pair, identity.model, identity.public_key)
    return verify_signature(factory, message, identity.certificate)


def _malformed(what: str, why: str) -> LinkError:
    return LinkError(f"{what.upper()}_MALFORMED", f"the shoe's {what}: {why}", "update the shoe or the oracle")
