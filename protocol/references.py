"""Reference values: commitments that say nothing about a record until they are opened.

    reference = SHA-256("tideprint/reference/1" ‖ kind u8 ‖ salt[64] ‖ canonical(record))

The salt is 64 fresh random bytes: with 512 bits the commitment is statistically hiding (Halevi and Micali, CRYPTO
1996), so once the salt is destroyed nothing is left that a guess could be tested against.
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Reference, Salt

DOMAIN = b"tideprint/reference/1"
SALT_SIZE = 64
REFERENCE_SIZE = 32
MIN_DISTINCT_SALT_BYTES = 32
"""64 random bytes hold fewer than 32 distinct values with probability below 2^-60."""


class Kind(IntEnum):
    """What a reference value commits to; the same numbers as in `ReferenceRegistry`."""

    READING = 1
    AUDIT = 2
    ERASURE = 3
    ISSUANCE = 4
    DOSSIER = 5


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a reference value. It is sealed with the record, so one key destroys it all."""

    kind: Kind
    salt: Salt
    record: bytes
    """The record's canonical bytes."""

    @property
    def reference(self) -> Reference:
        """The reference value this opens."""
        return reference_of(self.kind, self.salt, self.record)


def check_salt(salt: bytes) -> Salt:
    """Return the salt, or refuse `SALT_WEAK`: not 64 bytes, or visibly not random."""
    if len(salt) != SALT_SIZE or len(set(salt)) < MIN_DISTINCT_SALT_BYTES:
        raise Refusal(
            RefusalCode.SALT_WEAK, "a salt must be 64 fresh random bytes", "take it from the system's generator"
        )
    return Salt(salt)


def reference_of(kind: Kind, salt: bytes, record: bytes) -> Reference:
    """The reference value (32 bytes) of a record's canonical bytes. Refuses `SALT_WEAK`."""
    return Reference(hashlib.sha256(DOMAIN + bytes((kind,)) + check_salt(salt) + record).digest())
