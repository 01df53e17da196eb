"""eth_feeHistory: base fees, how full blocks were, and what tips they brought."""

from typing import Any

from node.blocks import Header
from node.fees import blob_fee, blob_terms, next_base_fee, next_blob_fee
from node.forks import Fork
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, need_header
from node.rpc.errors import Code, RpcError
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice
from node.transactions import GAS_PER_BLOB

MOST_BLOCKS = 1_024


def fee_history(context: Context, count: int, newest: BlockChoice, percentiles: list[float] | None = None) -> Any:
    head = context.reader.head.number
    if newest.number is not None and newest.number > head:
        raise RpcError(Code.SERVER, f"request beyond head block: requested {newest.number}, head {head}")
    number = need_header(context.reader, newest).number
    headers = [context.reader.header(n) for n in range(max(0, number + 1 - min(count, MOST_BLOCKS)), number + 1)]
    found = [header for header in headers if header is not None]
    if not found:
        return {"oldestBlock": "0x0", "gasUsedRatio": None}
    last, rules = found[-1], context.reader.rules
    fork = rules.schedule.fork(last.number + 1, last.time + 1)
    following = next_base_fee(last, rules.native, fork >= Fork.LONDON)
    history: dict[str, Any] = {
        "oldestBlock": formats.quantity(found[0].number),
        "baseFeePerGas": [formats.quantity(fee or 0) for fee in (*(header.base_fee for header in found), following)],
        "gasUsedRatio": [header.gas_used / header.gas_limit for header in found],
        "baseFeePerBlobGas": [formats.quantity(fee) for fee in (*map(blob_fee, found), next_blob_fee(last, fork))],
        "blobGasUsedRatio": [_blobs_used(header) for header in found],
    }
    if percentiles:
        history["reward"] = [[formats.quantity(tip) for tip in _tips(context, h, percentiles)] for h in found]
    return history


def _blobs_used(header: Header) -> float:
    if not header.blob_gas_used:
        return 0
    return header.blob_gas_used / (blob_terms(header).most * GAS_PER_BLOB)


def _tips(context: Context, header: Header, percentiles: list[float]) -> list[int]:
    """For each percentile of the block's gas, the tip per unit that the transaction there paid."""
    block, base_fee = context.reader.block(header), header.base_fee or 0
    if not block.transactions:
        return [0] * len(percentiles)
    pairs = zip(block.transactions, block.receipts, strict=True)
    paid = sorted((tx.price(base_fee) - base_fee, receipt.gas_used) for tx, receipt in pairs)
    tips, at, reached = [], 0, paid[0][1]
    for percentile in percentiles:
        threshold = header.gas_used * percentile / 100
        while reached < threshold and at < len(paid) - 1:
            at += 1
            reached += paid[at][1]
        tips.append(paid[at][0])
    return tips


METHODS = {
    "eth_feeHistory": Method(
        fee_history, (parse.count, parse.block, parse.percentiles), optional=1, beside=Beside.READS
    ),
}
