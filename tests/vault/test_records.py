import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.canonical import NotCanonical, canonical
from protocol.errors import Refusal
from protocol.quantities import Day, Salt, SubjectId
from protocol.records import RecordKind
from protocol.references import Kind, Opening
from tests.vault.support import TODAY, options, scratch, seal_days
from vault import AnchorProof, Draft, RecordId, Vault, VaultError
from vault.cids import Cid
from vault.envelope import pack
from vault.errors import KeyErased, StoreDamaged, StoreUnavailable
from vault.forgetting import scan
from vault.paths import period_of

text = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
maps = st.dictionaries(text, values, max_size=5)


@pytest.fixture
def anna(vault: Vault) -> SubjectId:
    return vault.identity.enroll("anna", [])


@pytest.fixture
def ben(vault: Vault) -> SubjectId:
    return vault.identity.enroll("ben", [])


def test_a_sealed_record_opens_with_all_it_was_sealed_with(vault: Vault, anna: SubjectId) -> None:
    receipt = vault.records.seal(anna, RecordKind.DAY, TODAY, {"steps": 4321})
    found = vault.records.open(receipt.record_id)
    assert (found.subject, found.kind, found.day, found.record) == (anna, RecordKind.DAY, TODAY, {"steps": 4321})
    assert found.opening.reference == receipt.reference
    assert found.opening.record == canonical({"steps": 4321})


@settings(max_examples=20, deadline=None)
@given(st.lists(maps, min_size=1, max_size=4))
def test_any_canonical_record_comes_back(found: list[dict[str, Any]]) -> None:
    with scratch() as directory, Vault.create(directory / "vault", options()) as vault:
        anna = vault.identity.enroll("anna", [])
        receipts = vault.records.seal_many([Draft(anna, RecordKind.MINUTES, TODAY, record) for record in found])
        for record, receipt in zip(found, receipts, strict=True):
            opened = vault.records.open(receipt.record_id)
            assert opened.record == record
            assert opened.opening.reference == receipt.reference


@given(maps)
def test_the_envelope_is_canonical(record: dict[str, Any]) -> None:
    opening = Opening(Kind.READING, Salt(os.urandom(64)), canonical(record))
    envelope = {
        "day": 7, "kind": "DAY", "record": record, "reference_kind": 1, "salt": opening.salt.hex(),
    }  # fmt: skip
    assert pack(Draft(SubjectId(bytes(16)), RecordKind.DAY, Day(7), record), opening) == canonical(envelope)


def test_the_same_record_twice_gives_two_references(vault: Vault, anna: SubjectId) -> None:
    first, second = vault.records.seal_many([Draft(anna, RecordKind.DAY, TODAY, {"steps": 1})] * 2)
    assert first.reference != second.reference
    assert first.cid != second.cid


@pytest.mark.parametrize("kind", list(RecordKind))
def test_each_kind_is_anchored_as_the_protocol_says(vault: Vault, anna: SubjectId, kind: RecordKind) -> None:
    receipt = vault.records.seal(anna, kind, TODAY, {})
    assert vault.records.open(receipt.record_id).opening.kind is kind.reference_kind


def test_records_are_listed_by_kind_and_day(vault: Vault, anna: SubjectId, ben: SubjectId) -> None:
    seal_days(vault, anna, 3)
    seal_days(vault, anna, 2, Day(TODAY + 40))
    seal_days(vault, ben, 4)
    vault.records.seal(anna, RecordKind.REFUSAL, TODAY, {"reason": "PHYSICS"})
    assert [found.day for found in vault.records.records_of(anna, [RecordKind.DAY])] == [
        TODAY, TODAY + 1, TODAY + 2, TODAY + 40, TODAY + 41,
    ]  # fmt: skip
    assert len(list(vault.records.records_of(anna))) == 6
    assert len(list(vault.records.records_of(anna, days=range(TODAY, TODAY + 1)))) == 2
    assert [found.day for found in vault.records.records_of(anna, days=[TODAY + 41])] == [TODAY + 41]
    assert list(vault.records.records_of(anna, [RecordKind.CONSENT])) == []


def test_everything_survives_closing(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna", [])
        ids = seal_days(vault, anna, 3) + seal_days(vault, anna, 2, Day(TODAY - 40)) + seal_days(vault, anna, 1)
    with Vault.open(home, options()) as vault:
        assert {found.record_id for found in vault.records.records_of(anna)} == set(ids)
        assert vault.records.open(RecordId(ids[4])).subject == anna
        later = seal_days(vault, anna, 1)
        assert later[0] not in ids


def test_an_anchor_proof_is_kept_beside_its_record(vault: Vault, anna: SubjectId) -> None:
    ids = [RecordId(found) for found in seal_days(vault, anna, 3)]
    assert vault.records.proof_of(ids[0]) is None
    proofs = [AnchorProof(found, 7, b"r" * 32, (b"a" * 32, b"b" * 32)) for found in ids]
    vault.records.attach_proofs(proofs)
    vault.records.attach_proofs(proofs)
    assert [vault.records.proof_of(found) for found in ids] == proofs
    assert len(list(vault.records.records_of(anna, [RecordKind.PROOF]))) == 3
    with pytest.raises(VaultError, match="PROOF_ATTACHED"):
        vault.records.attach_proof(ids[0], 8, b"r" * 32, [])
    with pytest.raises(VaultError, match="PATH_INVALID"):
        vault.records.proof_of(RecordId(ids[0][:-1] + "3"))


def test_sealing_nothing_is_nothing(vault: Vault) -> None:
    assert vault.records.seal_many([]) == []


def test_an_unknown_subject_or_record_has_its_code(vault: Vault, anna: SubjectId, ben: SubjectId) -> None:
    with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
        vault.records.seal(SubjectId(bytes(16)), RecordKind.DAY, TODAY, {})
    record_id = seal_days(vault, anna, 1)[0]
    for unknown in (record_id[:-1] + "8", "00" * 7):
        with pytest.raises(VaultError, match="RECORD_UNKNOWN"):
            vault.records.open(RecordId(unknown))
    with pytest.raises(VaultError, match="PATH_INVALID"):
        vault.records.open(RecordId(record_id[:-1]))
    assert list(vault.records.records_of(ben)) == []


def test_a_record_that_is_not_canonical_keeps_nothing(vault: Vault, anna: SubjectId) -> None:
    with pytest.raises(NotCanonical):
        vault.records.seal_many(
            [Draft(anna, RecordKind.DAY, TODAY, {}), Draft(anna, RecordKind.DAY, TODAY, {"m": 1.5})]
        )
    assert vault.status().records == 0


class TestSalts:
    def vault_with(self, home: Path, salts: list[bytes]) -> Vault:
        def entropy(size: int) -> bytes:
            return salts.pop(0) if size == 64 else os.urandom(size)

        return Vault.create(home, options(entropy=entropy))

    def test_a_weak_salt_is_refused(self, home: Path) -> None:
        with self.vault_with(home, [bytes(64)]) as vault:
            anna = vault.identity.enroll("anna", [])
            with pytest.raises(Refusal, match="SALT_WEAK"):
                vault.records.seal(anna, RecordKind.DAY, TODAY, {})
            assert vault.status().records == 0

    def test_a_salt_used_before_is_refused(self, home: Path) -> None:
        salt = os.urandom(64)
        with self.vault_with(home, [salt, salt]) as vault:
            anna = vault.identity.enroll("anna", [])
            vault.records.seal(anna, RecordKind.DAY, TODAY, {})
            with pytest.raises(Refusal, match="SALT_REUSED"):
                vault.records.seal(anna, RecordKind.DAY, TODAY, {})
            assert vault.status().records == 1

    def test_a_salt_used_twice_at_once_is_refused(self, home: Path) -> None:
        salt = os.urandom(64)
        with self.vault_with(home, [salt, salt]) as vault:
            anna = vault.identity.enroll("anna", [])
            with pytest.raises(Refusal, match="SALT_REUSED"):
                seal_days(vault, anna, 2)
            assert vault.status().records == 0


class TestDamage:
    def test_swapped_rows_do_not_open(self, vault: Vault, anna: SubjectId) -> None:
        one, two = seal_days(vault, anna, 2)
        cids = dict(vault._rows.rows("SELECT id, cid FROM record"))
        for record_id, other in ((one, two), (two, one)):
            vault._rows.execute("UPDATE record SET cid = ? WHERE id = ?", (cids[int(other, 16)], int(record_id, 16)))
        with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
            vault.records.open(RecordId(one))

    def test_a_lost_block_is_named(self, vault: Vault, anna: SubjectId) -> None:
        one, two = seal_days(vault, anna, 2)
        cid = vault._rows.value("SELECT cid FROM record WHERE id = ?", (int(one, 16),))
        vault._blocks.delete([Cid(cid)])
        with pytest.raises(StoreDamaged, match="BLOCK_MISSING"):
            vault.records.open(RecordId(one))
        assert vault.records.open(RecordId(two)).day == TODAY + 1

    def test_a_cut_block_is_named(self, vault: Vault, anna: SubjectId) -> None:
        (one,) = seal_days(vault, anna, 1)
        vault._blocks._database.execute("UPDATE block SET bytes = substr(bytes, 1, 100)")
        with pytest.raises(StoreDamaged, match="BLOCK_DAMAGED"):
            vault.records.open(RecordId(one))

    def test_a_slot_taken_already_is_never_written_over(self, vault: Vault, anna: SubjectId) -> None:
        (one,) = seal_days(vault, anna, 1)
        vault._keys._database.execute("UPDATE counter SET next = next - 2 WHERE length(scope) = 10 AND next > 2")
        with pytest.raises(StoreUnavailable, match="KEYS_ROLLED_BACK"):
            seal_days(vault, anna, 1)
        assert vault.records.open(RecordId(one)).day == TODAY


def test_nothing_of_a_record_is_in_the_files(vault: Vault, home: Path, anna: SubjectId) -> None:
    receipt = vault.records.seal(anna, RecordKind.DAY, TODAY, {"note": "CANARY-4711"})
    salt = vault.records.open(receipt.record_id).opening.salt
    assert (
        scan(home, {"data": b"CANARY-4711", "salt": salt, "subject": anna, "person": b"anna", "kind": b'"DAY"'}) == []
    )
    planted = home / "records" / "dump"
    planted.write_bytes(b"..." + salt.hex().encode() + b"CANARY-4711")
    assert {hit.label for hit in scan(home, {"data": b"CANARY-4711", "salt": salt})} == {"data", "salt"}


def test_a_period_whose_retention_ended_takes_no_more_records(vault: Vault, anna: SubjectId) -> None:
    seal_days(vault, anna, 1)
    vault.erase_period(period_of(TODAY))
    with pytest.raises(KeyErased):
        seal_days(vault, anna, 1)
    assert len(seal_days(vault, anna, 1, Day(TODAY + 40))) == 1
