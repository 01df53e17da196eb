"""Answers in the shapes Ethereum clients expect: quantities without leading zeros, data and addresses in hex."""

from collections.abc import Sequence
from typing import Any

from node.blocks import Header, Withdrawal
from node.fees import blob_fee
from node.proposals import Block
from node.reader import Placed, PlacedLog
from node.receipts import Log
from node.transactions import BLOB, DYNAMIC_FEE, LEGACY, SET_CODE, AccessList, Transaction


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
    """A header, as in newHeads; what came with a later fork than its own is not there."""
    later = {
        "baseFeePerGas": None if h.base_fee is None else quantity(h.base_fee),
        "withdrawalsRoot": None if h.withdrawals_root is None else data(h.withdrawals_root),
        "blobGasUsed": None if h.blob_gas_used is None else quantity(h.blob_gas_used),
        "excessBlobGas": None if h.excess_blob_gas is None else quantity(h.excess_blob_gas),
        "parentBeaconBlockRoot": None if h.beacon_root is None else data(h.beacon_root),
        "requestsHash": None if h.requests_hash is None else data(h.requests_hash),
    }
    return {
        "number": quantity(h.number),
        "hash": data(h.hash),
        "parentHash": data(h.parent_hash),
        "nonce": data(h.nonce),
        "sha3Uncles": data(h.uncles_hash),
        "logsBloom": f"0x{h.bloom:0512x}",
        "transactionsRoot": data(h.transactions_root),
        "stateRoot": data(h.state_root),
        "receiptsRoot": data(h.receipts_root),
        "miner": data(h.proposer),
        "difficulty": quantity(h.difficulty),
        "extraData": data(h.extra_data),
        "gasLimit": quantity(h.gas_limit),
        "gasUsed": quantity(h.gas_used),
        "timestamp": quantity(h.time),
        "mixHash": data(h.mix_hash),
    } | {name: value for name, value in later.items() if value is not None}


def block(b: Block, full: bool) -> dict[str, Any]:
    """A block with its transactions, whole or by hash."""
    transactions: Sequence[object] = (
        [transaction(tx, b.header, index) for index, tx in enumerate(b.transactions)]
        if full
        else [data(tx.hash) for tx in b.transactions]
    )
    shown = header(b.header) | {
        "size": quantity(len(b.encode())),
        "uncles": [data(uncle.hash) for uncle in b.uncles],
        "transactions": transactions,
    }
    if b.header.withdrawals_root is not None:
        shown["withdrawals"] = [withdrawal(one) for one in b.withdrawals]
    return shown


def uncle(h: Header) -> dict[str, Any]:
    """A block that lost: its header, and no transactions."""
    return header(h) | {"size": quantity(len(Block(h, (), ()).encode())), "uncles": []}


def withdrawal(one: Withdrawal) -> dict[str, str]:
    """EIP-4895."""
    return {
        "index": quantity(one.index),
        "validatorIndex": quantity(one.validator),
        "address": data(one.address),
        "amount": quantity(one.amount),
    }


def transaction(tx: Transaction, h: Header | None = None, index: int | None = None) -> dict[str, Any]:
    """A transaction; without a block its place is null."""
    shown: dict[str, Any] = {
        "blockHash": None if h is None else data(h.hash),
        "blockNumber": None if h is None else quantity(h.number),
        "blockTimestamp": None if h is None else quantity(h.time),
        "transactionIndex": None if index is None else quantity(index),
        "hash": data(tx.hash),
        "type": quantity(tx.type),
        "nonce": quantity(tx.nonce),
        "from": data(tx.sender),
        "to": data(tx.to) if tx.to else None,
        "value": quantity(tx.value),
        "gas": quantity(tx.gas),
        "gasPrice": quantity(tx.max_fee if h is None else tx.price(h.base_fee or 0)),
        "input": data(tx.data),
        "v": quantity(tx.v),
        "r": quantity(tx.r),
        "s": quantity(tx.s),
    }
    if tx.protected:
        shown["chainId"] = quantity(tx.chain_id)
    return shown | _typed(tx)


def _typed(tx: Transaction) -> dict[str, Any]:
    """What transactions of later types have besides."""
    shown: dict[str, Any] = {}
    if tx.type != LEGACY:
        shown |= {"yParity": quantity(tx.y_parity), "accessList": access_list(tx.access_list)}
    if tx.type >= DYNAMIC_FEE:
        shown |= {"maxFeePerGas": quantity(tx.max_fee), "maxPriorityFeePerGas": quantity(tx.max_priority_fee)}
    if tx.type == BLOB:
        shown["maxFeePerBlobGas"] = quantity(tx.max_blob_fee)
        shown["blobVersionedHashes"] = [data(item) for item in tx.blob_hashes]
    if tx.type == SET_CODE:
        shown["authorizationList"] = [
            {
                "chainId": quantity(a.chain_id),
                "address": data(a.address),
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
    outcome = {"root": data(r.root)} if r.root else {"status": quantity(r.status)}
    blobs = {"blobGasUsed": quantity(tx.blob_gas), "blobGasPrice": quantity(blob_fee(h))} if tx.type == BLOB else {}
    return {
        "transactionHash": data(tx.hash),
        "transactionIndex": quantity(placed.index),
        "blockHash": data(h.hash),
        "blockNumber": quantity(h.number),
        "from": data(tx.sender),
        "to": data(tx.to) if tx.to else None,
        "contractAddress": data(r.contract) if r.contract else None,
        "type": quantity(r.type),
        "gasUsed": quantity(r.gas_used),
        "cumulativeGasUsed": quantity(r.cumulative_gas),
        "effectiveGasPrice": quantity(tx.price(h.base_fee or 0)),
        "logsBloom": f"0x{r.bloom:0512x}",
        "logs": [_log(log, h, tx.hash, placed.index, placed.first_log + at) for at, log in enumerate(r.logs)],
    } | outcome | blobs  # fmt: skip


def log(placed: PlacedLog) -> dict[str, Any]:
    """A log in its block."""
    return _log(placed.log, placed.header, placed.transaction_hash, placed.transaction_index, placed.index)


def _log(entry: Log, h: Header, transaction_hash: bytes, transaction_index: int, index: int) -> dict[str, Any]:
    return {
        "address": data(entry.address),
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


def access_list(entries: AccessList) -> list[dict[str, Any]]:
    """As transactions and eth_createAccessList show it."""
    return [{"address": data(a), "storageKeys": [word(key) for key in keys]} for a, keys in entries]
