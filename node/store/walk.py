"""Walking a state: every trie node and code that a state root reaches, parents first, in the order of the keys.

What is still to be visited is a stack of entries, so a walk can be put down and taken up again, and two walks of the
same root meet the same entries in the same order. An entry is 33 bytes: what it is, and its hash.
"""

from collections.abc import Callable, Iterator, Sequence

import rlp
from eth_hash.auto import keccak

from node.blocks import EMPTY_ROOT

ACCOUNTS, STORAGE, CODE = b"\0", b"\1", b"\2"
"""A node of the trie of accounts, a node of one account's storage, a code."""
ENTRY = 33
_NO_CODE = keccak(b"")
_LEAF = 0x20
"""Flag of the hex-prefix encoding (yellow paper, appendix C): the path ends here."""


class Walk:
    """A walk that may be put down (`packed`) and taken up again (`unpacked`)."""

    def __init__(self, pending: Sequence[bytes]) -> None:
        self._pending = list(pending)

    @classmethod
    def of(cls, root: bytes) -> "Walk":
        """The walk of a whole state."""
        return cls([] if root == EMPTY_ROOT else [ACCOUNTS + root])

    @classmethod
    def unpacked(cls, packed: bytes) -> "Walk":
        """The inverse of `packed`."""
        return cls([packed[at : at + ENTRY] for at in range(0, len(packed), ENTRY)])

    def packed(self) -> bytes:
        """What is still to be visited: a few kilobytes."""
        return b"".join(self._pending)

    @property
    def done(self) -> bool:
        """Has everything been visited?"""
        return not self._pending

    @property
    def next(self) -> bytes:
        """The entry to visit now."""
        return self._pending[-1]

    def skip(self) -> None:
        """Leave the entry out, with all that only it leads to."""
        self._pending.pop()

    def visit(self, value: bytes) -> None:
        """Go on behind the entry, whose node or code is `value`. Raises ValueError for what is no trie node."""
        kind = self._pending.pop()[:1]
        if kind != CODE:
            try:
                found = list(_references(kind, rlp.decode(value)))
            except (rlp.DecodingError, IndexError, TypeError) as error:
                raise ValueError("not a trie node") from error
            self._pending.extend(reversed(found))


def walk_all(root: bytes, read: Callable[[bytes], bytes | None]) -> Iterator[tuple[bytes, bytes | None]]:
    """(entry, value) of a whole state; a code is met once, what is missing comes as None and is not followed."""
    walk, codes = Walk.of(root), set[bytes]()
    while not walk.done:
        entry = walk.next
        if entry in codes:
            walk.skip()
            continue
        if entry[:1] == CODE:
            codes.add(entry)
        value = read(entry[1:])
        if value is None:
            walk.skip()
        else:
            walk.visit(value)
        yield entry, value


def _references(kind: bytes, node: list[bytes | list[bytes]]) -> Iterator[bytes]:
    if len(node) == 17:
        for child in node[:16]:
            yield from _child(kind, child)
        return
    path, value = node
    if not path[0] & _LEAF:  # type: ignore[operator]
        yield from _child(kind, value)
    elif kind == ACCOUNTS:
        _, _, storage_root, code_hash = rlp.decode(value)
        if storage_root != EMPTY_ROOT:
            yield STORAGE + storage_root
        if code_hash != _NO_CODE:
            yield CODE + code_hash


def _child(kind: bytes, child: bytes | list[bytes]) -> Iterator[bytes]:
    """A child is a hash, or the node itself where that is shorter."""
    if isinstance(child, list):
        yield from _references(kind, child)  # type: ignore[arg-type]
    elif child:
        yield kind + child
