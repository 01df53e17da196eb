"""Content identifiers: CIDv1, codec raw (0x55), sha2-256, in base32; the same as IPFS gives a raw block.

    bytes: 01 55 12 20 ‖ SHA-256(block) (36 bytes)        text: "b" ‖ base32 lower case without padding (RFC 4648)

A block is at most 1 MiB, which every IPFS node accepts, so the identifier is the same everywhere (multiformats/cid).
"""

import base64
import binascii
import hashlib
from typing import NewType

from vault.errors import VaultError

Cid = NewType("Cid", bytes)
"""36 bytes: the binary form of a CIDv1 of a raw block."""

PREFIX = bytes.fromhex("01551220")
CID_SIZE = 36
BLOCK_LIMIT = 1 << 20


def cid_of(block: bytes) -> Cid:
    """The identifier of a block. Raises `BLOCK_TOO_LARGE` above 1 MiB."""
    if len(block) > BLOCK_LIMIT:
        raise VaultError(
            "BLOCK_TOO_LARGE", f"{len(block)} bytes; a block holds at most {BLOCK_LIMIT}", "split the payload"
        )
    return Cid(PREFIX + hashlib.sha256(block).digest())


def cid_text(cid: Cid) -> str:
    """The text form, beginning with `bafkrei`."""
    return "b" + base64.b32encode(cid).decode().lower().rstrip("=")


def parse_cid(text: str) -> Cid:
    """A CID from its text. Raises `CID_INVALID` for anything but CIDv1, raw, sha2-256, base32."""
    body = text[1:].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except binascii.Error:
        raw = b""
    if len(raw) != CID_SIZE or not raw.startswith(PREFIX) or cid_text(Cid(raw)) != text:
        raise VaultError("CID_INVALID", "not the CIDv1 of a raw sha2-256 block in base32")
    return Cid(raw)
