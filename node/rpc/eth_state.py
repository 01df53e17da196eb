"""eth_: accounts, calls and estimates."""

from collections.abc import Mapping

from node.execution import CallRequest
from node.overrides import AccountOverride, BlockOverride, Overrides
from node.rpc import formats, overrides
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, need_header
from node.rpc.method import Method
from node.rpc.parameters import LATEST, BlockChoice


def get_balance(context: Context, address: bytes, at: BlockChoice = LATEST) -> str:
    return formats.quantity(context.reader.state(need_header(context.reader, at)).account(address).balance)


def get_code(context: Context, address: bytes, at: BlockChoice = LATEST) -> str:
    return formats.data(context.reader.state(need_header(context.reader, at)).code(address))


def get_storage_at(context: Context, address: bytes, slot: int, at: BlockChoice = LATEST) -> str:
    return formats.word(context.reader.state(need_header(context.reader, at)).storage(address, slot))


def get_transaction_count(context: Context, address: bytes, at: BlockChoice = LATEST) -> str:
    if at.tag == "pending":
        return formats.quantity(context.pool.next_nonce(address))
    return formats.quantity(context.reader.state(need_header(context.reader, at)).account(address).nonce)


def call(
    context: Context,
    request: CallRequest,
    at: BlockChoice = LATEST,
    accounts: Mapping[bytes, AccountOverride] | None = None,
    block: BlockOverride | None = None,
) -> str:
    pretended = Overrides(accounts or {}, block or BlockOverride())
    return formats.data(context.reader.call(need_header(context.reader, at), request, pretended))


def estimate_gas(
    context: Context,
    request: CallRequest,
    at: BlockChoice = LATEST,
    accounts: Mapping[bytes, AccountOverride] | None = None,
    block: BlockOverride | None = None,
) -> str:
    pretended = Overrides(accounts or {}, block or BlockOverride())
    return formats.quantity(context.reader.estimate(need_header(context.reader, at), request, pretended))


CALL = (parse.call, parse.block, overrides.accounts, overrides.block)

METHODS = {
    "eth_getBalance": Method(get_balance, (parse.address, parse.block), optional=1),
    "eth_getCode": Method(get_code, (parse.address, parse.block), optional=1),
    "eth_getStorageAt": Method(get_storage_at, (parse.address, parse.slot, parse.block), optional=1),
    "eth_getTransactionCount": Method(get_transaction_count, (parse.address, parse.block), optional=1),
    "eth_call": Method(call, CALL, optional=3, beside=Beside.CALLS),
    "eth_estimateGas": Method(estimate_gas, CALL, optional=3, beside=Beside.CALLS),
}
