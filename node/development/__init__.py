"""Chains in memory, for testing contracts on this node's own engine. Never for a network: their keys are public.

`eth_tester.TideprintBackend` and `eth_tester.FreeGasBackend` need the optional package eth-tester; the node does not.
"""
