"""eth_: the chain, its blocks and fees."""

from typing import Any

from node.reader import Reader
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, find_header, need_header
from node.rpc.errors import Code, RpcError
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice

MOST_FEE_BLOCKS = 1_024


def chain_id(context: Context) -> str:
    return formats.quantity(context.reader.chain_id)


def block_number(context: Context) -> str:
    return formats.quantity(context.reader.head.number)


def syncing(context: Context) -> bool:
    return False


def accounts(context: Context) -> list[str]:
    """Empty: the node keeps no keys."""
    return []


def no_price(context: Context) -> str:
    """Gas price and tip: zero, for ever."""
    return "0x0"


def blob_price(context: Context) -> str:
    """The least the protocol knows; blobs are not accepted."""
    return "0x1"


def fee_history(context: Context, count: int, newest: BlockChoice, percentiles: list[float] | None = None) -> Any:
    head = context.reader.head.number
    if newest.number is not None and newest.number > head:
        raise RpcError(Code.SERVER, f"request beyond head block: requested {newest.number}, head {head}")
    number = need_header(context.reader, newest).number
    headers = [context.reader.header(n) for n in range(max(0, number + 1 - min(count, MOST_FEE_BLOCKS)), number + 1)]
    found = [h for h in headers if h is not None]
    history: dict[str, Any] = {
        "oldestBlock": formats.quantity(found[0].number if found else number),
        "baseFeePerGas": ["0x0"] * (len(found) + 1),
        "gasUsedRatio": [h.gas_used / h.gas_limit for h in found],
        "baseFeePerBlobGas": ["0x1"] * (len(found) + 1),
        "blobGasUsedRatio": [0.0] * len(found),
    }
    return history | ({"reward": [["0x0"] * len(percentiles)] * len(found)} if percentiles else {})


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
    """There are none."""
    return None if find_header(context.reader, choice) is None else "0x0"


def count_uncles_by_hash(context: Context, block_hash: bytes) -> str | None:
    return count_uncles(context, BlockChoice(hash=block_hash))


METHODS = {
    "eth_chainId": Method(chain_id),
    "eth_blockNumber": Method(block_number),
    "eth_syncing": Method(syncing),
    "eth_accounts": Method(accounts),
    "eth_gasPrice": Method(no_price),
    "eth_maxPriorityFeePerGas": Method(no_price),
    "eth_blobBaseFee": Method(blob_price),
    "eth_feeHistory": Method(
        fee_history, (parse.count, parse.block, parse.percentiles), optional=1, beside=Beside.READS
    ),
    "eth_getBlockByNumber": Method(get_block, (parse.block, parse.flag), optional=1, beside=Beside.READS),
    "eth_getBlockByHash": Method(get_block_by_hash, (parse.hash32, parse.flag), optional=1, beside=Beside.READS),
    "eth_getBlockReceipts": Method(get_block_receipts, (parse.block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByNumber": Method(count_transactions, (parse.block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByHash": Method(count_transactions_by_hash, (parse.hash32,), beside=Beside.READS),
    "eth_getUncleCountByBlockNumber": Method(count_uncles, (parse.block,)),
    "eth_getUncleCountByBlockHash": Method(count_uncles_by_hash, (parse.hash32,)),
}
