import json
from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from protocol.canonical import canonical
from protocol.records import DayRecord, Gait, Origin, RecordKind
from protocol.references import Kind

COUNTS = st.integers(0, 2**40)
DAY_RECORDS = st.builds(
    DayRecord,
    **{field.name: COUNTS for field in fields(DayRecord)}
    | {
        "origin": st.sampled_from(Origin),
        "gait": st.builds(Gait, **{field.name: COUNTS for field in fields(Gait)}),
    },
)


@given(DAY_RECORDS)
def test_a_day_comes_back_from_its_bytes(day: DayRecord) -> None:
    found = DayRecord.from_record(json.loads(canonical(day.to_record())))
    assert found == day
    assert isinstance(found.origin, Origin)


def test_a_release_is_anchored_as_audit_and_all_else_as_reading() -> None:
    kinds = {kind: kind.reference_kind for kind in RecordKind}
    assert kinds.pop(RecordKind.RELEASE) is Kind.AUDIT
    assert set(kinds.values()) == {Kind.READING}
