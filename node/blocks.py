"""Block headers from Frontier (15 fields) to Prague (21), withdrawals, and the roots over ordered lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import takewhile

import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie
from trie.exceptions import MissingTrieNode

from node.overlay import ReadNode
from node.trie import ordered_root as ordered_root

ZERO_HASH = bytes(32)
ZERO_ADDRESS = bytes(20)
EMPTY_ROOT = keccak(rlp.encode(b""))
EMPTY_UNCLES = keccak(rlp.encode([]))
NO_REQUESTS = sha256(b"").digest()
"""EIP-7685 with no request: none of the contracts that raise them exist here."""
FEWEST_FIELDS = 15


@dataclass(frozen=True)
class Header:
    """A block header. Times are whole UTC seconds, fees wei.

    The fields from `difficulty` on default to what is constant on our own chain. Those that came with a fork are None
    in blocks before it: base fee (London), withdrawals (Shanghai), blobs and beacon root (Cancun), requests (Prague).
    """

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
    difficulty: int = 0
    nonce: bytes = bytes(8)
    uncles_hash: bytes = EMPTY_UNCLES
    base_fee: int | None = 0
    withdrawals_root: bytes | None = EMPTY_ROOT
    blob_gas_used: int | None = 0
    excess_blob_gas: int | None = 0
    beacon_root: bytes | None = ZERO_HASH
    requests_hash: bytes | None = NO_REQUESTS

    def encode(self) -> bytes:
        """RLP of 15 to 21 fields in the order of EIP-7685 (after EIP-1559, 4895, 4844 and 4788)."""
        later = (
            self.base_fee, self.withdrawals_root, self.blob_gas_used, self.excess_blob_gas, self.beacon_root,
            self.requests_hash,
        )  # fmt: skip
        return rlp.encode(
            [
                self.parent_hash, self.uncles_hash, self.proposer, self.state_root, self.transactions_root,
                self.receipts_root, self.bloom.to_bytes(256, "big"), self.difficulty, self.number, self.gas_limit,
                self.gas_used, self.time, self.extra_data, self.mix_hash, self.nonce,
                *takewhile(lambda value: value is not None, later),
            ]
        )  # fmt: skip

    @cached_property
    def hash(self) -> bytes:
        return keccak(self.encode())

    @staticmethod
    def decode(raw: bytes) -> "Header":
        """The inverse of `encode`. Raises ValueError."""
        try:
            return Header.of_fields(rlp.decode(raw))
        except rlp.exceptions.RLPException as error:
            raise ValueError(f"a header cannot be decoded: {error}") from error

    @staticmethod
    def of_fields(fields: Sequence[bytes]) -> "Header":
        """The header of a decoded list. Raises ValueError."""
        if not FEWEST_FIELDS <= len(fields) <= FEWEST_FIELDS + 6:
            raise ValueError(f"a header has 15 to 21 fields, not {len(fields)}")
        later = [*fields[FEWEST_FIELDS:], *([None] * (FEWEST_FIELDS + 6 - len(fields)))]
        base_fee, withdrawals_root, blob_gas_used, excess_blob_gas, beacon_root, requests_hash = later
        return Header(
            number=_number(fields[8]),
            parent_hash=fields[0],
            time=_number(fields[11]),
            proposer=fields[2],
            state_root=fields[3],
            transactions_root=fields[4],
            receipts_root=fields[5],
            bloom=_number(fields[6]),
            gas_limit=_number(fields[9]),
            gas_used=_number(fields[10]),
            mix_hash=fields[13],
            extra_data=fields[12],
            difficulty=_number(fields[7]),
            nonce=fields[14],
            uncles_hash=fields[1],
            base_fee=None if base_fee is None else _number(base_fee),
            withdrawals_root=withdrawals_root,
            blob_gas_used=None if blob_gas_used is None else _number(blob_gas_used),
            excess_blob_gas=None if excess_blob_gas is None else _number(excess_blob_gas),
            beacon_root=beacon_root,
            requests_hash=requests_hash,
        )


def _number(field: bytes) -> int:
    return int.from_bytes(field, "big")


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """EIP-4895: `amount` in gwei to an address, from outside. There are none on our own chain."""

    index: int
    validator: int
    address: bytes
    amount: int

    @staticmethod
    def decode(raw: bytes) -> "Withdrawal":
        """From its RLP."""
        index, validator, address, amount = rlp.decode(raw)
        return Withdrawal(_number(index), _number(validator), address, _number(amount))

    def encode(self) -> bytes:
        """Its RLP, a leaf of the withdrawals root."""
        return rlp.encode([self.index, self.validator, self.address, self.amount])


def ordered_items(root: bytes, read: ReadNode) -> Iterator[bytes]:
    """The inverse of `ordered_root`, from the trie's nodes. Raises ValueError when one of them is missing."""
    trie = HexaryTrie(_Nodes(read), root)
    index = 0
    try:
        while item := trie[rlp.encode(index)]:
            yield bytes(item)
            index += 1
    except MissingTrieNode as error:
        raise ValueError(f"a node of the list 0x{root.hex()} is missing") from error


class _Nodes(Mapping[bytes, bytes]):
    """Nodes to read, as the trie library wants them."""

    def __init__(self, read: ReadNode) -> None:
        self._read = read

    def __getitem__(self, key: bytes) -> bytes:
        value = self._read(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[bytes]:
        raise TypeError("nodes are read by their hash only")

    def __len__(self) -> int:
        raise TypeError("nodes are read by their hash only")
