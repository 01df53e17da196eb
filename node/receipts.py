"""Receipts and logs: consensus encoding, stored encoding, blooms."""

from collections.abc import Iterable
from dataclasses import dataclass

import rlp
from eth_hash.auto import keccak

ROOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Log:
    """An event: 20-byte address, up to four 32-byte topics, data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did. `status` is 1 for success; `contract` is the created address or empty.

    `root` is the state root after it, which blocks before Byzantium record in place of the status (EIP-658).
    """

    type: int
    status: int
    gas_used: int
    cumulative_gas: int
    sender: bytes
    contract: bytes
    logs: tuple[Log, ...]
    root: bytes = b""

    @property
    def bloom(self) -> int:
        return bloom_of(self.logs)

    def encode(self) -> bytes:
        """The form that the receipts root commits to (EIP-2718)."""
        outcome = self.root or self.status
        body = rlp.encode([outcome, self.cumulative_gas, self.bloom.to_bytes(256, "big"), _plain_logs(self.logs)])
        return body if self.type == 0 else bytes([self.type]) + body


def bloom_of(logs: Iterable[Log]) -> int:
    """The 2048-bit bloom over addresses and topics (yellow paper, section 4.3.1)."""
    bits = 0
    for item in {item for log in logs for item in (log.address, *log.topics)}:
        bits |= bloom_bits(item)
    return bits


def bloom_bits(item: bytes) -> int:
    """The three bits that one address or topic sets."""
    digest = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return bits


def pack(receipts: Iterable[Receipt]) -> bytes:
    """All receipts of a block as they lie in the store."""
    return rlp.encode(
        [
            [r.type, r.root or r.status, r.gas_used, r.cumulative_gas, r.sender, r.contract, _plain_logs(r.logs)]
            for r in receipts
        ]
    )


def unpack(stored: bytes) -> tuple[Receipt, ...]:
    """The inverse of `pack`."""
    return tuple(
        Receipt(
            int.from_bytes(kind, "big"),
            1 if len(outcome) == ROOT_BYTES else int.from_bytes(outcome, "big"),
            int.from_bytes(used, "big"),
            int.from_bytes(cumulative, "big"),
            sender,
            contract,
            tuple(Log(address, tuple(topics), data) for address, topics, data in logs),
            outcome if len(outcome) == ROOT_BYTES else b"",
        )
        for kind, outcome, used, cumulative, sender, contract, logs in rlp.decode(stored)
    )


def _plain_logs(logs: Iterable[Log]) -> list[list[object]]:
    return [[log.address, list(log.topics), log.data] for log in logs]
