"""Records above one block, through the whole vault: sealed, opened, erased without a trace of a segment."""

import random

import pytest

from protocol.records import RecordKind
from tests.vault.support import TODAY, seal_days
from vault import Draft, Vault
from vault.errors import StoreDamaged
from vault.sagas import Cause
from vault.segments import SEGMENT_SIZE, referenced


def large(seed: int) -> dict[str, str]:
    """A record of three segments."""
    return {"trace": random.Random(seed).randbytes(SEGMENT_SIZE + 5).hex()}


def test_a_large_record_is_sealed_opened_and_erased(vault: Vault) -> None:
    anna, bert = vault.identity.enroll("anna", []), vault.identity.enroll("bert", [])
    kept = vault.records.seal(bert, RecordKind.DAY, TODAY, large(2))
    record = vault.records.seal(anna, RecordKind.DAY, TODAY, large(1))
    seal_days(vault, anna, 2)
    assert vault.records.open(record.record_id).record == large(1)
    assert set(vault._blocks) == referenced(vault._rows)
    before = len(referenced(vault._rows))
    vault.erase(anna, Cause.PROJECT_END)
    assert len(referenced(vault._rows)) == before - 6
    assert set(vault._blocks) == referenced(vault._rows)
    assert vault.records.open(kept.record_id).record == large(2)


def test_large_and_small_records_go_in_one_commit(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [])
    drafts = [Draft(anna, RecordKind.DAY, TODAY, record) for record in ({"steps": 1}, large(1), {"steps": 2})]
    receipts = vault.records.seal_many(drafts)
    assert [vault.records.open(receipt.record_id).record for receipt in receipts] == [draft.record for draft in drafts]


def test_segments_of_two_records_cannot_be_exchanged(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [])
    first, second = (vault.records.seal(anna, RecordKind.DAY, TODAY, large(seed)) for seed in (1, 2))
    rows = vault._rows
    rows.execute("UPDATE record SET cid = ? WHERE cid = ?", (b"x" * 36, first.cid))
    rows.execute("UPDATE record SET cid = ? WHERE cid = ?", (first.cid, second.cid))
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        vault.records.open(second.record_id)
