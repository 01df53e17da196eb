import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.agreements import CLAUSES, AgreementState, ConsentTerms, ContractTerms, Scope
from protocol.canonical import canonical
from protocol.rules import DataClass, Purpose

NAMES = st.text(max_size=12)
DAYS = st.integers(0, 40_000)
SECONDS = st.integers(0, 2**40)
FIELDS = st.lists(st.sampled_from(["steps", "gait", "distance_m"]), unique=True).map(tuple)
SCOPES = st.builds(Scope, st.sampled_from(DataClass), FIELDS, DAYS, DAYS)
CONSENTS = st.builds(
    ConsentTerms,
    NAMES, NAMES, NAMES, SCOPES, st.sampled_from(Purpose), SECONDS, SECONDS, NAMES, st.integers(0, 100),
)  # fmt: skip
CONTRACTS = st.builds(
    ContractTerms,
    st.integers(1, 9), NAMES, NAMES, NAMES, NAMES, NAMES, NAMES, st.lists(st.sampled_from(CLAUSES)).map(tuple),
    SECONDS, SECONDS, SECONDS,
)  # fmt: skip
WEEK = Scope(DataClass.WELLNESS_OBS, ("steps", "gait"), 10, 16)


def sealed(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it comes back from its canonical bytes."""
    found: dict[str, Any] = json.loads(canonical(record))
    return found


@given(CONSENTS)
def test_a_consent_comes_back_from_its_bytes(terms: ConsentTerms) -> None:
    found = ConsentTerms.from_record(sealed(terms.to_record()))
    assert found == terms
    assert isinstance(found.purpose, Purpose)
    assert isinstance(found.scope.data_class, DataClass)


@given(CONTRACTS)
def test_a_contract_comes_back_from_its_bytes(terms: ContractTerms) -> None:
    assert ContractTerms.from_record(sealed(terms.to_record())) == terms


@pytest.mark.parametrize(
    "asked",
    [
        WEEK,
        replace(WEEK, fields=("steps",)),
        replace(WEEK, fields=()),
        replace(WEEK, first_day=11, last_day=15),
        replace(WEEK, first_day=16),
        replace(WEEK, last_day=10),
    ],
)
def test_a_scope_covers_its_parts(asked: Scope) -> None:
    assert WEEK.covers(asked)


@pytest.mark.parametrize(
    "asked",
    [
        replace(WEEK, data_class=DataClass.MEDICAL_RECORD),
        replace(WEEK, fields=("steps", "distance_m")),
        replace(WEEK, first_day=9),
        replace(WEEK, last_day=17),
        replace(WEEK, first_day=16, last_day=10),
        replace(WEEK, first_day=1, last_day=3),
    ],
)
def test_a_scope_covers_nothing_beyond(asked: Scope) -> None:
    assert not WEEK.covers(asked)


@given(SCOPES, SCOPES, SCOPES)
def test_covering_is_handed_on(one: Scope, two: Scope, three: Scope) -> None:
    if one.covers(two) and two.covers(three):
        assert one.covers(three)
    if one.covers(two) and two.covers(one):
        assert set(one.fields) == set(two.fields)


def test_states_carry_the_numbers_of_the_contract() -> None:
    names = ["NONE", "PENDING", "ACTIVE", "SUSPENDED", "EXPIRED", "REVOKED", "BREACHED"]
    assert [state.name for state in sorted(AgreementState)] == names
    assert [int(state) for state in sorted(AgreementState)] == list(range(7))
