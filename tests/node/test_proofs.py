"""Proofs hold for accounts and slots, present and absent, and for nothing else."""

from collections.abc import Mapping

import pytest
import rlp
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie
from trie.exceptions import BadTrieProof

from node.errors import CallFailed, StoreError
from node.proofs import AccountProof, prove
from node.rpc.errors import rpc_error

ADDRESS, SLOT = st.binary(min_size=20, max_size=20), st.integers(0, 2**256 - 1)
STORAGE = st.dictionaries(SLOT, st.integers(1, 2**256 - 1), max_size=12)
ACCOUNTS = st.dictionaries(ADDRESS, st.tuples(st.integers(0, 2**64), st.integers(0, 2**128), STORAGE), max_size=12)
Accounts = Mapping[bytes, tuple[int, int, Mapping[int, int]]]


def state_of(accounts: Accounts) -> tuple[dict[bytes, bytes], bytes]:
    nodes: dict[bytes, bytes] = {}
    state = HexaryTrie(nodes)
    for address, (nonce, balance, storage) in accounts.items():
        slots = HexaryTrie(nodes)
        for slot, value in storage.items():
            slots[keccak(slot.to_bytes(32, "big"))] = rlp.encode(value)
        state[keccak(address)] = rlp.encode([nonce, balance, slots.root_hash, keccak(b"code of " + address)])
    return nodes, state.root_hash


def verify(root: bytes, proof: AccountProof) -> None:
    """Follows hashes from the root only. Raises BadTrieProof."""
    leaf = HexaryTrie.get_from_proof(root, keccak(proof.address), [rlp.decode(node) for node in proof.nodes])
    empty = [b"", b"", HexaryTrie({}).root_hash, keccak(b"")]
    found = rlp.decode(leaf) if leaf else empty
    said = [proof.nonce, proof.balance, proof.storage_root, proof.code_hash]
    if rlp.decode(rlp.encode(said)) != found:
        raise BadTrieProof("the account is another")
    for slot in proof.slots:
        key, nodes = keccak(slot.slot.to_bytes(32, "big")), [rlp.decode(node) for node in slot.nodes]
        value = HexaryTrie.get_from_proof(proof.storage_root, key, nodes)
        if value != (rlp.encode(slot.value) if slot.value else b""):
            raise BadTrieProof("the value is another")


@settings(max_examples=60, deadline=None)
@given(ACCOUNTS, ADDRESS, SLOT)
def test_every_proof_verifies(accounts: Accounts, nobody: bytes, empty: int) -> None:
    nodes, root = state_of(accounts)
    for address in (*accounts, nobody):
        nonce, balance, storage = accounts.get(address, (0, 0, {}))
        slots = [*storage, empty]
        proof = prove(nodes.__getitem__, root, address, slots)
        assert (proof.nonce, proof.balance) == (nonce, balance)
        assert [slot.value for slot in proof.slots] == [storage.get(slot, 0) for slot in slots]
        verify(root, proof)


def test_a_proof_of_something_else_does_not_verify() -> None:
    accounts = {bytes([n]) * 20: (n, 5, {1: 2, 3: 4}) for n in range(1, 20)}
    nodes, root = state_of(accounts)
    proof = prove(nodes.__getitem__, root, b"\1" * 20, [1])
    verify(root, proof)
    for wrong in (
        AccountProof(b"\2" * 20, *_rest(proof)),
        AccountProof(proof.address, proof.nonce + 1, *_rest(proof)[1:]),
        AccountProof(proof.address, *_rest(proof)[:4], proof.nodes[:-1], proof.slots),
    ):
        with pytest.raises(BadTrieProof):
            verify(root, wrong)
    with pytest.raises(BadTrieProof):
        verify(keccak(b"another root"), proof)


def _rest(proof: AccountProof) -> tuple[int, int, bytes, bytes, tuple[bytes, ...], tuple[object, ...]]:
    return proof.nonce, proof.balance, proof.storage_root, proof.code_hash, proof.nodes, proof.slots


def test_what_is_pruned_is_told_with_the_code_that_clients_know() -> None:
    for code in ("STATE_PRUNED", "HISTORY_PRUNED"):
        for kind in (StoreError, CallFailed):
            body = rpc_error(kind(code, "the state is pruned")).body()
            assert (body["code"], body["message"]) == (4444, "pruned history unavailable")
    assert rpc_error(StoreError("STORE_READ", "broken")).body()["code"] == -32000
