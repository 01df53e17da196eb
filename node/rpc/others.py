"""net_, web3_, txpool_ and the raw side of debug_."""

from collections.abc import Callable
from typing import Any

from eth_hash.auto import keccak

from node.addresses import checksummed
from node.rpc import formats
from node.rpc import parameters as parse
from node.rpc.context import CLIENT_VERSION, Beside, Context, need_header
from node.rpc.errors import Code, RpcError, answer_too_large
from node.rpc.method import Method
from node.rpc.parameters import BlockChoice
from node.transactions import Transaction

HEX = 2
"""Characters for a byte."""


def client_version(context: Context) -> str:
    return CLIENT_VERSION


def sha3(context: Context, raw: bytes) -> str:
    return formats.data(keccak(raw))


def net_version(context: Context) -> str:
    return str(context.reader.chain_id)


def listening(context: Context) -> bool:
    return True


def peer_count(context: Context) -> str:
    return "0x0"


def pool_status(context: Context) -> dict[str, str]:
    pending = context.pool.pending_count
    return {"pending": formats.quantity(pending), "queued": formats.quantity(len(context.pool) - pending)}


def pool_content(context: Context) -> Callable[[], dict[str, Any]]:
    """What waits is listed at once; writing it out may take long."""
    if context.pool.size * HEX > context.limits.answer_bytes:
        raise answer_too_large(context.limits.answer_bytes)
    pending, queued = context.pool.split()
    return lambda: {"pending": _by_nonce(pending), "queued": _by_nonce(queued)}


def _by_nonce(part: dict[bytes, list[Transaction]]) -> dict[str, dict[str, Any]]:
    return {checksummed(sender): _shown(waiting) for sender, waiting in part.items()}


def _shown(waiting: list[Transaction]) -> dict[str, Any]:
    return {str(tx.nonce): formats.transaction(tx) for tx in waiting}


def pool_content_from(context: Context, sender: bytes) -> dict[str, Any]:
    """What waits of one sender."""
    pending, queued = context.pool.split()
    return {"pending": _shown(pending.get(sender, [])), "queued": _shown(queued.get(sender, []))}


def pool_inspect(context: Context) -> Callable[[], dict[str, Any]]:
    """What waits, in a line each."""
    pending, queued = context.pool.split()

    def shown(part: dict[bytes, list[Transaction]]) -> dict[str, dict[str, str]]:
        return {checksummed(who): {str(tx.nonce): _line(tx) for tx in waiting} for who, waiting in part.items()}

    return lambda: {"pending": shown(pending), "queued": shown(queued)}


def _line(tx: Transaction) -> str:
    to = checksummed(tx.to) if tx.to else "contract creation"
    return f"{to}: {tx.value} wei + {tx.gas} gas × {tx.max_fee} wei"


def raw_header(context: Context, choice: BlockChoice) -> str:
    return formats.data(need_header(context.reader, choice).encode())


def raw_block(context: Context, choice: BlockChoice) -> str:
    return formats.data(context.reader.block(need_header(context.reader, choice)).encode())


def raw_receipts(context: Context, choice: BlockChoice) -> list[str]:
    block = context.reader.block(need_header(context.reader, choice))
    return [formats.data(receipt.encode()) for receipt in block.receipts]


def raw_transaction(context: Context, transaction_hash: bytes) -> str:
    placed = context.reader.transaction(transaction_hash)
    found = context.pool.get(transaction_hash) if placed is None else placed.transaction
    if found is None:
        raise RpcError(Code.SERVER, "transaction not found")
    return formats.data(found.raw)


METHODS = {
    "web3_clientVersion": Method(client_version),
    "web3_sha3": Method(sha3, (parse.data,)),
    "net_version": Method(net_version),
    "net_listening": Method(listening),
    "net_peerCount": Method(peer_count),
    "txpool_status": Method(pool_status),
    "txpool_content": Method(pool_content),
    "txpool_contentFrom": Method(pool_content_from, (parse.address,)),
    "txpool_inspect": Method(pool_inspect),
    "debug_getRawHeader": Method(raw_header, (parse.block,)),
    "debug_getRawBlock": Method(raw_block, (parse.block,), beside=Beside.READS),
    "debug_getRawReceipts": Method(raw_receipts, (parse.block,), beside=Beside.READS),
    "debug_getRawTransaction": Method(raw_transaction, (parse.hash32,)),
}
