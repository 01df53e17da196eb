"""The first chunk of a snapshot: headers that lead to the block of the manifest, and that block whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import rlp

from node.blocks import Header, ordered_root
from node.receipts import Receipt, pack, unpack
from node.snapshots.manifest import HEADERS, Manifest
from node.store.restoring import Row
from node.store.schema import number_key
from node.transactions import Transaction, created_address, decode


@dataclass(frozen=True, slots=True)
class Head:
    """Block 0 and the last headers, rising, and what the last one holds."""

    headers: tuple[Header, ...]
    transactions: tuple[Transaction, ...]
    receipts: tuple[Receipt, ...]


def check_head(manifest: Manifest, raw_headers: Sequence[bytes], body: Sequence[bytes], receipts: bytes) -> Head:
    """Everything follows from the block's hash and the hash of block 0. Raises ValueError, TransactionRefused."""
    headers = tuple(Header.decode(raw) for raw in raw_headers)
    height = manifest.height
    if [header.number for header in headers] != [0, *range(max(1, height - HEADERS + 1), height + 1)]:
        raise ValueError("headers are missing")
    if any(header.encode() != raw for header, raw in zip(headers, raw_headers, strict=True)):
        raise ValueError("a header is not in the one form it can have")
    for parent, header in pairwise(headers):
        if header.number == parent.number + 1 and header.parent_hash != parent.hash:
            raise ValueError(f"header {header.number} does not follow its parent")
    head = headers[-1]
    if headers[0].hash != manifest.chain or head.hash != manifest.block or head.state_root != manifest.state_root:
        raise ValueError("the headers are not those of the manifest")
    transactions = tuple(decode(raw) for raw in body)
    return Head(headers, transactions, check_receipts(head, transactions, receipts))


def check_receipts(header: Header, transactions: Sequence[Transaction], stored: bytes) -> tuple[Receipt, ...]:
    """The receipts of a block, which follow from its header and transactions. Raises ValueError."""
    receipts = unpack(stored)
    if ordered_root([tx.raw for tx in transactions]) != header.transactions_root:
        raise ValueError("the transactions are not those of the header")
    if ordered_root([receipt.encode() for receipt in receipts]) != header.receipts_root or pack(receipts) != stored:
        raise ValueError("the receipts are not those of the header")
    before = 0
    for tx, receipt in zip(transactions, receipts, strict=True):
        contract = b"" if tx.to else created_address(tx.sender, tx.nonce)
        if (receipt.type, receipt.sender, receipt.contract, receipt.gas_used) != (
            tx.type, tx.sender, contract, receipt.cumulative_gas - before,
        ):  # fmt: skip
            raise ValueError("a receipt is not that of its transaction")
        before = receipt.cumulative_gas
    return receipts


def head_rows(head: Head) -> list[Row]:
    """As they lie in the store."""
    rows: list[Row] = []
    for header in head.headers:
        rows += [("headers", number_key(header.number), header.encode())]
        rows += [("numbers", header.hash, number_key(header.number))]
    last = head.headers[-1]
    key = number_key(last.number)
    if head.transactions:
        rows += [("bodies", key, rlp.encode([tx.raw for tx in head.transactions]))]
        rows += [("receipts", key, pack(head.receipts))]
    for index, tx in enumerate(head.transactions):
        rows += [("locations", tx.hash, key + index.to_bytes(4, "big"))]
    if last.bloom:
        rows += [("blooms", key, last.bloom.to_bytes(256, "big"))]
    return rows
