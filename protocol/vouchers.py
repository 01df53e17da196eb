"""Vouchers: rewards that nobody can trace, the issuer included.

RSA blind signatures (Chaum 1982) with a full-domain hash (Bellare and Rogaway 1996; one-more unforgeability of the
blind form: Bellare, Namprempre, Pointcheval, Semanko 2003), verified on chain with the modexp precompile (EIP-198).
Blinding and unblinding follow RFC 9474, sections 4.2 to 4.4; what differs is the encoding: a full-domain hash instead
of PSS, because the contract recomputes the message and a deterministic encoding costs less gas.

    seed    = keccak256(abi.encode(keccak256("tideprint/voucher/1"), chain id, contract, series, serial, recipient))
    block i = keccak256(abi.encode(seed, i)), i = 0..15
    message = 0x00 ‖ (block 0 ‖ ... ‖ block 15)[1 : size], size = bytes of the modulus

The top byte is zero, so the message is below the modulus, whose top bit is set. The recipient is part of the message,
so a voucher seen in flight cannot be redirected.
"""

from dataclasses import dataclass

import gmpy2
from eth_abi.abi import encode
from eth_hash.auto import keccak

from protocol.errors import TideprintError
from protocol.quantities import Address, Serial

EXPONENT = 65_537
MODULUS_SIZES = (256, 384, 512)
LOTS = (32, 8, 1)
"""How many vouchers one redemption may hold, so that amounts say nothing; the largest first."""
SERIAL_SIZE = 32
_VOUCHER_TYPE = keccak(b"tideprint/voucher/1")
_BLOCKS = 16


@dataclass(frozen=True, slots=True)
class Series:
    """One month, one denomination, one issuer key. `modulus` is 256, 384 or 512 bytes with the top bit set."""

    number: int
    """YYYYMM * 1000 + denomination."""
    modulus: bytes
    chain_id: int
    contract: Address
    denomination: int
    """Health tokens a voucher is worth."""

    def __post_init__(self) -> None:
        check_modulus(self.modulus)

    def message(self, serial: Serial, recipient: Address) -> int:
        """The full-domain hash that the issuer signs, as an integer below the modulus."""
        if len(serial) != SERIAL_SIZE:
            raise TideprintError("SERIAL_MALFORMED", f"{len(serial)} bytes instead of {SERIAL_SIZE}")
        types = ["bytes32", "uint256", "address", "uint256", "bytes32", "address"]
        values = [_VOUCHER_TYPE, self.chain_id, self.contract, self.number, serial, recipient]
        seed = keccak(encode(types, values))
        stretched = b"".join(keccak(seed + index.to_bytes(32, "big")) for index in range(_BLOCKS))
        return int.from_bytes(stretched[1 : len(self.modulus)], "big")

    def verify(self, voucher: "Voucher") -> bool:
        """Would the contract accept this voucher's signature?"""
        if len(voucher.signature) != len(self.modulus) or voucher.series != self.number:
            return False
        n = int.from_bytes(self.modulus, "big")
        opened = gmpy2.powmod(int.from_bytes(voucher.signature, "big"), EXPONENT, n)
        return int(opened) == self.message(voucher.serial, voucher.recipient)


@dataclass(frozen=True, slots=True)
class Voucher:
    """A signed claim on `denomination` tokens, good once, for one recipient."""

    series: int
    serial: Serial
    recipient: Address
    signature: bytes


def series_number(month: int, denomination: int) -> int:
    """The number of a series: month as YYYYMM, then the denomination in three digits."""
    if not 0 < denomination < 1000:
        raise TideprintError("DENOMINATION_OUT_OF_RANGE", f"{denomination} is not within 1..999")
    return month * 1000 + denomination


def check_modulus(modulus: bytes) -> None:
    """Refuse `MODULUS_INVALID`: a wrong length would shift the fields of the precompile's input."""
    if len(modulus) not in MODULUS_SIZES or not modulus[0] & 0x80 or not modulus[-1] & 1:
        raise TideprintError("MODULUS_INVALID", "a modulus has 256, 384 or 512 bytes, its top bit set, and is odd")


def blind(message: int, factor: int, modulus: bytes) -> int:
    """What the issuer gets to see: message * factor^e mod n, uniformly random for a random factor.

    Raises `BLINDING_FACTOR_INVALID` if the factor is not invertible (RFC 9474, section 4.2)."""
    n = int.from_bytes(modulus, "big")
    _check_factor(factor, n)
    return int(message * gmpy2.powmod(factor, EXPONENT, n) % n)


def unblind(signed: int, factor: int, modulus: bytes) -> bytes:
    """The signature under the message itself: signed * factor^-1 mod n, as many bytes as the modulus.

    Raises `BLINDING_FACTOR_INVALID` as `blind` does."""
    n = int.from_bytes(modulus, "big")
    _check_factor(factor, n)
    return int(signed * gmpy2.invert(factor, n) % n).to_bytes(len(modulus), "big")


def _check_factor(factor: int, n: int) -> None:
    if not 1 < factor < n or gmpy2.gcd(factor, n) != 1:
        raise TideprintError("BLINDING_FACTOR_INVALID", "the blinding factor is not invertible", "draw another one")
