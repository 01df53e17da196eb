"""eth_: the chain and its blocks."""

from typing import Any

from node.fees import next_blob_fee
from node.reader import Reader
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, find_header
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice

SUGGESTED_TIP = 1
"""Wei; nobody competes for room on a chain that has ended."""


def chain_id(context: Context) -> str:
    return formats.quantity(context.reader.chain_id)


def block_number(context: Context) -> str:
    return formats.quantity(context.reader.head.number)


def syncing(context: Context) -> bool:
    return False


def accounts(context: Context) -> list[str]:
    """Empty: the node keeps no keys."""
    return []


def gas_price(context: Context) -> str:
    """Base fee and tip; zero for ever on our own chain."""
    tip = 0 if context.reader.rules.native else SUGGESTED_TIP
    return formats.quantity((context.reader.head.base_fee or 0) + tip)


def tip(context: Context) -> str:
    return formats.quantity(0 if context.reader.rules.native else SUGGESTED_TIP)


def blob_price(context: Context) -> str:
    """Of the next block; on our own chain the least the protocol knows, and blobs are not accepted."""
    head = context.reader.head
    return formats.quantity(next_blob_fee(head, context.reader.rules.schedule.fork(head.number + 1, head.time + 1)))


def get_block(context: Context, choice: BlockChoice, full: bool = False) -> Any:
    header = find_header(context.reader, choice)
    return None if header is None else formats.block(context.reader.block(header), full)


def get_block_by_hash(context: Context, block_hash: bytes, full: bool = False) -> Any:
    return get_block(context, BlockChoice(hash=block_hash), full)


def get_block_receipts(context: Context, choice: BlockChoice) -> Any:
    reader: Reader = context.reader
    header = find_header(reader, choice)
    return None if header is None else [formats.receipt(placed) for placed in reader.placed(reader.block(header))]


def count_transactions(context: Context, choice: BlockChoice) -> str | None:
    header = find_header(context.reader, choice)
    return None if header is None else formats.quantity(len(context.reader.block(header).transactions))


def count_transactions_by_hash(context: Context, block_hash: bytes) -> str | None:
    return count_transactions(context, BlockChoice(hash=block_hash))


def count_uncles(context: Context, choice: BlockChoice) -> str | None:
    """There are none on our own chain."""
    header = find_header(context.reader, choice)
    return None if header is None else formats.quantity(len(context.reader.block(header).uncles))


def count_uncles_by_hash(context: Context, block_hash: bytes) -> str | None:
    return count_uncles(context, BlockChoice(hash=block_hash))


def get_uncle(context: Context, choice: BlockChoice, index: int) -> Any:
    header = find_header(context.reader, choice)
    uncles = () if header is None else context.reader.block(header).uncles
    return formats.uncle(uncles[index]) if index < len(uncles) else None


def get_uncle_by_hash(context: Context, block_hash: bytes, index: int) -> Any:
    return get_uncle(context, BlockChoice(hash=block_hash), index)


METHODS = {
    "eth_chainId": Method(chain_id),
    "eth_blockNumber": Method(block_number),
    "eth_syncing": Method(syncing),
    "eth_accounts": Method(accounts),
    "eth_gasPrice": Method(gas_price),
    "eth_maxPriorityFeePerGas": Method(tip),
    "eth_blobBaseFee": Method(blob_price),
    "eth_getBlockByNumber": Method(get_block, (parse.block, parse.flag), optional=1, beside=Beside.READS),
    "eth_getBlockByHash": Method(get_block_by_hash, (parse.hash32, parse.flag), optional=1, beside=Beside.READS),
    "eth_getBlockReceipts": Method(get_block_receipts, (parse.block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByNumber": Method(count_transactions, (parse.block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByHash": Method(count_transactions_by_hash, (parse.hash32,), beside=Beside.READS),
    "eth_getUncleCountByBlockNumber": Method(count_uncles, (parse.block,), beside=Beside.READS),
    "eth_getUncleCountByBlockHash": Method(count_uncles_by_hash, (parse.hash32,), beside=Beside.READS),
    "eth_getUncleByBlockNumberAndIndex": Method(get_uncle, (parse.block, parse.quantity), beside=Beside.READS),
    "eth_getUncleByBlockHashAndIndex": Method(get_uncle_by_hash, (parse.hash32, parse.quantity), beside=Beside.READS),
}
