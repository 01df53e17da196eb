# pragma version ==0.4.3
"""
@title Merkle
@license Apache-2.0
@notice Proofs as OpenZeppelin's standard-merkle-tree makes them: leaf = keccak256(keccak256(value)), hashed twice so
        that an inner node never passes for a leaf; node = keccak256(smaller child, larger child).
"""

MAX_DEPTH: constant(uint256) = 32


@internal
@pure
def _leaf(reference: bytes32) -> bytes32:
    return keccak256(keccak256(reference))


@internal
@pure
def _root(leaf: bytes32, proof: DynArray[bytes32, MAX_DEPTH]) -> bytes32:
    node: bytes32 = leaf
    for sibling: bytes32 in proof:
        if convert(node, uint256) < convert(sibling, uint256):
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
    return node
