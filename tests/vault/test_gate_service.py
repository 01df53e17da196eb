"""What the gate does with a decision: opens, filters, counts, seals a receipt, logs; and never half of it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from protocol.agreements import CLAUSES, AgreementState, ContractTerms
from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Day, SubjectId
from protocol.records import RecordKind
from protocol.references import Kind
from protocol.rules import DataClass, Purpose
from tests.vault.gate_cases import AT, MEDICAL_FIELDS, PAPERS, TODAY, scope
from tests.vault.gate_house import House
from tests.vault.support import scratch
from vault import Cause
from vault.documents import Document, Relation, Standing
from vault.envelope import RecordId
from vault.errors import StoreDamaged
from vault.gate import Gate, Presented, Request, Role
from vault.log_anchors import LogTampered

R = RefusalCode


@pytest.fixture
def house() -> Iterator[House]:
    with scratch() as directory:
        built = House(directory)
        yield built
        built.close()


def refused(gate: Gate, request: Request) -> RefusalCode:
    """The code of the refusal that must come."""
    with pytest.raises(Refusal) as caught:
        gate.release(request)
    return caught.value.refusal


def own(house: House, **changes: Any) -> Request:
    """The patient asks for the own days."""
    asked = house.request(None, None, actor=house.patient.hex(), role=Role.WEARER, purpose=Purpose.PATRQT)
    return replace(asked, **changes)


def test_a_relative_gets_the_fields_and_days_consented_to(house: House) -> None:
    release = house.gate.release(house.request(house.consent(), house.contract()))
    assert [day["day"] for day in release.days] == list(range(TODAY - 9, TODAY + 1))
    assert {tuple(sorted(day)) for day in release.days} == {("day", "gait", "steps")}
    assert release.days[-1]["steps"] == 5_000
    assert release.at == AT
    assert house.decisions() == ["ALLOWED"]


def test_the_patient_keeps_a_receipt_of_what_was_shown_to_whom(house: House) -> None:
    consent, contract = house.consent(), house.contract()
    release = house.gate.release(house.request(consent, contract))
    receipt = house.vault.records.open(release.receipt)
    assert (receipt.subject, receipt.kind) == (house.patient, RecordKind.RELEASE)
    assert receipt.opening.kind is Kind.AUDIT
    assert receipt.opening.reference == release.reference
    assert receipt.record == {
        "at": AT,
        "actor": house.relative.hex(),
        "role": "FAMILY",
        "institution": "Seaside Hospital",
        "purpose": "FAMRQT",
        "data_class": "WELLNESS_OBS",
        "fields": ["gait", "steps"],
        "first_day": TODAY - 9,
        "last_day": TODAY,
        "days": 10,
        "consent": consent.id.hex(),
        "contract": contract.id.hex(),
    }


def test_the_wearer_reads_without_a_consent_and_nobody_elses(house: House) -> None:
    assert len(house.gate.release(own(house)).days) == 10
    assert refused(house.gate, own(house, subject=house.relative)) is R.NOT_DATA_SUBJECT


def test_somebody_known_and_somebody_unknown_are_refused_alike(house: House) -> None:
    stranger = SubjectId(bytes(16))
    texts = set()
    for subject in (house.relative, stranger):
        with pytest.raises(Refusal) as caught:
            house.gate.release(own(house, subject=subject))
        texts.add(str(caught.value))
    assert len(texts) == 1
    assert refused(house.gate, own(house, actor=stranger.hex(), subject=stranger)) is R.NOT_DATA_SUBJECT


def test_a_clinician_treats_under_contract_and_consent(house: House) -> None:
    consent = house.consent(recipient="Seaside Hospital", purpose=Purpose.TREAT)
    asked = house.request(consent, house.contract(), actor="dr-han", role=Role.CLINICIAN, purpose="TREAT")
    assert len(house.gate.release(replace(asked, origin="ward 3")).days) == 10
    line = next(house.log.lines()).record
    assert (line["actor"], line["origin"]) == ("dr-han", "ward 3")


def test_a_medical_release_is_the_permission_and_its_receipt(house: House) -> None:
    consent = house.consent(scope=scope(DataClass.MEDICAL_RECORD))
    shown = Presented(Relation.CHILD, frozenset(), PAPERS)
    asked = house.request(consent, house.contract(), data_class=DataClass.MEDICAL_RECORD, fields=MEDICAL_FIELDS)
    assert refused(house.gate, asked) is R.KINSHIP_UNPROVEN
    release = house.gate.release(replace(asked, presented=shown))
    assert release.days == ()
    assert house.vault.records.open(release.receipt).record["data_class"] == "MEDICAL_RECORD"


def test_withdrawal_in_an_open_session_refuses_the_next_request(house: House) -> None:
    consent = house.consent()
    asked = house.request(consent, house.contract())
    house.gate.release(asked)
    house.registry.states[consent.id] = AgreementState.REVOKED
    assert refused(house.gate, asked) is R.CONSENT_REVOKED
    assert house.decisions() == ["ALLOWED", "CONSENT_REVOKED"]


def test_a_consent_ends_to_the_second(house: House) -> None:
    asked = house.request(house.consent(expires=AT + 60), house.contract())
    house.clock.at = AT + 59
    house.gate.release(asked)
    house.clock.at = AT + 60
    assert refused(house.gate, asked) is R.CONSENT_EXPIRED


def test_the_chain_ends_a_consent_before_the_clock_does(house: House) -> None:
    consent = house.consent()
    house.registry.states[consent.id] = AgreementState.EXPIRED
    assert refused(house.gate, house.request(consent, house.contract())) is R.CONSENT_EXPIRED


@pytest.mark.parametrize("trouble", [ConnectionError("no route"), TideprintError("CHAIN_SILENT", "no answer")])
def test_without_the_chain_nothing_is_released(house: House, trouble: Exception) -> None:
    asked = house.request(house.consent(), house.contract())
    house.registry.trouble = trouble
    assert refused(house.gate, asked) is R.STORE_UNREACHABLE
    house.registry.trouble = None
    house.gate.release(asked)
    assert house.decisions() == ["STORE_UNREACHABLE", "ALLOWED"]


def test_the_twins_consent_with_the_same_recipient_opens_nothing(house: House) -> None:
    twin = house.vault.identity.enroll("twin", [b"shoe-two"])
    house.seal_days(twin)
    twins, contract = house.consent(patient=twin.hex()), house.contract()
    assert refused(house.gate, house.request(twins, contract)) is R.CONSENT_OTHER_PATIENT
    house.gate.release(house.request(house.consent(), contract))


def test_terms_sealed_under_somebody_else_open_nothing(house: House) -> None:
    twin = house.vault.identity.enroll("twin", [])
    opened = house.vault.records.open(house.consent().record_id)
    planted = house.vault.records.seal(twin, RecordKind.CONSENT, TODAY, opened.record)
    asked = replace(house.request(None, house.contract()), consent=planted.record_id)
    assert refused(house.gate, asked) is R.CONSENT_OTHER_PATIENT


def test_a_consent_sealed_but_never_given_on_chain_opens_nothing(house: House) -> None:
    consent = house.consent()
    del house.registry.states[consent.id]
    assert refused(house.gate, house.request(consent, house.contract())) is R.CONSENT_MISSING


@pytest.mark.parametrize("wrong", ["", "zz", "0" * 14, "00"])
def test_record_ids_that_lead_nowhere_are_no_consent(house: House, wrong: str) -> None:
    asked = house.request(house.consent(), house.contract())
    assert refused(house.gate, replace(asked, consent=RecordId(wrong))) is R.CONSENT_MISSING
    assert refused(house.gate, replace(asked, contract=RecordId(wrong))) is R.CONTRACT_MISSING


def test_a_contract_is_no_consent_and_a_day_is_neither(house: House) -> None:
    consent, contract = house.consent(), house.contract()
    assert refused(house.gate, house.request(contract, contract)) is R.CONSENT_MISSING
    assert refused(house.gate, house.request(consent, consent)) is R.CONTRACT_MISSING


def test_a_contract_without_liability_clause_releases_nothing(house: House) -> None:
    bare = house.contract(clauses=tuple(clause for clause in CLAUSES if clause != "L1"))
    with pytest.raises(Refusal) as caught:
        house.gate.release(house.request(house.consent(), bare))
    assert (caught.value.refusal, caught.value.detail) == (R.CLAUSE_MISSING, "L1")
    assert house.decisions() == ["CLAUSE_MISSING(L1)"]


def test_signed_on_version_one_while_two_is_current(house: House) -> None:
    consent, first = house.consent(), house.contract()
    house.gate.release(house.request(consent, first))
    second = house.contract(version=2)
    assert refused(house.gate, house.request(consent, first)) is R.VERSION_MISMATCH
    house.gate.release(house.request(consent, second))


def test_a_contract_nobody_signed_names_who_is_missing(house: House) -> None:
    terms = ContractTerms.from_record(house.vault.records.open(house.contract().record_id).record)
    second = house.agreements.discuss(house.agreements.draft_contract(replace(terms, version=2)))
    with pytest.raises(Refusal) as caught:
        house.gate.release(house.request(house.consent(), second))
    assert (caught.value.refusal, caught.value.detail) == (R.SIGNATURE_MISSING, "INSTITUTION")


def test_a_physicians_hold_and_a_childs_guardian(house: House) -> None:
    asked = house.request(house.consent(), house.contract())
    house.notes.hold(house.patient)
    assert refused(house.gate, asked) is R.CLINICIAN_HOLD
    house.notes.lift_hold(house.patient)
    house.gate.release(asked)
    house.notes.set_standing(house.patient, Standing.UNDER_14)
    assert refused(house.gate, asked) is R.GUARDIAN_REQUIRED
    house.gate.release(replace(asked, presented=Presented(documents=frozenset({Document.GUARDIAN_CONSENT}))))


def test_nothing_can_be_noted_of_a_stranger(house: House) -> None:
    with pytest.raises(TideprintError) as caught:
        house.notes.hold(SubjectId(bytes(16)))
    assert caught.value.code == "SUBJECT_UNKNOWN"


def test_uses_run_out_and_the_count_outlives_the_process(house: House) -> None:
    asked = house.request(house.consent(max_uses=2), house.contract())
    house.gate.release(asked)
    house.releases.close()
    reopened = type(house.releases)(house.directory / "releases.db")
    house.releases = reopened
    gate = house.gate_with(house.vault.records)
    gate.release(asked)
    assert refused(gate, asked) is R.USES_EXHAUSTED


def test_a_use_lost_to_another_request_at_once_is_refused(house: House) -> None:
    """Between the facts and the count somebody else takes the last use."""
    consent = house.consent(max_uses=1)
    asked = house.request(consent, house.contract())

    class Racing:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.releases, name)

        def used(self, _: RecordId) -> int:
            house.releases.take(consent.record_id, 1)
            return 0

    releases, house.releases = house.releases, Racing()  # type: ignore[assignment]
    gate = house.gate_with(house.vault.records)
    house.releases = releases
    assert refused(gate, asked) is R.USES_EXHAUSTED
    assert house.decisions() == ["USES_EXHAUSTED"]
    assert house.releases.used(consent.record_id) == 1


class Broken:
    """Records of which one call fails."""

    def __init__(self, house: House, call: str, error: Exception) -> None:
        self._records = house.vault.records
        self._call = call
        self._error = error

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._records, name)
        return self._fail if name == self._call else found

    def _fail(self, *arguments: Any) -> Any:
        if self._call == "records_of" and arguments[1:] == ((), ()):
            return iter(())
        raise self._error


@pytest.mark.parametrize("call", ["open", "records_of", "seal"])
@pytest.mark.parametrize("error", [StoreDamaged("BLOCK_MISSING", "gone"), OSError("disk")])
def test_a_store_that_fails_releases_nothing_and_gives_the_use_back(house: House, call: str, error: Exception) -> None:
    consent = house.consent(max_uses=1)
    asked = house.request(consent, house.contract())
    assert refused(house.gate_with(Broken(house, call, error)), asked) is R.STORE_UNREACHABLE
    assert house.releases.used(consent.record_id) == 0
    assert house.decisions() == ["STORE_UNREACHABLE"]
    house.gate.release(asked)


def test_an_erasure_that_begins_between_decision_and_opening(house: House) -> None:
    error = TideprintError("ERASURE_UNDER_WAY", "this is being erased")
    gate = house.gate_with(Broken(house, "records_of", error))
    assert refused(gate, house.request(house.consent(), house.contract())) is R.CONSENT_MISSING
    assert refused(gate, own(house)) is R.NOT_DATA_SUBJECT


def test_a_locked_vault_serves_nobody(house: House) -> None:
    locked = Refusal(R.SERVICE_LOCKED_PENDING_REPLAY, "restored")
    asked = house.request(house.consent(), house.contract())

    class Locked(Broken):
        def _fail(self, *_: Any) -> Any:
            raise locked

    gate = house.gate_with(Locked(house, "records_of", locked))
    assert refused(gate, asked) is R.SERVICE_LOCKED_PENDING_REPLAY
    assert refused(gate, own(house)) is R.SERVICE_LOCKED_PENDING_REPLAY


def test_a_refusal_after_the_decision_keeps_its_own_code(house: House) -> None:
    reused = Refusal(R.SALT_REUSED, "a salt came a second time")
    gate = house.gate_with(Broken(house, "seal", reused))
    consent = house.consent(max_uses=1)
    assert refused(gate, house.request(consent, house.contract())) is R.SALT_REUSED
    assert house.releases.used(consent.record_id) == 0


def test_a_vault_that_refuses_the_probe_counts_as_unreachable(house: House) -> None:
    other = Refusal(R.LEGAL_HOLD, "held")

    class Refusing(Broken):
        def _fail(self, *_: Any) -> Any:
            raise other

    assert refused(house.gate_with(Refusing(house, "records_of", other)), own(house)) is R.STORE_UNREACHABLE


def test_reading_stops_when_an_erasure_is_requested_and_nothing_is_left_after_it(house: House) -> None:
    consent, contract = house.consent(), house.contract()
    asked = house.request(consent, contract)
    house.gate.release(asked)
    house.notes.hold(house.patient)
    mine = house.log.of_subject(house.patient)
    assert len(mine) == 1
    target = house.vault.target_of(house.patient)
    stores = (house.book.erasable, house.releases.erasable, house.notes.erasable)
    assert [store.count(target) for store in stores] == [4, 1, 1]
    house.vault.erasures.request(Cause.ERASURE_REQUEST, target)
    assert refused(house.gate, asked) is R.CONSENT_MISSING
    assert refused(house.gate, own(house)) is R.NOT_DATA_SUBJECT
    house.vault.erase(house.patient, Cause.ERASURE_REQUEST, identity_verified=True)
    assert refused(house.gate, asked) is R.CONSENT_MISSING
    assert [store.count(target) for store in stores] == [0, 0, 0]
    assert house.log.of_subject(house.patient) == ()
    assert house.decisions() == ["ALLOWED", "CONSENT_MISSING", "NOT_DATA_SUBJECT", "CONSENT_MISSING"]


def test_a_clock_set_back_is_an_incident_and_nothing_is_released(house: House) -> None:
    asked = house.request(house.consent(), house.contract())
    house.gate.release(asked)
    house.clock.at = AT - 3_600
    assert refused(house.gate, asked) is R.CLOCK_UNTRUSTED
    assert [line.record["decision"] for line in house.log.incidents()] == ["CLOCK_UNTRUSTED(3600 s back)"]
    house.clock.at = AT
    house.gate.release(asked)


def test_with_a_log_that_was_tampered_with_nothing_is_released(house: House) -> None:
    consent = house.consent(max_uses=2)
    asked = house.request(consent, house.contract())
    house.gate.release(asked)
    house.log._database.execute("UPDATE head SET count = 0")
    with pytest.raises(LogTampered):
        house.gate.release(asked)
    assert house.releases.used(consent.record_id) == 1


def test_what_a_refusal_leaves_in_the_log_holds_no_pseudonym(house: House) -> None:
    refused(house.gate, own(house, subject=house.relative, purpose="please sell 010-1234-5678"))
    refused(house.gate, own(house, actor="not hex", role=Role.FAMILY))
    raw = "".join(str(line.record) for line in house.log.lines())
    assert house.patient.hex() not in raw
    assert house.relative.hex() not in raw
    assert "1234" not in raw
    assert "not hex" not in raw
    assert "OTHER" in raw


def test_a_day_without_a_record_is_simply_not_there(house: House) -> None:
    release = house.gate.release(own(house, first_day=Day(TODAY - 300), fields=("steps",)))
    assert len(release.days) == 12
