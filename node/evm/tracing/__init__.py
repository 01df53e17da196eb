"""Watching executions instruction by instruction: struct logs, the tree of calls, the accounts looked at."""

from node.evm.tracing.replay import trace, trace_call

__all__ = ["trace", "trace_call"]
