"""Base fees of a chain where gas costs something (EIP-1559)."""

from node.blocks import Header

ELASTICITY, CHANGE = 2, 8
"""A block's target is its gas limit over the first; the base fee moves by at most one part in the second."""


def next_base_fee(parent: Header) -> int:
    """The base fee of the block after `parent`, in wei."""
    fee, target = parent.base_fee or 0, parent.gas_limit // ELASTICITY
    difference = parent.gas_used - target
    if difference > 0:
        return fee + max(fee * difference // target // CHANGE, 1)
    return fee - fee * -difference // target // CHANGE
