"""testing_buildBlockV1: a block tried out on an imported chain; on our own chain there is no such method."""

from typing import Any

from node.building import Attributes
from node.errors import CallFailed, TransactionRefused
from node.proposals import Block
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import Context, need_header
from node.rpc.errors import Code, RpcError
from node.rpc.method import Method
from node.rpc.overrides import withdrawals
from node.rpc.parameters import BlockChoice


def build_block(
    context: Context, parent: bytes, wanted: dict[str, Any], raw: list[bytes] | None, extra_data: bytes = b""
) -> dict[str, Any]:
    if context.builder is None:
        raise RpcError(Code.METHOD_NOT_FOUND, "Method testing_buildBlockV1 not found")
    header = need_header(context.reader, BlockChoice(hash=parent))
    attributes = Attributes(**wanted, extra_data=extra_data)
    try:
        if raw is None:
            block = context.builder.build_from(header, attributes, context.pool.candidates())
        else:
            block = context.builder.build(header, attributes, raw)
    except (TransactionRefused, CallFailed) as error:
        raise RpcError(Code.SERVER, error.message) from error
    return _envelope(block)


def _envelope(block: Block) -> dict[str, Any]:
    """As engine_getPayloadV4 answers it, without blobs."""
    h, base_fee = block.header, block.header.base_fee or 0
    pairs = zip(block.transactions, block.receipts, strict=True)
    tips = sum((tx.price(base_fee) - base_fee) * receipt.gas_used for tx, receipt in pairs)
    payload = {
        "parentHash": formats.data(h.parent_hash),
        "feeRecipient": formats.data(h.proposer),
        "stateRoot": formats.data(h.state_root),
        "receiptsRoot": formats.data(h.receipts_root),
        "logsBloom": f"0x{h.bloom:0512x}",
        "prevRandao": formats.data(h.mix_hash),
        "blockNumber": formats.quantity(h.number),
        "gasLimit": formats.quantity(h.gas_limit),
        "gasUsed": formats.quantity(h.gas_used),
        "timestamp": formats.quantity(h.time),
        "extraData": formats.data(h.extra_data),
        "baseFeePerGas": formats.quantity(base_fee),
        "blockHash": formats.data(h.hash),
        "transactions": [formats.data(tx.raw) for tx in block.transactions],
        "withdrawals": [formats.withdrawal(one) for one in block.withdrawals],
        "blobGasUsed": formats.quantity(h.blob_gas_used or 0),
        "excessBlobGas": formats.quantity(h.excess_blob_gas or 0),
    }
    return {
        "executionPayload": payload,
        "blockValue": formats.quantity(tips),
        "blobsBundle": {"commitments": [], "proofs": [], "blobs": []},
        "executionRequests": [],
        "shouldOverrideBuilder": False,
    }


def _attributes(value: object) -> dict[str, Any]:
    fields = value if isinstance(value, dict) else {}
    try:
        paid = withdrawals(fields.get("withdrawals") or [])
    except ValueError as error:
        raise RpcError(Code.INVALID_PARAMS, f"invalid argument 1: {error}") from error
    return {
        "time": parse.quantity(fields.get("timestamp")),
        "proposer": parse.address(fields.get("suggestedFeeRecipient")),
        "mix_hash": parse.hash32(fields.get("prevRandao")),
        "beacon_root": parse.hash32(fields.get("parentBeaconBlockRoot")),
        "withdrawals": paid,
    }


def _transactions(value: object) -> list[bytes] | None:
    """None asks for what waits in the pool."""
    return None if value is None else parse.data_list(value)


METHODS = {
    "testing_buildBlockV1": Method(build_block, (parse.hash32, _attributes, _transactions, parse.data), optional=2),
}
