"""Merkle proofs of accounts and storage slots (EIP-1186): the nodes on the way from a root to a key, or to where it
would be. Whoever knows the state root of a block can check them without trusting this node."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie

from node.blocks import EMPTY_ROOT

HASHED = 32
"""Bytes from which on a node lies under its hash; a shorter one lies within its parent."""
NO_CODE = keccak(b"")


@dataclass(frozen=True, slots=True)
class SlotProof:
    """The value of a storage slot, 0 if it is not there, with the nodes that prove it."""

    slot: int
    value: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """An account, empty if it is not there, with the nodes that prove it, from the state root on."""

    address: bytes
    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes
    nodes: tuple[bytes, ...]
    slots: tuple[SlotProof, ...]


def prove(read: Callable[[bytes], bytes], state_root: bytes, address: bytes, slots: Sequence[int]) -> AccountProof:
    """`read` gives the node under a hash and raises an error of its own for a missing one."""
    state = _Trie(read, state_root)
    leaf = state.get(keccak(address))
    if leaf:
        nonce, balance, storage_root, code_hash = rlp.decode(leaf)
    else:
        nonce, balance, storage_root, code_hash = b"", b"", EMPTY_ROOT, NO_CODE
    storage = _Trie(read, storage_root)
    return AccountProof(
        address, int.from_bytes(nonce, "big"), int.from_bytes(balance, "big"), storage_root, code_hash,
        state.nodes(keccak(address)), tuple(_slot(storage, slot) for slot in slots),
    )  # fmt: skip


def _slot(storage: "_Trie", slot: int) -> SlotProof:
    key = keccak(slot.to_bytes(32, "big"))
    leaf = storage.get(key)
    return SlotProof(slot, int.from_bytes(rlp.decode(leaf), "big") if leaf else 0, storage.nodes(key))


class _Trie:
    def __init__(self, read: Callable[[bytes], bytes], root: bytes) -> None:
        self._trie: Any = HexaryTrie(_Nodes(read), root)

    def get(self, key: bytes) -> bytes:
        return bytes(self._trie.get(key))

    def nodes(self, key: bytes) -> tuple[bytes, ...]:
        """On the way to a key; those that lie within their parents are not repeated."""
        encoded = [rlp.encode(node) for node in self._trie.get_proof(key)]
        return tuple(node for at, node in enumerate(encoded) if at == 0 or len(node) >= HASHED)


class _Nodes(Mapping[bytes, bytes]):
    """Nodes as the trie library wants them."""

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read

    def __getitem__(self, key: bytes) -> bytes:
        return self._read(key)

    def __iter__(self) -> Iterator[bytes]:
        raise TypeError("nodes are read by their hash only")

    def __len__(self) -> int:
        raise TypeError("nodes are read by their hash only")
