"""One payload under one leaf key, as a block of padded size:

    keycommit (32) ‖ nonce (12) ‖ AES-256-GCM(length u32 ‖ payload ‖ zeros) ‖ tag (16)

Additional data: "vkt1 payload" ‖ vault id (16) ‖ purpose length u8 ‖ purpose ‖ path (14 hex digits) ‖ part (segments
only, see `vault.segments`), so a block opens at its own place only. GCM does not commit to its key, hence the
commitment HMAC(leaf key, "vkt1 keycommit") in front. A leaf key seals one payload; an update is a new leaf. Should a
restored slot counter give a leaf twice, the encryption key HMAC(leaf key, "vkt1 encrypt" ‖ nonce) is another all the
same: each encrypts one plaintext whatever is rolled back.
Block sizes are powers of two from 512 B to 1 MiB.
"""

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.cids import BLOCK_LIMIT
from vault.errors import StoreDamaged, VaultError
from vault.macs import mac
from vault.paths import Path

COMMIT_SIZE, NONCE_SIZE, TAG_SIZE = 32, 12, 16
LENGTH = struct.Struct(">I")
OVERHEAD = COMMIT_SIZE + NONCE_SIZE + TAG_SIZE + LENGTH.size
PAYLOAD_LIMIT = BLOCK_LIMIT - OVERHEAD
SMALLEST_BLOCK = 512


class Purpose(StrEnum):
    """Which table a sealed payload belongs to, bound into it."""

    RECORD = "record"
    OWNER = "owner"
    IDENTITY = "identity"
    TICKET = "ticket"
    MANIFEST = "manifest"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a payload lives, bound into its seal."""

    vault_id: bytes
    path: Path
    purpose: Purpose
    part: bytes = b""

    @property
    def bound(self) -> bytes:
        """The additional data of the seal."""
        purpose = self.purpose.encode()
        return b"vkt1 payload" + self.vault_id + bytes((len(purpose),)) + purpose + self.path.encode() + self.part


def block_size(payload: int) -> int:
    """The block size (bytes) that a payload of this many bytes is padded to. Raises `PAYLOAD_TOO_LARGE`."""
    if payload > PAYLOAD_LIMIT:
        raise VaultError("PAYLOAD_TOO_LARGE", f"{payload} bytes; at most {PAYLOAD_LIMIT}", "split the record")
    return max(SMALLEST_BLOCK, 1 << (payload + OVERHEAD - 1).bit_length())


def seal(key: bytes, place: Place, payload: bytes, entropy: Callable[[int], bytes]) -> bytes:
    """The block of a payload under a leaf key (32 bytes)."""
    padded = LENGTH.pack(len(payload)) + payload
    padded = padded.ljust(block_size(len(payload)) - COMMIT_SIZE - NONCE_SIZE - TAG_SIZE, b"\0")
    nonce = entropy(NONCE_SIZE)
    return commitment(key) + nonce + AESGCM(_encryption_key(key, nonce)).encrypt(nonce, padded, place.bound)


def unseal(key: bytes, place: Place, block: bytes) -> bytes:
    """The payload of a block. Raises `PAYLOAD_DAMAGED` if key, place or bytes are not those it was sealed with."""
    nonce, sealed = block[COMMIT_SIZE : COMMIT_SIZE + NONCE_SIZE], block[COMMIT_SIZE + NONCE_SIZE :]
    if len(sealed) < TAG_SIZE + LENGTH.size or not hmac.compare_digest(commitment(key), block[:COMMIT_SIZE]):
        raise _damaged()
    try:
        padded = AESGCM(_encryption_key(key, nonce)).decrypt(nonce, sealed, place.bound)
    except InvalidTag:
        raise _damaged() from None
    (length,) = LENGTH.unpack_from(padded)
    return padded[LENGTH.size : LENGTH.size + length]


def commitment(key: bytes) -> bytes:
    """32 bytes that pin the leaf key without telling it; the first bytes of its block."""
    return mac(key, b"vkt1 keycommit")


def _encryption_key(key: bytes, nonce: bytes) -> bytes:
    return mac(key, b"vkt1 encrypt" + nonce)


def _damaged() -> StoreDamaged:
    hint = "the row points to another record's block, or the block was changed; restore both from a backup"
    return StoreDamaged("PAYLOAD_DAMAGED", "a sealed payload does not open at its place", hint)
