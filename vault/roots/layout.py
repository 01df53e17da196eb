"""How a secret lies in a file that is overwritten in place: two slots of one sector, 4 KiB apart, big-endian.

    magic "TPR2" (4) ‖ epoch u64 ‖ vault id (16) ‖ attempt (16) ‖ check (16) ‖ index u8 ‖ secret (32) ‖ CRC-32 u32

Zeros when empty. Index 0 is a whole root secret; 1 to 255 the share of that number, whose check value is that of the
secret it belongs to: HMAC-SHA256(secret, "vkt1 root check" ‖ vault id ‖ epoch u64 ‖ attempt), first 16 bytes.
"""

import hmac
import struct
import zlib
from dataclasses import dataclass

from vault.roots.slot import Secret

MAGIC = b"TPR2"
SLOT_DISTANCE = 4096
BODY = struct.Struct(">4sQ16s16s16sB32s")
CHECKSUM = struct.Struct(">I")
SLOT_SIZE = BODY.size + CHECKSUM.size
EMPTY = bytes(SLOT_SIZE)
CHECK_SIZE = 16
WHOLE = 0


@dataclass(slots=True)
class Entry:
    """One slot that reads whole. Wipe it after use."""

    epoch: int
    vault_id: bytes
    attempt: bytes
    check: bytes
    index: int
    value: bytearray

    @property
    def secret(self) -> Secret:
        """Which root secret it is or belongs to."""
        return Secret(self.epoch, self.attempt)

    def pack(self) -> bytearray:
        """The bytes of the slot."""
        packed = bytearray(SLOT_SIZE)
        head = (MAGIC, self.epoch, self.vault_id, self.attempt, self.check, self.index)
        BODY.pack_into(packed, 0, *head, self.value)
        CHECKSUM.pack_into(packed, BODY.size, zlib.crc32(memoryview(packed)[: BODY.size]))
        return packed

    def wipe(self) -> None:
        """Overwrite the value in memory."""
        self.value[:] = bytes(len(self.value))


def unpack(raw: bytes | bytearray | memoryview) -> Entry | None:
    """The entry in the bytes of one slot, or None if they do not read whole."""
    if len(raw) < SLOT_SIZE or raw[: len(MAGIC)] != MAGIC:
        return None
    if CHECKSUM.unpack_from(raw, BODY.size)[0] != zlib.crc32(raw[: BODY.size]):
        return None
    _, epoch, vault_id, attempt, check, index, value = BODY.unpack_from(raw)
    return Entry(epoch, vault_id, attempt, check, index, bytearray(value))


def check_of(secret: bytes | bytearray, vault_id: bytes, made: Secret) -> bytes:
    """16 bytes that pin a root secret without telling it."""
    message = b"vkt1 root check" + vault_id + struct.pack(">Q", made.epoch) + made.attempt
    return hmac.digest(secret, message, "sha256")[:CHECK_SIZE]


def read_slots(content: bytes) -> dict[int, tuple[int, bytes, bytes]]:
    """Epoch -> (slot number, vault id, secret) of what reads whole in the bytes of a root slot file."""
    found = {}
    for number in (0, 1):
        entry = unpack(content[number * SLOT_DISTANCE :][:SLOT_SIZE])
        if entry is not None:
            found[entry.epoch] = (number, entry.vault_id, bytes(entry.value))
    return found
