"""Block headers (Prague form, 21 fields) and the roots over ordered lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie

ZERO_HASH = bytes(32)
ZERO_ADDRESS = bytes(20)
EMPTY_ROOT = keccak(rlp.encode(b""))
EMPTY_UNCLES = keccak(rlp.encode([]))
NO_REQUESTS = sha256(b"").digest()
"""EIP-7685 with no request: none of the contracts that raise them exist here."""


@dataclass(frozen=True)
class Header:
    """A block header. What is constant on this chain is no field: uncles, difficulty, nonce, base fee (0), withdrawals,
    blobs and requests. Times are whole UTC seconds."""

    number: int
    parent_hash: bytes
    time: int
    proposer: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: int
    gas_limit: int
    gas_used: int
    mix_hash: bytes = ZERO_HASH
    extra_data: bytes = b""

    def encode(self) -> bytes:
        """RLP of the 21 fields in the order of EIP-7685."""
        return rlp.encode(
            [
                self.parent_hash, EMPTY_UNCLES, self.proposer, self.state_root, self.transactions_root,
                self.receipts_root, self.bloom.to_bytes(256, "big"), 0, self.number, self.gas_limit, self.gas_used,
                self.time, self.extra_data, self.mix_hash, bytes(8), 0, EMPTY_ROOT, 0, 0, ZERO_HASH, NO_REQUESTS,
            ]
        )  # fmt: skip

    @cached_property
    def hash(self) -> bytes:
        return keccak(self.encode())

    @staticmethod
    def decode(raw: bytes) -> "Header":
        """The inverse of `encode`."""
        f = rlp.decode(raw)
        return Header(
            number=int.from_bytes(f[8], "big"),
            parent_hash=f[0],
            time=int.from_bytes(f[11], "big"),
            proposer=f[2],
            state_root=f[3],
            transactions_root=f[4],
            receipts_root=f[5],
            bloom=int.from_bytes(f[6], "big"),
            gas_limit=int.from_bytes(f[9], "big"),
            gas_used=int.from_bytes(f[10], "big"),
            mix_hash=f[13],
            extra_data=f[12],
        )


def ordered_root(items: Sequence[bytes]) -> bytes:
    """The root of the trie that maps rlp(index) to each item: transactions, receipts."""
    if not items:
        return EMPTY_ROOT
    nodes = HexaryTrie({})
    with nodes.squash_changes() as batch:
        for index, item in enumerate(items):
            batch[rlp.encode(index)] = item
    return bytes(nodes.root_hash)
