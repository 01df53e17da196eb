"""How a secret lies in a file that is overwritten in place: two slots of one sector, 4 KiB apart.

magic "TPR1" (4) ‖ epoch u64 ‖ vault id (16) ‖ secret (32) ‖ CRC-32 u32, big-endian; zeros when empty
"""

import struct
import zlib

MAGIC = b"TPR1"
SLOT_DISTANCE = 4096
BODY = struct.Struct(">4sQ16s32s")
CHECKSUM = struct.Struct(">I")
SLOT_SIZE = BODY.size + CHECKSUM.size
EMPTY = bytes(SLOT_SIZE)


def read_slots(content: bytes) -> dict[int, tuple[int, bytes, bytes]]:
    """Epoch -> (slot number, vault id, secret) of what reads whole in the bytes of a root slot file."""
    found = {}
    for number in (0, 1):
        raw = content[number * SLOT_DISTANCE :][:SLOT_SIZE]
        if len(raw) == SLOT_SIZE and raw.startswith(MAGIC):
            _, epoch, vault_id, secret = BODY.unpack_from(raw)
            if CHECKSUM.pack(zlib.crc32(raw[: BODY.size])) == raw[BODY.size :]:
                found[epoch] = (number, vault_id, secret)
    return found
