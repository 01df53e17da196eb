"""The table of methods: name, function, parsers of its arguments, how many are required, where it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.rpc import eth_chain, eth_logs, eth_state, eth_transactions, others
from node.rpc.context import Beside
from node.rpc.parameters import (
    Parser,
    address,
    block,
    call,
    count,
    data,
    flag,
    hash32,
    log_filter,
    percentiles,
    quantity,
    slot,
    text,
)


@dataclass(frozen=True, slots=True)
class Method:
    """`function` gets the context and the parsed arguments; it runs on the event loop, or `beside` it.

    One on the loop may return a function: the rest of the work, done beside the loop.
    """

    function: Callable[..., Any]
    parsers: tuple[Parser, ...] = ()
    optional: int = 0
    beside: Beside | None = None

    @property
    def required(self) -> int:
        return len(self.parsers) - self.optional


METHODS: dict[str, Method] = {
    "web3_clientVersion": Method(others.client_version),
    "web3_sha3": Method(others.sha3, (data,)),
    "net_version": Method(others.net_version),
    "net_listening": Method(others.listening),
    "net_peerCount": Method(others.peer_count),
    "eth_chainId": Method(eth_chain.chain_id),
    "eth_blockNumber": Method(eth_chain.block_number),
    "eth_syncing": Method(eth_chain.syncing),
    "eth_accounts": Method(eth_chain.accounts),
    "eth_gasPrice": Method(eth_chain.no_price),
    "eth_maxPriorityFeePerGas": Method(eth_chain.no_price),
    "eth_blobBaseFee": Method(eth_chain.blob_price),
    "eth_feeHistory": Method(eth_chain.fee_history, (count, block, percentiles), optional=1, beside=Beside.READS),
    "eth_getBlockByNumber": Method(eth_chain.get_block, (block, flag), optional=1, beside=Beside.READS),
    "eth_getBlockByHash": Method(eth_chain.get_block_by_hash, (hash32, flag), optional=1, beside=Beside.READS),
    "eth_getBlockReceipts": Method(eth_chain.get_block_receipts, (block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByNumber": Method(eth_chain.count_transactions, (block,), beside=Beside.READS),
    "eth_getBlockTransactionCountByHash": Method(eth_chain.count_transactions_by_hash, (hash32,), beside=Beside.READS),
    "eth_getUncleCountByBlockNumber": Method(eth_chain.count_uncles, (block,)),
    "eth_getUncleCountByBlockHash": Method(eth_chain.count_uncles_by_hash, (hash32,)),
    "eth_getBalance": Method(eth_state.get_balance, (address, block), optional=1),
    "eth_getCode": Method(eth_state.get_code, (address, block), optional=1),
    "eth_getStorageAt": Method(eth_state.get_storage_at, (address, slot, block), optional=1),
    "eth_getTransactionCount": Method(eth_state.get_transaction_count, (address, block), optional=1),
    "eth_call": Method(eth_state.call, (call, block), optional=1, beside=Beside.CALLS),
    "eth_estimateGas": Method(eth_state.estimate_gas, (call, block), optional=1, beside=Beside.CALLS),
    "eth_sendRawTransaction": Method(eth_transactions.send_raw_transaction, (data,)),
    "eth_getTransactionByHash": Method(eth_transactions.get_transaction, (hash32,)),
    "eth_getTransactionReceipt": Method(eth_transactions.get_receipt, (hash32,)),
    "eth_getRawTransactionByHash": Method(eth_transactions.get_raw_transaction, (hash32,)),
    "eth_getTransactionByBlockNumberAndIndex": Method(eth_transactions.get_transaction_in, (block, quantity)),
    "eth_getTransactionByBlockHashAndIndex": Method(eth_transactions.get_transaction_in_hash, (hash32, quantity)),
    "eth_getLogs": Method(eth_logs.get_logs, (log_filter,), beside=Beside.CALLS),
    "eth_newFilter": Method(eth_logs.new_filter, (log_filter,)),
    "eth_newBlockFilter": Method(eth_logs.new_block_filter),
    "eth_newPendingTransactionFilter": Method(eth_logs.new_pending_filter),
    "eth_getFilterChanges": Method(eth_logs.get_filter_changes, (text,), beside=Beside.CALLS),
    "eth_getFilterLogs": Method(eth_logs.get_filter_logs, (text,), beside=Beside.CALLS),
    "eth_uninstallFilter": Method(eth_logs.uninstall_filter, (text,)),
    "txpool_status": Method(others.pool_status),
    "txpool_content": Method(others.pool_content),
    "debug_getRawHeader": Method(others.raw_header, (block,)),
    "debug_getRawBlock": Method(others.raw_block, (block,), beside=Beside.READS),
    "debug_getRawReceipts": Method(others.raw_receipts, (block,), beside=Beside.READS),
    "debug_getRawTransaction": Method(others.raw_transaction, (hash32,)),
}
