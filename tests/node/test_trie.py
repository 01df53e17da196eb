"""The trie against another implementation of it."""

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from node.trie import EMPTY_ROOT, MissingNode, lookup, ordered_root, update

KEYS = st.integers(0, 40).map(lambda n: keccak(bytes([n])) if n < 30 else bytes(31) + bytes([n]))
VALUES = st.one_of(st.just(b""), st.binary(min_size=1, max_size=3), st.binary(min_size=30, max_size=120))
BATCHES = st.lists(st.dictionaries(KEYS, VALUES, max_size=25), max_size=6)


@settings(max_examples=300)
@given(BATCHES)
def test_batches_give_the_roots_and_values_of_the_other(batches: list[dict[bytes, bytes]]) -> None:
    nodes: dict[bytes, bytes] = {}
    other, root, model = HexaryTrie({}), EMPTY_ROOT, dict[bytes, bytes]()
    for batch in batches:
        root = update(nodes.get, nodes.__setitem__, root, batch)
        for key, value in batch.items():
            if value:
                other[key] = model[key] = value
            else:
                other.delete(key)
                model.pop(key, None)
        assert root == other.root_hash
        for key in {*model, *batch}:
            assert lookup(nodes.get, root, key) == model.get(key)
        read = HexaryTrie(nodes, root)
        assert all(read[key] == value for key, value in model.items())


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=80), max_size=300))
def test_an_ordered_root_is_that_of_the_other(items: list[bytes]) -> None:
    other = HexaryTrie({})
    for index, item in enumerate(items):
        other[rlp.encode(index)] = item
    assert ordered_root(items) == other.root_hash


def test_a_missing_node_is_named() -> None:
    nodes: dict[bytes, bytes] = {}
    changes = {keccak(bytes([n])): bytes([n]) * 40 for n in range(1, 40)}
    root = update(nodes.get, nodes.__setitem__, EMPTY_ROOT, changes)
    gone = next(digest for digest in nodes if digest != root)
    del nodes[gone]
    with pytest.raises(MissingNode) as missing:
        [lookup(nodes.get, root, key) for key in changes]
    assert missing.value.args == (gone,)
    with pytest.raises(MissingNode):
        update(nodes.get, nodes.__setitem__, root, dict.fromkeys(changes, b""))
    with pytest.raises(MissingNode):
        lookup({}.get, root, bytes(32))
    assert lookup({}.get, EMPTY_ROOT, bytes(32)) is None
    assert update(nodes.get, nodes.__setitem__, root, {}) == root
