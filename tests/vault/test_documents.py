"""The dated document sets."""

from datetime import date

import pytest

from protocol.calendar import day_from_date
from protocol.errors import RefusalCode
from protocol.quantities import Day
from protocol.rules import RuleSet
from vault.documents import DOCUMENT_SETS, Document, DocumentRules, Relation, Route, in_force

NEWEST = DOCUMENT_SETS[-1].name
BEFORE, FROM = day_from_date(date(2021, 6, 29)), day_from_date(date(2021, 6, 30))
RELATIVE = frozenset({Document.KINSHIP_CERTIFICATE, Document.REQUESTER_ID, Document.CONSENT_FORM})


def test_the_default_rule_set_names_the_newest_documents() -> None:
    assert RuleSet().documents == NEWEST


def test_sets_change_at_midnight_in_seoul() -> None:
    assert in_force(BEFORE, NEWEST) is DOCUMENT_SETS[0]
    assert in_force(FROM, NEWEST) is DOCUMENT_SETS[1]
    assert in_force(Day(-5), NEWEST) is DOCUMENT_SETS[0]


def test_a_set_not_adopted_yet_is_not_in_force() -> None:
    assert in_force(FROM, "2021-06-29") is DOCUMENT_SETS[0]


def test_before_the_change_the_copy_of_the_patients_card_was_needed() -> None:
    missing = in_force(BEFORE, NEWEST).missing(Route.RELATIVE, RELATIVE)
    assert missing
    assert (missing.code, missing.detail) == (RefusalCode.ID_MISSING, "patient")
    assert in_force(BEFORE, NEWEST).missing(Route.RELATIVE, RELATIVE | {Document.PATIENT_ID_COPY}) is None
    assert in_force(FROM, NEWEST).missing(Route.RELATIVE, RELATIVE) is None


def test_a_mobile_card_counts_since_the_change() -> None:
    mobile = RELATIVE - {Document.REQUESTER_ID} | {Document.MOBILE_ID, Document.PATIENT_ID_COPY}
    missing = in_force(BEFORE, NEWEST).missing(Route.RELATIVE, mobile)
    assert missing
    assert (missing.code, missing.detail) == (RefusalCode.ID_MISSING, "requester")
    assert in_force(FROM, NEWEST).missing(Route.RELATIVE, mobile) is None


@pytest.mark.parametrize("documents", DOCUMENT_SETS, ids=lambda each: each.name)
def test_each_missing_paper_is_told_by_its_own_requirement(documents: DocumentRules) -> None:
    everything = frozenset(Document)
    for route in Route:
        assert documents.missing(route, everything) is None
        for needed in documents.routes[route]:
            assert documents.missing(route, everything - needed.any_of) == needed


def test_only_siblings_stand_behind_others() -> None:
    for documents in DOCUMENT_SETS:
        assert set(documents.closer_kin) == {Relation.SIBLING}


def test_sets_are_in_order_and_dated_by_their_names() -> None:
    for documents in DOCUMENT_SETS:
        assert day_from_date(date.fromisoformat(documents.name)) == documents.starts
    assert sorted(DOCUMENT_SETS, key=lambda each: each.starts) == list(DOCUMENT_SETS)
