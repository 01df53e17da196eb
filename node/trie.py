"""The hexary Merkle Patricia trie (yellow paper, appendix D): reading one key, and applying many changes in one pass.

No key may be the beginning of another, as holds for hashes and for rlp(index). Nodes are kept by their Keccak hash in
whatever `read` and `write` stand for; those shorter than 32 bytes lie inside their parents.

In memory a leaf is ("leaf", path, value), an extension ("extension", path, child), a branch a list of 16 children; a
child is empty, a hash of 32 bytes or a node. Paths are hexadecimal text, a digit for a nibble.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import rlp
from eth_hash.auto import keccak

Read = Callable[[bytes], bytes | None]
Write = Callable[[bytes, bytes], None]
EMPTY_ROOT = keccak(b"\x80")
LEAF, EXTENSION = "leaf", "extension"
EMPTY_CHILD, HASH_CHILD = b"\x80", b"\xa0"
_DIGIT = {digit: at for at, digit in enumerate("0123456789abcdef")}
_DIGITS = "0123456789abcdef"


class MissingNode(KeyError):
    """A node is not there; the argument is its hash."""


def lookup(read: Read, root: bytes, key: bytes) -> bytes | None:
    """The value under `key` in the trie of `root`, or None. Raises MissingNode."""
    path, at = key.hex(), 0
    child: Any = b"" if root == EMPTY_ROOT else root
    while child:
        node = _load(read, child)
        if isinstance(node, list):
            child, at = node[_DIGIT[path[at]]], at + 1
        elif node[0] is LEAF:
            return node[2] if node[1] == path[at:] else None
        elif path.startswith(node[1], at):
            child, at = node[2], at + len(node[1])
        else:
            return None
    return None


def update(read: Read, write: Write, root: bytes, changes: Mapping[bytes, bytes]) -> bytes:
    """Set keys to values, or forget those whose value is empty; hand new nodes to `write` and return the new root.

    Raises MissingNode.
    """
    if not changes:
        return root
    items = sorted((key.hex(), value) for key, value in changes.items())
    node = None if root == EMPTY_ROOT else _load(read, root)
    changed = _Change(read).apply(node, items, 0)
    if changed is None:
        return EMPTY_ROOT
    encoded = _encode(changed, write)
    digest = keccak(encoded)
    write(digest, encoded)
    return digest


def ordered_root(items: Sequence[bytes]) -> bytes:
    """The root of the trie that maps rlp(index) to each item: transactions, receipts."""
    keyed = {rlp.encode(index): item for index, item in enumerate(items)}
    return update(_nothing, _forget, EMPTY_ROOT, keyed)


def _nothing(_: bytes) -> bytes | None:
    return None


def _forget(_: bytes, __: bytes) -> None:
    return None


class _Change:
    """Changes on their way down. Items are (whole path, value), rising; `depth` digits of them lead to the node."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def apply(self, node: Any, items: list[tuple[str, bytes]], depth: int) -> Any:
        """The node after the changes; None for nothing left."""
        if node is None:
            return self._build([item for item in items if item[1]], depth)
        if isinstance(node, list):
            return self._branch(list(node), items, depth)
        if node[0] is LEAF:
            whole = items[0][0][:depth] + node[1]
            if all(path != whole for path, _ in items):
                items = sorted([*items, (whole, node[2])])
            return self._build([item for item in items if item[1]], depth)
        return self._extension(node[1], node[2], items, depth)

    def _build(self, items: list[tuple[str, bytes]], depth: int) -> Any:
        if not items:
            return None
        if len(items) == 1:
            return (LEAF, items[0][0][depth:], items[0][1])
        shared = _shared(items[0][0][depth:], items[-1][0][depth:])
        below = depth + len(shared)
        branch: list[Any] = [b""] * 16
        for digit, group in groupby(items, lambda item: item[0][below]):
            branch[_DIGIT[digit]] = self._build(list(group), below + 1)
        return (EXTENSION, shared, branch) if shared else branch

    def _extension(self, path: str, child: Any, items: list[tuple[str, bytes]], depth: int) -> Any:
        shared = _shared(path, _shared(items[0][0][depth:], items[-1][0][depth:]))
        if shared == path:
            below = self.apply(self._node(child), items, depth + len(path))
        else:
            fork: list[Any] = [b""] * 16
            rest = path[len(shared) + 1 :]
            fork[_DIGIT[path[len(shared)]]] = (EXTENSION, rest, child) if rest else child
            below = self._branch(fork, items, depth + len(shared))
        return _prefixed(shared, below)

    def _branch(self, branch: list[Any], items: list[tuple[str, bytes]], depth: int) -> Any:
        for digit, group in groupby(items, lambda item: item[0][depth]):
            at = _DIGIT[digit]
            child = branch[at]
            after = self.apply(self._node(child) if child else None, list(group), depth + 1)
            branch[at] = b"" if after is None else after
        left = [at for at in range(16) if branch[at]]
        if len(left) > 1:
            return branch
        return _prefixed(_DIGITS[left[0]], self._node(branch[left[0]])) if left else None

    def _node(self, child: Any) -> Any:
        return _load(self._read, child) if isinstance(child, bytes) else child


def _shared(one: str, other: str) -> str:
    """How both begin."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return one[:at]
    return min(one, other, key=len)


def _prefixed(path: str, node: Any) -> Any:
    """A node with more path before it."""
    if node is None or not path:
        return node
    return (EXTENSION, path, node) if isinstance(node, list) else (node[0], path + node[1], node[2])


def _load(read: Read, child: Any) -> Any:
    if not isinstance(child, bytes):
        return child
    raw = read(child)
    if raw is None:
        raise MissingNode(child)
    return _decode(raw)


def _decode(raw: bytes) -> Any:
    """A node from its RLP."""
    first = raw[0]
    at, end = (1 if first <= 0xF7 else first - 0xF6), len(raw)
    fields: list[Any] = []
    while at < end:
        head = raw[at]
        if head == 0xA0:
            fields.append(raw[at + 1 : at + 33])
            at += 33
        elif head == 0x80:
            fields.append(b"")
            at += 1
        elif head < 0x80:
            fields.append(raw[at : at + 1])
            at += 1
        elif head < 0xB8:
            size = head - 0x80
            fields.append(raw[at + 1 : at + 1 + size])
            at += 1 + size
        elif head < 0xC0:
            start = at + head - 0xB6
            size = int.from_bytes(raw[at + 1 : start], "big")
            fields.append(raw[start : start + size])
            at = start + size
        else:
            size = head - 0xC0
            fields.append(_decode(raw[at : at + 1 + size]))
            at += 1 + size
    if len(fields) == 17:
        return fields[:16]
    path = fields[0].hex()
    flag = _DIGIT[path[0]]
    return (LEAF if flag & 2 else EXTENSION, path[1:] if flag & 1 else path[2:], fields[1])


def _encode(node: Any, write: Write) -> bytes:
    """RLP of a node; its children of 32 bytes and more are written."""
    if isinstance(node, list):
        payload = b"".join([_refer(child, write) for child in node]) + EMPTY_CHILD
    elif node[0] is LEAF:
        payload = _string(_packed(node[1], 2)) + _string(node[2])
    else:
        payload = _string(_packed(node[1], 0)) + _refer(node[2], write)
    return list_head(len(payload)) + payload


def _refer(child: Any, write: Write) -> bytes:
    if isinstance(child, bytes):
        return HASH_CHILD + child if child else EMPTY_CHILD
    encoded = _encode(child, write)
    if len(encoded) < 32:
        return encoded
    digest = keccak(encoded)
    write(digest, encoded)
    return HASH_CHILD + digest


def _packed(path: str, flag: int) -> bytes:
    """Hex-prefix encoding; `flag` is 2 for a leaf."""
    return bytes.fromhex(f"{flag + 1}{path}" if len(path) % 2 else f"{flag}0{path}")


def _string(raw: bytes) -> bytes:
    size = len(raw)
    if size == 1 and raw[0] < 0x80:
        return raw
    if size < 56:
        return bytes([0x80 + size]) + raw
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xB7 + len(length)]) + length + raw


def list_head(size: int) -> bytes:
    """The head of an RLP list whose payload has `size` bytes."""
    if size < 56:
        return bytes([0xC0 + size])
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0xF7 + len(length)]) + length
