"""The built-in contracts that are closed here, by a rule of the chain.

The executor computes pairings, curve points (EIP-196, 197, 2537) and BLAKE2 rounds (EIP-152) in Python, at a hundredth
of the pace that their gas assumes. A transaction to one is refused; a contract that calls one sees the call fail. Open
are recovery, both hashes, identity, modular powers and blob points, which run in native code.
"""

CLOSED = frozenset(number.to_bytes(20, "big") for number in (*range(0x06, 0x0A), *range(0x0B, 0x12)))
"""Addresses."""
