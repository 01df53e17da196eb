"""eth_: accounts, calls and estimates."""

from node.execution import CallRequest
from node.rpc import formats
from node.rpc.context import Context, need_header
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


def call(context: Context, request: CallRequest, at: BlockChoice = LATEST) -> str:
    return formats.data(context.reader.call(need_header(context.reader, at), request))


def estimate_gas(context: Context, request: CallRequest, at: BlockChoice = LATEST) -> str:
    return formats.quantity(context.reader.estimate(need_header(context.reader, at), request))
