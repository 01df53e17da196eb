"""Blocks, transactions and receipts in the words of eth-tester: bytes and integers under snake_case names."""

from typing import Any

import rlp

from node.proposals import Block
from node.transactions import DYNAMIC_FEE, LEGACY, SET_CODE, Transaction

Shape = dict[str, Any]


def block(made: Block, full: bool, pending: bool) -> Shape:
    """A block with its transactions, whole or by hash."""
    header = made.header
    return {
        "number": header.number,
        "hash": header.hash,
        "parent_hash": header.parent_hash,
        "nonce": header.nonce,
        "sha3_uncles": header.uncles_hash,
        "logs_bloom": header.bloom,
        "transactions_root": header.transactions_root,
        "receipts_root": header.receipts_root,
        "state_root": header.state_root,
        "coinbase": header.proposer,
        "difficulty": header.difficulty,
        "total_difficulty": header.difficulty,
        "mix_hash": header.mix_hash,
        "size": len(rlp.encode([rlp.decode(header.encode()), [tx.raw for tx in made.transactions], [], []])),
        "extra_data": header.extra_data.rjust(32, b"\0"),
        "gas_limit": header.gas_limit,
        "gas_used": header.gas_used,
        "timestamp": header.time,
        "transactions": [
            transaction(made, index, pending) if full else tx.hash for index, tx in enumerate(made.transactions)
        ],
        "uncles": [],
        "base_fee_per_gas": header.base_fee,
        "withdrawals": [],
        "withdrawals_root": header.withdrawals_root,
        "parent_beacon_block_root": header.beacon_root,
        "blob_gas_used": header.blob_gas_used,
        "excess_blob_gas": header.excess_blob_gas,
        "requests_hash": header.requests_hash,
    }


def transaction(made: Block, index: int, pending: bool) -> Shape:
    """The transaction at an index of a block."""
    tx = made.transactions[index]
    price = tx.max_fee if pending else tx.price(made.header.base_fee or 0)
    shape: Shape = {
        "type": tx.type,
        "hash": tx.hash,
        "nonce": tx.nonce,
        **_place(made, index, pending),
        "from": tx.sender,
        "to": tx.to,
        "value": tx.value,
        "gas": tx.gas,
        "gas_price": tx.max_fee if tx.type < DYNAMIC_FEE else price,
        "data": tx.data,
        "v": tx.v,
        "r": tx.r,
        "s": tx.s,
    }
    if tx.type > LEGACY:
        shape |= {"chain_id": tx.chain_id, "access_list": tx.access_list, "y_parity": tx.y_parity}
    if tx.type >= DYNAMIC_FEE:
        shape |= {"max_fee_per_gas": tx.max_fee, "max_priority_fee_per_gas": tx.max_priority_fee}
    if tx.type == SET_CODE:
        shape["authorization_list"] = _authorizations(tx)
    return shape


def receipt(made: Block, index: int, pending: bool) -> Shape:
    """The receipt of the transaction at an index of a block."""
    tx, done = made.transactions[index], made.receipts[index]
    first = sum(len(earlier.logs) for earlier in made.receipts[:index])
    place = _place(made, index, pending)
    return {
        "transaction_hash": tx.hash,
        **place,
        "contract_address": done.contract or None,
        "cumulative_gas_used": done.cumulative_gas,
        "effective_gas_price": tx.price(made.header.base_fee or 0),
        "from": tx.sender,
        "gas_used": done.gas_used,
        "logs": [
            {
                "type": "pending" if pending else "mined",
                "log_index": first + at,
                "transaction_hash": tx.hash,
                **place,
                "address": log.address,
                "data": log.data,
                "topics": list(log.topics),
            }
            for at, log in enumerate(done.logs)
        ],
        "state_root": b"\1" if done.status else b"",
        "status": done.status,
        "to": tx.to,
        "type": tx.type,
    }


def _place(made: Block, index: int, pending: bool) -> Shape:
    if pending:
        return {"block_hash": None, "block_number": None, "transaction_index": None}
    return {"block_hash": made.header.hash, "block_number": made.header.number, "transaction_index": index}


def _authorizations(tx: Transaction) -> list[Shape]:
    return [
        {"chain_id": a.chain_id, "address": a.address, "nonce": a.nonce, "y_parity": a.y_parity, "r": a.r, "s": a.s}
        for a in tx.authorizations
    ]
