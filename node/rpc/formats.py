"""Answers in the shapes Ethereum clients expect: quantities without leading zeros, hex data, EIP-55 addresses."""

from collections.abc import Sequence
from typing import Any

from node.addresses import checksummed
from node.blocks import EMPTY_ROOT, EMPTY_UNCLES, NO_REQUESTS, ZERO_HASH, Header
from node.proposals import Block
from node.reader import Placed, PlacedLog
from node.receipts import Log
from node.transactions import LEGACY, SET_CODE, AccessList, Transaction


def quantity(number: int) -> str:
    """0x-prefixed without leading zeros."""
    return hex(number)


def data(raw: bytes) -> str:
    """0x-prefixed bytes."""
    return "0x" + raw.hex()


def word(number: int) -> str:
    """32 bytes."""
    return f"0x{number:064x}"


def header(h: Header) -> dict[str, Any]:
    """A header, as in newHeads."""
    return {
        "number": quantity(h.number),
        "hash": data(h.hash),
        "parentHash": data(h.parent_hash),
        "nonce": "0x0000000000000000",
        "sha3Uncles": data(EMPTY_UNCLES),
        "logsBloom": f"0x{h.bloom:0512x}",
        "transactionsRoot": data(h.transactions_root),
        "stateRoot": data(h.state_root),
        "receiptsRoot": data(h.receipts_root),
        "miner": checksummed(h.proposer),
        "difficulty": "0x0",
        "extraData": data(h.extra_data),
        "gasLimit": quantity(h.gas_limit),
        "gasUsed": quantity(h.gas_used),
        "timestamp": quantity(h.time),
        "mixHash": data(h.mix_hash),
        "baseFeePerGas": "0x0",
        "withdrawalsRoot": data(EMPTY_ROOT),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": data(ZERO_HASH),
        "requestsHash": data(NO_REQUESTS),
    }


def block(b: Block, full: bool) -> dict[str, Any]:
    """A block with its transactions, whole or by hash."""
    transactions: Sequence[object] = (
        [transaction(tx, b.header, index) for index, tx in enumerate(b.transactions)]
        if full
        else [data(tx.hash) for tx in b.transactions]
    )
    return header(b.header) | {
        "totalDifficulty": "0x0",
        "size": quantity(len(b.header.encode()) + sum(len(tx.raw) for tx in b.transactions)),
        "uncles": [],
        "withdrawals": [],
        "transactions": transactions,
    }


def transaction(tx: Transaction, h: Header | None = None, index: int | None = None) -> dict[str, Any]:
    """A transaction; without a block its place is null."""
    shown: dict[str, Any] = {
        "blockHash": None if h is None else data(h.hash),
        "blockNumber": None if h is None else quantity(h.number),
        "transactionIndex": None if index is None else quantity(index),
        "hash": data(tx.hash),
        "type": quantity(tx.type),
        "chainId": quantity(tx.chain_id),
        "nonce": quantity(tx.nonce),
        "from": checksummed(tx.sender),
        "to": checksummed(tx.to) if tx.to else None,
        "value": quantity(tx.value),
        "gas": quantity(tx.gas),
        "gasPrice": quantity(tx.max_fee if h is None else tx.price(h.base_fee or 0)),
        "input": data(tx.data),
        "v": quantity(tx.v),
        "r": quantity(tx.r),
        "s": quantity(tx.s),
    }
    if tx.type != LEGACY:
        shown |= {"yParity": quantity(tx.y_parity), "accessList": _access_list(tx.access_list)}
    if tx.type >= 2:
        shown |= {"maxFeePerGas": quantity(tx.max_fee), "maxPriorityFeePerGas": quantity(tx.max_priority_fee)}
    if tx.type == SET_CODE:
        shown["authorizationList"] = [
            {
                "chainId": quantity(a.chain_id),
                "address": checksummed(a.address),
                "nonce": quantity(a.nonce),
                "yParity": quantity(a.y_parity),
                "r": quantity(a.r),
                "s": quantity(a.s),
            }
            for a in tx.authorizations
        ]
    return shown


def receipt(placed: Placed) -> dict[str, Any]:
    """A receipt with its logs."""
    tx, r, h = placed.transaction, placed.receipt, placed.header
    return {
        "transactionHash": data(tx.hash),
        "transactionIndex": quantity(placed.index),
        "blockHash": data(h.hash),
        "blockNumber": quantity(h.number),
        "from": checksummed(tx.sender),
        "to": checksummed(tx.to) if tx.to else None,
        "contractAddress": checksummed(r.contract) if r.contract else None,
        "type": quantity(r.type),
        "status": quantity(r.status),
        "gasUsed": quantity(r.gas_used),
        "cumulativeGasUsed": quantity(r.cumulative_gas),
        "effectiveGasPrice": quantity(tx.price(h.base_fee or 0)),
        "logsBloom": f"0x{r.bloom:0512x}",
        "logs": [_log(log, h, tx.hash, placed.index, placed.first_log + at) for at, log in enumerate(r.logs)],
    }


def log(placed: PlacedLog) -> dict[str, Any]:
    """A log in its block."""
    return _log(placed.log, placed.header, placed.transaction_hash, placed.transaction_index, placed.index)


def _log(entry: Log, h: Header, transaction_hash: bytes, transaction_index: int, index: int) -> dict[str, Any]:
    return {
        "address": checksummed(entry.address),
        "topics": [data(topic) for topic in entry.topics],
        "data": data(entry.data),
        "blockNumber": quantity(h.number),
        "blockHash": data(h.hash),
        "blockTimestamp": quantity(h.time),
        "transactionHash": data(transaction_hash),
        "transactionIndex": quantity(transaction_index),
        "logIndex": quantity(index),
        "removed": False,
    }


def _access_list(entries: AccessList) -> list[dict[str, Any]]:
    return [{"address": checksummed(a), "storageKeys": [word(key) for key in keys]} for a, keys in entries]
