"""Merkle trees over reference values, hashed as OpenZeppelin's standard-merkle-tree does.

    leaf  = keccak256(keccak256(abi.encode(bytes32 reference)))
    node  = keccak256(min(a, b) ‖ max(a, b))

Leaves stand in the order of their hashes, as that library orders them. Reference values are random, so this order says
nothing about who came first; and the same set of values always gives the same root.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from protocol.errors import TideprintError
from protocol.quantities import Reference

MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Tree:
    """A complete binary tree as an array: node i has the children 2i+1 and 2i+2; leaves stand at the end, reversed."""

    nodes: tuple[bytes, ...]
    places: dict[Reference, int]

    @classmethod
    def of(cls, references: Iterable[Reference]) -> "Tree":
        """The tree of some distinct reference values. Raises `BATCH_EMPTY` or `LEAF_TWICE`."""
        leaves = sorted((leaf_hash(reference), reference) for reference in references)
        if not leaves:
            raise TideprintError("BATCH_EMPTY", "a tree needs at least one leaf")
        if len({reference for _, reference in leaves}) != len(leaves):
            raise TideprintError("LEAF_TWICE", "a reference value occurs twice", "every record gets a fresh salt")
        size = 2 * len(leaves) - 1
        nodes = [b""] * size
        places = {}
        for index, (hashed, reference) in enumerate(leaves):
            nodes[size - 1 - index] = hashed
            places[reference] = size - 1 - index
        for index in range(size - 1 - len(leaves), -1, -1):
            nodes[index] = node_hash(nodes[2 * index + 1], nodes[2 * index + 2])
        return cls(tuple(nodes), places)

    @property
    def root(self) -> bytes:
        """The Merkle root, 32 bytes."""
        return self.nodes[0]

    def proof(self, reference: Reference) -> tuple[bytes, ...]:
        """The sibling hashes from the leaf up. Raises `LEAF_UNKNOWN`."""
        index = self.places.get(reference)
        if index is None:
            raise TideprintError("LEAF_UNKNOWN", "the tree does not hold this reference value")
        path = []
        while index:
            path.append(self.nodes[index + 1 if index % 2 else index - 1])
            index = (index - 1) // 2
        return tuple(path)


def leaf_hash(reference: Reference) -> bytes:
    """The leaf of a reference value, hashed twice so that an inner node can never pass for a leaf."""
    return keccak(keccak(reference))


def node_hash(a: bytes, b: bytes) -> bytes:
    """The parent of two nodes, in either order."""
    return keccak(a + b if a < b else b + a)


def verify(root: bytes, reference: Reference, proof: Sequence[bytes]) -> bool:
    """Does the proof (at most 32 hashes) lead from the reference value to the root?"""
    if len(proof) > MAX_DEPTH:
        return False
    node = leaf_hash(reference)
    for sibling in proof:
        node = node_hash(node, sibling)
    return node == root
