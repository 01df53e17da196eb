"""The rows of the key tree: how a node's 16 child keys are wrapped under its own key.

    keycommit (32) ‖ nonce (12) ‖ AES-256-GCM(16 x 32-byte child keys ‖ explicit u16) ‖ tag (16), 602 bytes

32 zero bytes are an erased child; bit i of the last two bytes says that child i has a row of its own, so a row that is
lost is noticed and one that is not there is not looked for. The key is HMAC(node key, "vkt1 nodekey" ‖ nonce),
keycommit HMAC(node key, "vkt1 nodecommit"), the additional data "vkt1 node" ‖ vault id ‖ level u8 ‖ index u64.
"""

import hmac
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.macs import mac
from vault.paths import FAN_OUT

KEY_SIZE = 32
COMMIT_SIZE, NONCE_SIZE, TAG_SIZE = 32, 12, 16
ERASED = bytes(KEY_SIZE)
CHILDREN_SIZE = FAN_OUT * KEY_SIZE
FLAGS = struct.Struct(">H")
CHILD_LABELS = {f"{digit:x}": b"vkt1 child" + bytes((digit,)) for digit in range(FAN_OUT)}


def child_key(key: bytes | bytearray, digit: int) -> bytes:
    """The key of a child of a virtual node."""
    return mac(key, b"vkt1 child" + bytes((digit,)))


class Children:
    """The child keys of a node in memory that is wiped."""

    __slots__ = ("content",)

    def __init__(self, content: bytearray) -> None:
        self.content = content

    @classmethod
    def derived(cls, key: bytes | bytearray) -> "Children":
        """Those of a virtual node."""
        made = cls(bytearray(CHILDREN_SIZE + FLAGS.size))
        for digit in range(FAN_OUT):
            made.content[KEY_SIZE * digit : KEY_SIZE * (digit + 1)] = child_key(key, digit)
        return made

    def key(self, digit: int) -> bytearray:
        """A copy of a child's key; 32 zero bytes if it is erased."""
        return self.content[KEY_SIZE * digit : KEY_SIZE * (digit + 1)]

    def has_row(self, digit: int) -> bool:
        """Has the child a row?"""
        flags: int = FLAGS.unpack_from(self.content, CHILDREN_SIZE)[0]
        return bool(flags >> digit & 1)

    def put(self, digit: int, key: bytes | bytearray, *, has_row: bool) -> None:
        """Replace a child's key."""
        self.content[KEY_SIZE * digit : KEY_SIZE * (digit + 1)] = key
        flags: int = FLAGS.unpack_from(self.content, CHILDREN_SIZE)[0]
        FLAGS.pack_into(self.content, CHILDREN_SIZE, flags | 1 << digit if has_row else flags & ~(1 << digit))

    def wipe(self) -> None:
        """Overwrite them in memory."""
        self.content[:] = bytes(len(self.content))


def seal_node(
    key: bytes | bytearray, children: Children, nonce: bytes, vault_id: bytes, level: int, index: int
) -> bytes:
    """The row of a node."""
    sealed = _cipher(key, nonce).encrypt(nonce, children.content, _place(vault_id, level, index))
    return _commitment(key) + nonce + sealed


def open_node(key: bytes | bytearray, sealed: bytes, vault_id: bytes, level: int, index: int) -> bytearray | None:
    """The content of a row: 16 child keys and the flags. None if this key does not open this row."""
    nonce, content = sealed[COMMIT_SIZE : COMMIT_SIZE + NONCE_SIZE], sealed[COMMIT_SIZE + NONCE_SIZE :]
    whole = len(content) == CHILDREN_SIZE + FLAGS.size + TAG_SIZE
    if not whole or not hmac.compare_digest(sealed[:COMMIT_SIZE], _commitment(key)):
        return None
    children = bytearray(CHILDREN_SIZE + FLAGS.size)
    try:
        _cipher(key, nonce).decrypt_into(nonce, content, _place(vault_id, level, index), children)
    except InvalidTag:
        return None
    return children


def _commitment(key: bytes | bytearray) -> bytes:
    return mac(key, b"vkt1 nodecommit")


def _cipher(key: bytes | bytearray, nonce: bytes) -> AESGCM:
    return AESGCM(mac(key, b"vkt1 nodekey" + nonce))


def _place(vault_id: bytes, level: int, index: int) -> bytes:
    return b"vkt1 node" + vault_id + struct.pack(">BQ", level, index)
