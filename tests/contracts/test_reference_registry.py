from typing import Any

import boa
import pytest
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.merkle import Tree, verify
from protocol.quantities import Reference
from tests.contracts.support import RULES, House, account, deployer, events, now

READING, AUDIT, ERASURE, ISSUANCE, DOSSIER = range(1, 6)
KINDS = {READING: "oracle", AUDIT: "custodian", ERASURE: "custodian", ISSUANCE: "oracle", DOSSIER: "inspector"}
ROOT = keccak(b"root")


def references(count: int) -> list[Reference]:
    return [Reference(keccak(b"reference %d" % index)) for index in range(count)]


def anchor(house: House, kind: int = READING, **changes: Any) -> int:
    values = {"kind": kind, "epoch": 20_500, "root": ROOT, "count": 5, "rules": RULES} | changes
    sender = values.pop("sender", account(KINDS.get(kind, "oracle")))
    return int(house.references.anchor(*values.values(), sender=sender))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_is_anchored_and_read_back(house: House, kind: int) -> None:
    tree = Tree.of(references(8))
    assert anchor(house, kind, root=tree.root, count=6) == 1
    assert events(house.references) == [
        ("Anchored", {"id": 1, "kind": kind, "epoch": 20_500, "root": tree.root, "count": 6, "rules": RULES})
    ]
    assert tuple(house.references.anchors(1)) == (kind, 20_500, 6, now(), tree.root, RULES)
    assert house.references.anchor_of(tree.root) == house.references.count() == 1
    assert house.references.anchor_of_kind(kind, tree.root) == 1


def test_ids_count_from_one_and_an_unknown_id_is_empty(house: House) -> None:
    assert tuple(house.references.anchors(1)) == (0, 0, 0, 0, bytes(32), bytes(32))
    assert [anchor(house, root=keccak(b"%d" % index)) for index in range(3)] == [1, 2, 3]
    assert house.references.anchor_of(keccak(b"other")) == 0
    assert house.references.anchor_of_kind(READING, keccak(b"other")) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_role_of_a_kind_anchors_it(house: House, kind: int) -> None:
    for name in ("oracle", "custodian", "inspector", "registrar", "guardian", "deployer", "stranger"):
        if name != KINDS[kind]:
            with boa.reverts("governed: role missing"):
                anchor(house, kind, sender=account(name))
    with boa.reverts("governed: role missing"):
        anchor(house, kind, sender=house.council.address)


@pytest.mark.parametrize("kind", [0, 6, 255])
def test_the_list_of_kinds_is_closed(house: House, kind: int) -> None:
    with boa.reverts("registry: kind"):
        anchor(house, kind)


@pytest.mark.parametrize(("kind", "floor"), [(READING, 5), (AUDIT, 5), (ERASURE, 5), (ISSUANCE, 1), (DOSSIER, 1)])
def test_a_batch_below_the_floor_is_refused(house: House, kind: int, floor: int) -> None:
    with boa.reverts("registry: below floor"):
        anchor(house, kind, count=floor - 1)
    anchor(house, kind, count=floor)


def test_a_batch_under_other_rules_is_refused(house: House) -> None:
    with boa.reverts("registry: rules"):
        anchor(house, rules=keccak(b"rule set 0"))
    house.decide(house.council, "set_rules", keccak(b"rule set 2"))
    with boa.reverts("registry: rules"):
        anchor(house)
    anchor(house, rules=keccak(b"rule set 2"))


def test_without_rules_in_force_nothing_is_anchored(house: House) -> None:
    council = deployer("Council").deploy([account("member 0")], 1, 0, account("deployer"))
    registry = deployer("ReferenceRegistry").deploy(council.address)
    council.set_role(keccak(b"ORACLE"), account("oracle"), True, sender=council.address)
    with boa.reverts("registry: rules"):
        registry.anchor(READING, 1, ROOT, 5, RULES, sender=account("oracle"))


def test_a_root_is_anchored_once_under_a_kind(house: House) -> None:
    for kind in KINDS:
        anchor(house, kind)
        with boa.reverts("registry: root"):
            anchor(house, kind, epoch=20_501)
    with boa.reverts("registry: root"):
        anchor(house, root=bytes(32))


def test_a_kind_does_not_block_another(house: House) -> None:
    """An oracle that sees a custodian's root first anchors it in vain."""
    assert anchor(house, READING) == 1
    assert anchor(house, ERASURE) == 2
    assert house.references.anchor_of(ROOT) == 1
    assert [house.references.anchor_of_kind(kind, ROOT) for kind in KINDS] == [1, 0, 2, 0, 0]
    assert [house.references.anchors(id).kind for id in (1, 2)] == [READING, ERASURE]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64])
def test_every_value_of_a_batch_verifies_and_no_other(house: House, size: int) -> None:
    values = references(size)
    tree = Tree.of(values)
    id = anchor(house, root=tree.root, count=max(size, 5))
    stranger = keccak(b"stranger")
    for value in values[:5]:
        proof = list(tree.proof(value))
        assert house.references.verify(id, value, proof)
        assert not house.references.verify(id, stranger, proof)
        assert not house.references.verify(id + 1, value, proof)


def test_an_inner_node_is_no_value(house: House) -> None:
    tree = Tree.of(references(4))
    id = anchor(house, root=tree.root)
    assert not house.references.verify(id, tree.nodes[1], [tree.nodes[2]])
    assert not house.references.verify(id, tree.root, [])


def test_the_empty_proof_of_an_unknown_batch_is_false(house: House) -> None:
    assert not house.references.verify(0, bytes(32), [])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.sets(st.binary(min_size=32, max_size=32), min_size=1, max_size=24),
    other=st.binary(min_size=32, max_size=32),
)
def test_the_contract_verifies_as_the_protocol_does(house: House, values: set[bytes], other: bytes) -> None:
    tree = Tree.of(Reference(value) for value in values)
    with boa.env.anchor():
        id = anchor(house, root=tree.root)
        for value in sorted(values)[:3]:
            proof = list(tree.proof(Reference(value)))
            for claim in (value, other):
                assert house.references.verify(id, claim, proof) == verify(tree.root, Reference(claim), proof)


def test_nothing_is_ever_taken_off(house: House) -> None:
    functions = {
        entry["name"]
        for entry in house.references.abi
        if entry.get("stateMutability") == "nonpayable" and "name" in entry
    }
    assert functions == {"anchor"}
