"""Permitted requests with their facts, for the tests of `decide`: change one thing and see which code comes."""

from dataclasses import replace
from typing import Any

from protocol.agreements import CLAUSES, AgreementState, ConsentTerms, ContractTerms, Scope
from protocol.calendar import SECONDS_PER_DAY, day_of
from protocol.errors import RefusalCode
from protocol.quantities import Day, Seconds, SubjectId
from protocol.rules import DataClass, Purpose, RuleSet
from vault.documents import Document, Relation
from vault.gate import AgreementFacts, Decision, Facts, Presented, Request, Role, decide

AT = Seconds(1_795_000_000)
TODAY = day_of(AT)
PATIENT, TWIN, RELATIVE = SubjectId(bytes(15) + b"\1"), SubjectId(bytes(15) + b"\2"), SubjectId(bytes(15) + b"\3")
HOSPITAL, OTHER_HOSPITAL = "Seaside Hospital", "Hill Hospital"
FIELDS = ("steps", "gait")
MEDICAL_FIELDS = ("visits",)
RULES = RuleSet()
PAPERS = frozenset({Document.KINSHIP_CERTIFICATE, Document.REQUESTER_ID, Document.CONSENT_FORM})
AGENT_PAPERS = frozenset(
    {Document.REQUESTER_ID, Document.CONSENT_FORM, Document.POWER_OF_ATTORNEY, Document.PATIENT_ID_COPY}
)


def scope(data_class: DataClass = DataClass.WELLNESS_OBS, **changes: Any) -> Scope:
    """Ten days up to today."""
    fields = FIELDS if data_class is DataClass.WELLNESS_OBS else MEDICAL_FIELDS
    return replace(Scope(data_class, fields, TODAY - 9, TODAY), **changes)


def consent_terms(**changes: Any) -> ConsentTerms:
    """The patient lets the relative see ten wellness days for thirty days."""
    terms = ConsentTerms(
        patient=PATIENT.hex(),
        recipient=RELATIVE.hex(),
        institution=HOSPITAL,
        scope=scope(),
        purpose=Purpose.FAMRQT,
        starts=AT - SECONDS_PER_DAY,
        expires=AT + 29 * SECONDS_PER_DAY,
        signer="0x" + "11" * 20,
        max_uses=3,
    )
    return replace(terms, **changes)


def contract_terms(**changes: Any) -> ContractTerms:
    """Hospital, patient and relative; everything in it."""
    terms = ContractTerms(
        version=1,
        institution=HOSPITAL,
        patient=PATIENT.hex(),
        family=RELATIVE.hex(),
        institution_signer="0x" + "22" * 20,
        patient_signer="0x" + "33" * 20,
        family_signer="0x" + "44" * 20,
        clauses=CLAUSES,
        insurance_expires=AT + 300 * SECONDS_PER_DAY,
        starts=AT - SECONDS_PER_DAY,
        expires=AT + 300 * SECONDS_PER_DAY,
    )
    return replace(terms, **changes)


def request(**changes: Any) -> Request:
    """The relative asks for the patient's wellness days."""
    asked = Request(
        actor=RELATIVE.hex(),
        role=Role.FAMILY,
        institution=HOSPITAL,
        subject=PATIENT,
        data_class=DataClass.WELLNESS_OBS,
        fields=FIELDS,
        first_day=Day(TODAY - 9),
        last_day=TODAY,
        purpose=Purpose.FAMRQT,
    )
    return replace(asked, **changes)


def facts(**changes: Any) -> Facts:
    """Consent and contract stand, on the chain too."""
    found = Facts(
        at=AT,
        consent=AgreementFacts(PATIENT, consent_terms(), bytes(31) + b"\1", AgreementState.ACTIVE),
        contract=AgreementFacts(PATIENT, contract_terms(), bytes(31) + b"\2", AgreementState.ACTIVE),
        current_version=1,
    )
    return replace(found, **changes)


def with_consent(found: Facts, state: AgreementState | None = AgreementState.ACTIVE, **changes: Any) -> Facts:
    """The facts with other consent terms or another state of it."""
    assert found.consent
    return replace(found, consent=replace(found.consent, terms=replace(found.consent.terms, **changes), state=state))


def with_contract(found: Facts, state: AgreementState | None = AgreementState.ACTIVE, **changes: Any) -> Facts:
    """The facts with other contract terms or another state of it."""
    assert found.contract
    return replace(found, contract=replace(found.contract, terms=replace(found.contract.terms, **changes), state=state))


Case = tuple[Request, Facts]


def family() -> Case:
    """A relative asks for wellness days."""
    return request(), facts()


def medical() -> Case:
    """A child asks for medical records, with all papers."""
    shown = Presented(Relation.CHILD, frozenset(), PAPERS)
    asked = request(data_class=DataClass.MEDICAL_RECORD, fields=MEDICAL_FIELDS, presented=shown)
    return asked, with_consent(facts(), scope=scope(DataClass.MEDICAL_RECORD))


def agent() -> Case:
    """An agent asks for medical records, with all papers."""
    asked, found = medical()
    shown = Presented(documents=AGENT_PAPERS)
    asked = replace(asked, role=Role.AGENT, purpose=Purpose.PATRQT, presented=shown)
    return asked, with_consent(found, scope=scope(DataClass.MEDICAL_RECORD), purpose=Purpose.PATRQT)


def clinician(purpose: Purpose = Purpose.TREAT, data_class: DataClass = DataClass.WELLNESS_OBS) -> Case:
    """A clinician of the hospital treats."""
    asked = request(actor="dr-han", role=Role.CLINICIAN, purpose=purpose, data_class=data_class)
    asked = replace(asked, fields=scope(data_class).fields)
    return asked, with_consent(facts(), recipient=HOSPITAL, purpose=purpose, scope=scope(data_class))


def wearer(data_class: DataClass = DataClass.WELLNESS_OBS) -> Case:
    """The patient reads the own records, without consent or contract; an identity card for medical records."""
    shown = Presented(documents=frozenset({Document.MOBILE_ID}))
    asked = request(actor=PATIENT.hex(), role=Role.WEARER, purpose=Purpose.PATRQT, data_class=data_class)
    return replace(asked, fields=scope(data_class).fields, presented=shown), facts(consent=None, contract=None)


def permitted(case: Case) -> Case:
    """Check the permitted twin first, then hand it out to be changed."""
    assert decide(*case, RULES) == Decision()
    return case


def code_of(asked: Request, found: Facts, rules: RuleSet = RULES) -> str:
    """The decision as text."""
    return decide(asked, found, rules).text


def refusal(code: RefusalCode, detail: str = "") -> str:
    """A refusal as text."""
    return Decision(code, detail).text
