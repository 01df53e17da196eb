"""What an oracle's file says of a person is readable only with a key that lies with the person and is erased with them.

Rows carry the person's random pseudonym as the handle to delete them by, marks where something has to be looked up, and
everything else sealed. An older copy of such a file tells nothing of somebody whose key is gone.

    mark     HMAC-SHA-256(mark key, what), its first 16 bytes
    sealed   nonce(12, random) ‖ AES-256-GCM ciphertext ‖ tag(16)
    keys     mark key and sealing key: HMAC-SHA-256(tag key, label), a label each

With random nonces a key may seal 2^32 times (NIST SP 800-38D, 8.3); a shoe signs half a million minutes a year.
"""

import hmac
import secrets
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracles.errors import OracleError, SubjectGone
from protocol.quantities import SubjectId

TagKey = Callable[[SubjectId], bytes | None]
"""The key (32 bytes) that lies with a person; None once erased, or if there is no such person."""

MARK_SIZE = 16
CACHED_SUBJECTS = 65_536
_NONCE_SIZE = 12
_MARK, _SEAL = b"tideprint/oracle/mark/1", b"tideprint/oracle/seal/1"


class SubjectSeal(Protocol):
    """Marks and seals under a person's own key. All but `forget` raise `KEY_ERASED` if the person has none."""

    def mark(self, subject: SubjectId, what: bytes) -> bytes:
        """16 bytes that are always the same for a person and `what`, and random to anybody without the key."""
        ...

    def seal(self, subject: SubjectId, plain: bytes, bound: bytes) -> bytes:
        """Seal bytes to the place that `bound` names."""
        ...

    def open(self, subject: SubjectId, sealed: bytes, bound: bytes) -> bytes:
        """What was sealed at this place. Raises `ROW_DAMAGED`."""
        ...

    def forget(self, subject: SubjectId) -> None:
        """Drop what is kept in memory of the person's key; call it at an erasure."""
        ...


class ErasableSeal:
    """A `SubjectSeal` over tag keys. Derived keys stay in memory until `forget`."""

    def __init__(self, tag_key: TagKey, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._tag_key = tag_key
        self._entropy = entropy
        self._cached: dict[SubjectId, tuple[bytes, AESGCM]] = {}

    def mark(self, subject: SubjectId, what: bytes) -> bytes:
        """See `SubjectSeal.mark`."""
        return hmac.digest(self._keys(subject)[0], what, "sha256")[:MARK_SIZE]

    def seal(self, subject: SubjectId, plain: bytes, bound: bytes) -> bytes:
        """See `SubjectSeal.seal`."""
        nonce = self._entropy(_NONCE_SIZE)
        return nonce + self._keys(subject)[1].encrypt(nonce, plain, bound)

    def open(self, subject: SubjectId, sealed: bytes, bound: bytes) -> bytes:
        """See `SubjectSeal.open`."""
        try:
            return self._keys(subject)[1].decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], bound)
        except (InvalidTag, ValueError):
            hint = "the file was changed, or belongs to another vault; bring back the one that belongs here"
            raise OracleError("ROW_DAMAGED", "a sealed row does not open at its place", hint) from None

    def forget(self, subject: SubjectId) -> None:
        """See `SubjectSeal.forget`."""
        self._cached.pop(subject, None)

    def _keys(self, subject: SubjectId) -> tuple[bytes, AESGCM]:
        known = self._cached.get(subject)
        if known is not None:
            return known
        tag_key = self._tag_key(subject)
        if tag_key is None:
            raise SubjectGone
        if len(self._cached) >= CACHED_SUBJECTS:
            self._cached.clear()
        keys = hmac.digest(tag_key, _MARK, "sha256"), AESGCM(hmac.digest(tag_key, _SEAL, "sha256"))
        self._cached[subject] = keys
        return keys
