"""The table of all methods, put together from the namespaces."""

from node.rpc import (
    debug_trace,
    eth_chain,
    eth_config,
    eth_fees,
    eth_logs,
    eth_proofs,
    eth_simulate,
    eth_state,
    eth_transactions,
    others,
    testing,
)
from node.rpc.method import Method

METHODS: dict[str, Method] = {
    **others.METHODS,
    **eth_chain.METHODS,
    **eth_fees.METHODS,
    **eth_config.METHODS,
    **eth_state.METHODS,
    **eth_proofs.METHODS,
    **testing.METHODS,
    **eth_transactions.METHODS,
    **eth_logs.METHODS,
    **debug_trace.METHODS,
    **eth_simulate.METHODS,
}
