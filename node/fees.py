"""Base fees of other chains (EIP-1559) and fees of blobs (EIP-4844, EIP-7691). On our own chain the base fee is 0."""

from dataclasses import dataclass

from node.blocks import Header
from node.forks import Fork
from node.transactions import GAS_PER_BLOB

ELASTICITY = 2
CHANGE_DENOMINATOR = 8
FIRST_BASE_FEE = 10**9
"""Wei, of London's first block."""
LEAST_BLOB_FEE = 1


@dataclass(frozen=True, slots=True)
class BlobTerms:
    """Blobs a block aims at and may hold, and the larger, the slower their fee moves (EIP-7840)."""

    target: int
    most: int
    fraction: int


BLOB_TERMS = {Fork.CANCUN: BlobTerms(3, 6, 3_338_477), Fork.PRAGUE: BlobTerms(6, 9, 5_007_716)}


def next_base_fee(parent: Header, native: bool, london: bool = True) -> int | None:
    """Wei for a unit of gas in the block after `parent`; None where that block is before London."""
    if native or not london:
        return 0 if native else None
    if parent.base_fee is None:
        return FIRST_BASE_FEE
    target = parent.gas_limit // ELASTICITY
    if parent.gas_used == target:
        return parent.base_fee
    change = parent.base_fee * abs(parent.gas_used - target) // target // CHANGE_DENOMINATOR
    return parent.base_fee + max(change, 1) if parent.gas_used > target else parent.base_fee - change


def blob_terms(header: Header) -> BlobTerms:
    """Those of a block; its fields tell its fork."""
    return BLOB_TERMS[Fork.CANCUN if header.requests_hash is None else Fork.PRAGUE]


def blob_fee(header: Header) -> int:
    """Wei for a unit of blob gas in a block; 0 before blobs."""
    if header.excess_blob_gas is None:
        return 0
    return _exponential(header.excess_blob_gas, blob_terms(header).fraction)


def next_excess_blob_gas(parent: Header, fork: Fork) -> int | None:
    """The excess in the block after `parent`, which follows `fork`; None before Cancun."""
    if fork < Fork.CANCUN:
        return None
    had = (parent.excess_blob_gas or 0) + (parent.blob_gas_used or 0)
    return max(0, had - BLOB_TERMS[fork].target * GAS_PER_BLOB)


def next_blob_fee(parent: Header, fork: Fork) -> int:
    """Wei for a unit of blob gas in the block after `parent`; 0 before blobs."""
    excess = next_excess_blob_gas(parent, fork)
    return 0 if excess is None else _exponential(excess, BLOB_TERMS[fork].fraction)


def _exponential(numerator: int, denominator: int) -> int:
    """LEAST_BLOB_FEE * e ** (numerator / denominator) in whole numbers, as EIP-4844 defines it."""
    total, term, index = 0, LEAST_BLOB_FEE * denominator, 1
    while term > 0:
        total += term
        term = term * numerator // (denominator * index)
        index += 1
    return total // denominator
