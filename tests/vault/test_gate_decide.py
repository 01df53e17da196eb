"""Every refusal code of the gate, each beside a permitted twin; the test bears the code's name."""

import sys
from dataclasses import replace

import pytest

from protocol.agreements import CLAUSES, AgreementState
from protocol.calendar import SECONDS_PER_DAY
from protocol.quantities import Day
from protocol.rules import DataClass, Purpose, RuleSet
from tests.vault.gate_cases import (
    AGENT_PAPERS,
    AT,
    HOSPITAL,
    OTHER_HOSPITAL,
    PAPERS,
    PATIENT,
    RULES,
    TODAY,
    TWIN,
    agent,
    clinician,
    code_of,
    family,
    medical,
    permitted,
    scope,
    wearer,
    with_consent,
    with_contract,
)
from vault.documents import Document, Relation, Standing
from vault.gate import Decision, Presented, Role, decide
from vault.gate.reasons import GATE_CODES, reason_of
from vault.gate.table import MOST_DAYS, REFUSED_PURPOSES

S = AgreementState


def test_SERVICE_LOCKED_PENDING_REPLAY() -> None:
    asked, found = permitted(wearer())
    assert code_of(asked, replace(found, locked=True)) == "SERVICE_LOCKED_PENDING_REPLAY"


def test_CLOCK_UNTRUSTED() -> None:
    asked, found = permitted(wearer())
    assert code_of(asked, replace(found, clock_trusted=False)) == "CLOCK_UNTRUSTED"


def test_STORE_UNREACHABLE() -> None:
    asked, found = permitted(family())
    assert code_of(asked, with_consent(found, state=None)) == "STORE_UNREACHABLE"
    assert code_of(asked, with_contract(found, state=None)) == "STORE_UNREACHABLE"
    assert code_of(asked, replace(found, stores_answer=False)) == "STORE_UNREACHABLE"


@pytest.mark.parametrize("purpose", [*REFUSED_PURPOSES, "", "treat", "RESEARCH"])
def test_PURPOSE_NOT_ALLOWED(purpose: str) -> None:
    asked, found = permitted(family())
    assert code_of(replace(asked, purpose=purpose), found) == "PURPOSE_NOT_ALLOWED"


def test_PURPOSE_NOT_ALLOWED_follows_the_rule_set() -> None:
    asked, found = permitted(family())
    assert code_of(asked, found, RuleSet(purposes=(Purpose.TREAT,))) == "PURPOSE_NOT_ALLOWED"


@pytest.mark.parametrize("role", [Role.BILLING, Role.MARKETING, Role.OPERATOR, Role.INSPECTOR])
def test_PURPOSE_ROLE_MISMATCH(role: Role) -> None:
    asked, found = permitted(clinician())
    assert code_of(replace(asked, role=role), found) == "PURPOSE_ROLE_MISMATCH"


def test_K_SUPPRESSED() -> None:
    asked, found = permitted(clinician())
    asked = replace(asked, role=Role.PUBLIC_HEALTH, purpose=Purpose.PUBHLTH)
    assert code_of(asked, found) == "K_SUPPRESSED"


def test_NOT_DATA_SUBJECT() -> None:
    asked, found = permitted(wearer())
    assert code_of(replace(asked, subject=TWIN), found) == "NOT_DATA_SUBJECT"
    assert code_of(replace(asked, actor=asked.actor.upper() + " "), found) == "NOT_DATA_SUBJECT"


def test_CONSENT_MISSING() -> None:
    asked, found = permitted(family())
    assert code_of(asked, replace(found, consent=None)) == "CONSENT_MISSING"
    assert code_of(asked, with_consent(found, recipient=TWIN.hex())) == "CONSENT_MISSING"
    assert code_of(asked, with_consent(found, recipient=HOSPITAL)) == "CONSENT_MISSING"
    for state in (S.NONE, S.PENDING, S.SUSPENDED):
        assert code_of(asked, with_consent(found, state=state)) == "CONSENT_MISSING"


def test_CONSENT_MISSING_before_it_begins_to_the_second() -> None:
    asked, found = family()
    assert code_of(asked, with_consent(found, starts=AT)) == "ALLOWED"
    assert code_of(asked, with_consent(found, starts=AT + 1)) == "CONSENT_MISSING"


def test_CONSENT_OTHER_PATIENT() -> None:
    """The twin's consent for the same recipient, and terms sealed under somebody else."""
    asked, found = permitted(family())
    assert found.consent
    assert code_of(replace(asked, subject=TWIN), found) == "CONSENT_OTHER_PATIENT"
    assert code_of(asked, with_consent(found, patient=TWIN.hex())) == "CONSENT_OTHER_PATIENT"
    assert code_of(asked, replace(found, consent=replace(found.consent, subject=TWIN))) == "CONSENT_OTHER_PATIENT"


def test_CONSENT_REVOKED() -> None:
    asked, found = permitted(family())
    assert code_of(asked, with_consent(found, state=S.REVOKED)) == "CONSENT_REVOKED"
    assert code_of(asked, with_consent(found, state=S.BREACHED)) == "CONSENT_REVOKED"


def test_CONSENT_EXPIRED_to_the_second() -> None:
    asked, found = permitted(family())
    assert code_of(asked, with_consent(found, expires=AT + 1)) == "ALLOWED"
    assert code_of(asked, with_consent(found, expires=AT)) == "CONSENT_EXPIRED"


def test_CONSENT_EXPIRED_by_the_chain_alone() -> None:
    asked, found = permitted(family())
    assert code_of(asked, with_consent(found, state=S.EXPIRED)) == "CONSENT_EXPIRED"


def test_CONSENT_EXPIRED_after_the_longest_term_of_the_rules() -> None:
    asked, found = family()
    longest = RULES.consent_max_days * SECONDS_PER_DAY
    late = AT + 500 * SECONDS_PER_DAY
    assert code_of(asked, with_consent(found, starts=AT - longest + 1, expires=late)) == "ALLOWED"
    assert code_of(asked, with_consent(found, starts=AT - longest, expires=late)) == "CONSENT_EXPIRED"


def test_SCOPE_EXCEEDED() -> None:
    asked, found = permitted(family())
    assert code_of(replace(asked, fields=("steps",)), found) == "ALLOWED"
    assert code_of(replace(asked, fields=("steps", "minutes")), found) == "SCOPE_EXCEEDED(scope)"
    assert code_of(replace(asked, first_day=Day(TODAY - 10)), found) == "SCOPE_EXCEEDED(scope)"
    assert code_of(replace(asked, last_day=Day(TODAY + 1)), found) == "SCOPE_EXCEEDED(scope)"
    assert code_of(asked, with_consent(found, scope=scope(DataClass.MEDICAL_RECORD))) == "SCOPE_EXCEEDED(scope)"
    assert code_of(asked, with_consent(found, institution=OTHER_HOSPITAL)) == "SCOPE_EXCEEDED(institution)"
    assert code_of(asked, with_consent(found, purpose=Purpose.TREAT)) == "SCOPE_EXCEEDED(purpose)"


def test_SCOPE_EXCEEDED_for_the_wearer_too() -> None:
    asked, found = permitted(wearer())
    year = Day(TODAY - MOST_DAYS + 1)
    assert code_of(replace(asked, first_day=year), found) == "ALLOWED"
    assert code_of(replace(asked, first_day=Day(year - 1)), found) == "SCOPE_EXCEEDED(days)"
    assert code_of(replace(asked, first_day=Day(TODAY + 1)), found) == "SCOPE_EXCEEDED(days)"
    assert code_of(replace(asked, first_day=Day(0), last_day=Day(0)), found) == "SCOPE_EXCEEDED(days)"
    assert code_of(replace(asked, fields=()), found) == "SCOPE_EXCEEDED(fields)"
    assert code_of(replace(asked, fields=("steps", "address")), found) == "SCOPE_EXCEEDED(fields)"


def test_USES_EXHAUSTED() -> None:
    asked, found = permitted(family())
    assert code_of(asked, replace(found, uses=2)) == "ALLOWED"
    assert code_of(asked, replace(found, uses=3)) == "USES_EXHAUSTED"
    assert code_of(asked, replace(with_consent(found, max_uses=0), uses=1_000)) == "ALLOWED"


def test_CONTRACT_MISSING() -> None:
    for case in (family(), medical(), agent(), clinician()):
        asked, found = permitted(case)
        assert code_of(asked, replace(found, contract=None)) == "CONTRACT_MISSING"


def test_PARTY_MISMATCH() -> None:
    asked, found = permitted(family())
    assert found.contract
    assert code_of(asked, with_contract(found, institution=OTHER_HOSPITAL)) == "PARTY_MISMATCH(institution)"
    assert code_of(asked, with_contract(found, patient=TWIN.hex())) == "PARTY_MISMATCH(patient)"
    assert code_of(asked, replace(found, contract=replace(found.contract, subject=TWIN))) == "PARTY_MISMATCH(patient)"
    assert code_of(asked, with_contract(found, family=TWIN.hex())) == "PARTY_MISMATCH(family)"


def test_PARTY_MISMATCH_does_not_ask_who_the_family_is_in_treatment() -> None:
    asked, found = clinician()
    assert code_of(asked, with_contract(found, family=TWIN.hex())) == "ALLOWED"


def test_VERSION_MISMATCH() -> None:
    asked, found = permitted(family())
    assert code_of(asked, replace(found, current_version=2)) == "VERSION_MISMATCH"
    assert code_of(asked, replace(with_contract(found, version=2), current_version=2)) == "ALLOWED"
    assert code_of(asked, with_contract(found, version=2)) == "VERSION_MISMATCH"


@pytest.mark.parametrize("clause", CLAUSES)
def test_CLAUSE_MISSING(clause: str) -> None:
    asked, found = permitted(family())
    rest = tuple(each for each in CLAUSES if each != clause)
    assert code_of(asked, with_contract(found, clauses=rest)) == f"CLAUSE_MISSING({clause})"


@pytest.mark.parametrize("party", ["INSTITUTION", "PATIENT", "FAMILY"])
def test_SIGNATURE_MISSING(party: str) -> None:
    asked, found = permitted(family())
    unsigned = replace(with_contract(found, state=S.NONE), unsigned=(party,))
    assert code_of(asked, unsigned) == f"SIGNATURE_MISSING({party})"


def test_CONTRACT_NOT_ACTIVE() -> None:
    asked, found = permitted(family())
    for state in set(S) - {S.ACTIVE}:
        assert code_of(asked, with_contract(found, state=state)) == f"CONTRACT_NOT_ACTIVE({state.name})"


def test_CONTRACT_NOT_ACTIVE_to_the_second() -> None:
    asked, found = family()
    assert code_of(asked, with_contract(found, expires=AT + 1)) == "ALLOWED"
    assert code_of(asked, with_contract(found, expires=AT)) == "CONTRACT_NOT_ACTIVE(EXPIRED)"
    assert code_of(asked, with_contract(found, starts=AT)) == "ALLOWED"
    assert code_of(asked, with_contract(found, starts=AT + 1)) == "CONTRACT_NOT_ACTIVE(PENDING)"


def test_INSURANCE_EXPIRED() -> None:
    asked, found = permitted(family())
    assert code_of(asked, with_contract(found, insurance_expires=AT + 1)) == "ALLOWED"
    assert code_of(asked, with_contract(found, insurance_expires=AT)) == "INSURANCE_EXPIRED"


def test_GUARDIAN_REQUIRED() -> None:
    for case in (wearer(), family(), agent()):
        asked, found = permitted(case)
        child = replace(found, standing=Standing.UNDER_14)
        assert code_of(asked, child) == "GUARDIAN_REQUIRED"
        assert code_of(replace(asked, presented=_shown(asked.presented, Document.GUARDIAN_CONSENT)), child) == "ALLOWED"
    asked, found = permitted(clinician())
    assert code_of(asked, replace(found, standing=Standing.UNDER_14)) == "ALLOWED"


def test_KINSHIP_UNPROVEN() -> None:
    asked, found = permitted(medical())
    nobody_looked = Presented(Relation.SIBLING, None, PAPERS)
    assert code_of(replace(asked, presented=Presented(None, frozenset(), PAPERS)), found).startswith("KINSHIP_UNPROVEN")
    assert code_of(replace(asked, presented=nobody_looked), found) == "KINSHIP_UNPROVEN(living kin)"
    without = _without(asked.presented, Document.KINSHIP_CERTIFICATE)
    assert code_of(replace(asked, presented=without), found) == "KINSHIP_UNPROVEN(certificate)"


@pytest.mark.parametrize("kin", [Relation.SPOUSE, Relation.PARENT, Relation.CHILD])
def test_CLOSER_KIN_EXISTS(kin: Relation) -> None:
    asked, found = permitted(medical())
    alone = Presented(Relation.SIBLING, frozenset({Relation.SIBLING}), PAPERS)
    assert code_of(replace(asked, presented=alone), found) == "ALLOWED"
    assert code_of(replace(asked, presented=replace(alone, living_kin=frozenset({kin}))), found) == "CLOSER_KIN_EXISTS"
    parent = replace(alone, relation=Relation.PARENT, living_kin=frozenset({kin}))
    assert code_of(replace(asked, presented=parent), found) == "ALLOWED"


def test_ID_MISSING() -> None:
    asked, found = permitted(medical())
    without = _without(asked.presented, Document.REQUESTER_ID)
    assert code_of(replace(asked, presented=without), found) == "ID_MISSING(requester)"
    assert code_of(replace(asked, presented=_shown(without, Document.MOBILE_ID)), found) == "ALLOWED"
    asked, found = permitted(agent())
    without = _without(asked.presented, Document.PATIENT_ID_COPY)
    assert code_of(replace(asked, presented=without), found) == "ID_MISSING(patient)"
    asked, found = permitted(wearer(DataClass.MEDICAL_RECORD))
    assert code_of(replace(asked, presented=Presented()), found) == "ID_MISSING(requester)"


def test_FORM_NOT_SIGNED() -> None:
    for case in (medical(), agent()):
        asked, found = permitted(case)
        without = _without(asked.presented, Document.CONSENT_FORM)
        assert code_of(replace(asked, presented=without), found) == "FORM_NOT_SIGNED(patient)"


def test_FORM_NOT_SIGNED_where_the_patient_cannot_consent() -> None:
    asked, found = permitted(medical())
    incapable = replace(found, standing=Standing.INCAPABLE)
    guarded = replace(asked, presented=_shown(asked.presented, Document.GUARDIAN_CONSENT))
    certified = replace(asked, presented=_shown(guarded.presented, Document.INCAPACITY_CERTIFICATE))
    assert code_of(guarded, incapable) == "FORM_NOT_SIGNED(physician)"
    assert code_of(certified, incapable) == "ALLOWED"
    siblings = replace(certified.presented, relation=Relation.SIBLING, living_kin=frozenset({Relation.PARENT}))
    assert code_of(replace(certified, presented=siblings), incapable) == "CLOSER_KIN_EXISTS"


def test_POA_MISSING() -> None:
    asked, found = permitted(agent())
    without = Presented(documents=AGENT_PAPERS - {Document.POWER_OF_ATTORNEY})
    assert code_of(replace(asked, presented=without), found) == "POA_MISSING(agent)"


def test_CLINICIAN_HOLD() -> None:
    for case in (family(), medical(), agent()):
        asked, found = permitted(case)
        assert code_of(asked, replace(found, hold=True)) == "CLINICIAN_HOLD"
    for case in (wearer(), clinician()):
        asked, found = permitted(case)
        assert code_of(asked, replace(found, hold=True)) == "ALLOWED"


def test_wellness_days_need_no_papers_and_medical_records_do() -> None:
    asked, found = family()
    assert asked.presented == Presented()
    assert code_of(asked, found) == "ALLOWED"
    asked, found = medical()
    assert code_of(replace(asked, presented=Presented()), found) == "KINSHIP_UNPROVEN(relation)"


def test_a_clinician_may_be_named_or_stand_for_the_institution() -> None:
    asked, found = clinician()
    assert code_of(asked, with_consent(found, recipient=asked.actor)) == "ALLOWED"
    assert code_of(asked, with_consent(found, recipient="dr-lim")) == "CONSENT_MISSING"
    assert code_of(replace(asked, institution=OTHER_HOSPITAL), found) == "CONSENT_MISSING"


def test_every_code_of_the_gate_has_a_test_named_after_it() -> None:
    tests = [name for name in dir(sys.modules[__name__]) if name.startswith("test_")]
    for code in GATE_CODES:
        assert any(name.startswith(f"test_{code.value}") for name in tests), code


def test_every_code_says_what_to_do_next_and_names_nobody() -> None:
    for code in GATE_CODES:
        refusal = Decision(code, "L1").refusal
        assert refusal.refusal is code
        assert refusal.detail == "L1"
        message, hint = reason_of(code)
        assert message
        assert hint
        assert PATIENT.hex() not in str(refusal)


def test_an_allowed_decision_has_no_refusal() -> None:
    with pytest.raises(ValueError, match="no refusal"):
        _ = decide(*family(), RULES).refusal


def _without(presented: Presented, document: Document) -> Presented:
    return replace(presented, documents=presented.documents - {document})


def _shown(presented: Presented, document: Document) -> Presented:
    return replace(presented, documents=presented.documents | {document})
