from collections.abc import Sequence

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import TideprintError
from protocol.merkle import MAX_DEPTH, Tree, leaf_hash, node_hash, verify
from protocol.quantities import Reference

REFERENCES = st.binary(min_size=32, max_size=32).map(Reference)
SETS = st.lists(REFERENCES, min_size=1, max_size=24, unique=True)


def openzeppelin_root(values: Sequence[bytes]) -> bytes:
    """The root of `StandardMerkleTree` over ABI-encoded values, from its description: hashed leaves sorted, laid out
    backwards at the end of an array, parents over sorted pairs."""
    tree = sorted((keccak(keccak(value)) for value in values), reverse=True)
    tree = [b""] * (len(tree) - 1) + tree
    for index in reversed(range(len(values) - 1)):
        tree[index] = keccak(b"".join(sorted((tree[2 * index + 1], tree[2 * index + 2]))))
    return tree[0]


@given(SETS)
def test_every_leaf_is_proved(references: list[Reference]) -> None:
    tree = Tree.of(references)
    for reference in references:
        assert verify(tree.root, reference, tree.proof(reference))


@given(SETS, REFERENCES)
def test_nothing_else_is_proved(references: list[Reference], stranger: Reference) -> None:
    tree = Tree.of(references)
    for reference in references:
        proof = tree.proof(reference)
        assert verify(tree.root, stranger, proof) is (stranger == reference)
        assert not verify(tree.root, reference, (*proof, stranger))
        assert not verify(keccak(tree.root), reference, proof)
        for place in range(len(proof)):
            assert not verify(tree.root, reference, proof[:place] + proof[place + 1 :])
            assert not verify(tree.root, reference, (*proof[:place], keccak(proof[place]), *proof[place + 1 :]))


@given(SETS)
def test_an_inner_node_never_passes_for_a_leaf(references: list[Reference]) -> None:
    tree = Tree.of(references)
    for index, node in enumerate(tree.nodes):
        path = []
        while index:
            path.append(tree.nodes[index + 1 if index % 2 else index - 1])
            index = (index - 1) // 2
        assert not verify(tree.root, Reference(node), path)


@given(SETS, st.randoms())
def test_the_order_of_the_input_is_irrelevant(references: list[Reference], random: object) -> None:
    shuffled = sorted(references, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert Tree.of(shuffled) == Tree.of(references)
    assert Tree.of(iter(references)).root == Tree.of(references).root


@given(SETS)
def test_the_root_is_openzeppelins(references: list[Reference]) -> None:
    assert Tree.of(references).root == openzeppelin_root(references)


def test_the_comparison_is_openzeppelins() -> None:
    """The published example of @openzeppelin/merkle-tree: two leaves of types address and uint256."""
    amounts = {"0x" + "11" * 20: 5 * 10**18, "0x" + "22" * 20: 25 * 10**17}
    leaves = [encode(["address", "uint256"], leaf) for leaf in amounts.items()]
    assert openzeppelin_root(leaves).hex() == "d4dee0beab2d53f2cc83e567171bd2820e49898130a22622b10ead383e90bd77"


def test_a_fixed_vector() -> None:
    references = [Reference(keccak(bytes((number,)))) for number in range(5)]
    tree = Tree.of(references)
    assert tree.root.hex() == "7ca574343c8c38aed5aee8931390586a935272ef389f5b656f1af1ecc0450d9a"
    assert [len(tree.proof(reference)) for reference in references] == [3, 2, 3, 2, 2]


def test_a_tree_of_one_is_its_leaf() -> None:
    only = Reference(keccak(b"only"))
    assert Tree.of([only]).root == leaf_hash(only)
    assert Tree.of([only]).proof(only) == ()


def test_a_pair_hashes_alike_in_both_orders() -> None:
    a, b = keccak(b"a"), keccak(b"b")
    assert node_hash(a, b) == node_hash(b, a)
    assert node_hash(a, a) == keccak(a + a)


def test_a_proof_longer_than_the_contract_takes_is_refused() -> None:
    node = leaf_hash(reference := Reference(keccak(b"deep")))
    proof = [keccak(bytes((depth,))) for depth in range(MAX_DEPTH + 1)]
    for sibling in proof[:MAX_DEPTH]:
        node = node_hash(node, sibling)
    assert verify(node, reference, proof[:MAX_DEPTH])
    assert not verify(node_hash(node, proof[MAX_DEPTH]), reference, proof)


def test_what_makes_no_tree_is_refused() -> None:
    one, other = Reference(keccak(b"1")), Reference(keccak(b"2"))
    with pytest.raises(TideprintError, match="BATCH_EMPTY"):
        Tree.of([])
    with pytest.raises(TideprintError, match="LEAF_TWICE"):
        Tree.of([one, other, one])
    with pytest.raises(TideprintError, match="LEAF_UNKNOWN"):
        Tree.of([one]).proof(other)
