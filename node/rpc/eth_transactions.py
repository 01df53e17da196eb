"""eth_: sending transactions and looking them up."""

from typing import Any

from node.errors import Refused, TransactionRefused
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Context, find_header
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice


def send_raw_transaction(context: Context, raw: bytes) -> str:
    checked = context.application.check_tx(raw)
    if checked.transaction is None:
        raise checked.refusal or TransactionRefused(Refused.TX_INVALID, "refused")
    context.pool.add(checked.transaction)
    context.on_transaction(checked.transaction)
    return formats.data(checked.transaction.hash)


def get_transaction(context: Context, transaction_hash: bytes) -> Any:
    placed = context.reader.transaction(transaction_hash)
    if placed is not None:
        return formats.transaction(placed.transaction, placed.header, placed.index)
    waiting = context.pool.get(transaction_hash)
    return None if waiting is None else formats.transaction(waiting)


def get_raw_transaction(context: Context, transaction_hash: bytes) -> str | None:
    placed = context.reader.transaction(transaction_hash)
    found = context.pool.get(transaction_hash) if placed is None else placed.transaction
    return None if found is None else formats.data(found.raw)


def get_receipt(context: Context, transaction_hash: bytes) -> Any:
    placed = context.reader.transaction(transaction_hash)
    return None if placed is None else formats.receipt(placed)


def get_transaction_in(context: Context, choice: BlockChoice, index: int) -> Any:
    header = find_header(context.reader, choice)
    placed = None if header is None else context.reader.transaction_at(header, index)
    return None if placed is None else formats.transaction(placed.transaction, placed.header, placed.index)


def get_transaction_in_hash(context: Context, block_hash: bytes, index: int) -> Any:
    return get_transaction_in(context, BlockChoice(hash=block_hash), index)


def get_raw_transaction_in(context: Context, choice: BlockChoice, index: int) -> str | None:
    header = find_header(context.reader, choice)
    placed = None if header is None else context.reader.transaction_at(header, index)
    return None if placed is None else formats.data(placed.transaction.raw)


def get_raw_transaction_in_hash(context: Context, block_hash: bytes, index: int) -> str | None:
    return get_raw_transaction_in(context, BlockChoice(hash=block_hash), index)


METHODS = {
    "eth_sendRawTransaction": Method(send_raw_transaction, (parse.data,), paced=True),
    "eth_getTransactionByHash": Method(get_transaction, (parse.hash32,)),
    "eth_getTransactionReceipt": Method(get_receipt, (parse.hash32,)),
    "eth_getRawTransactionByHash": Method(get_raw_transaction, (parse.hash32,)),
    "eth_getTransactionByBlockNumberAndIndex": Method(get_transaction_in, (parse.block, parse.quantity)),
    "eth_getTransactionByBlockHashAndIndex": Method(get_transaction_in_hash, (parse.hash32, parse.quantity)),
    "eth_getRawTransactionByBlockNumberAndIndex": Method(get_raw_transaction_in, (parse.block, parse.quantity)),
    "eth_getRawTransactionByBlockHashAndIndex": Method(get_raw_transaction_in_hash, (parse.hash32, parse.quantity)),
}
