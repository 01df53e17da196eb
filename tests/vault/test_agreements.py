"""From sealed terms to signatures: what is signed is what is sealed, and versions count."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_keys.constants import SECPK1_N

from protocol.agreements import ConsentTerms, ContractTerms
from protocol.calendar import SECONDS_PER_DAY
from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Address
from protocol.records import RecordKind
from protocol.references import Kind
from protocol.rules import Purpose, RuleSet
from protocol.typed_data import Consent, Contract, digest_of, signable
from tests.vault.gate_cases import AT, consent_terms
from tests.vault.gate_house import DOMAIN, House, sign, wallet
from tests.vault.support import scratch
from vault import Cause
from vault.agreement_book import AgreementBook, Parties, Party, Stage
from vault.agreements import Agreements
from vault.envelope import RecordId
from vault.errors import StoreDamaged


@pytest.fixture
def house() -> Iterator[House]:
    with scratch() as directory:
        built = House(directory)
        yield built
        built.close()


def code(error: pytest.ExceptionInfo[TideprintError]) -> str:
    return error.value.code


def terms(house: House, **changes: Any) -> ConsentTerms:
    own = consent_terms(patient=house.patient.hex(), recipient=house.relative.hex(), signer=wallet().address)
    return replace(own, **changes)


def test_a_consent_to_sign_is_what_was_sealed(house: House) -> None:
    account = wallet()
    agreed = terms(house, signer=account.address)
    to_sign = house.agreements.seal_consent(agreed)
    opened = house.vault.records.open(to_sign.record_id)
    assert (opened.subject, opened.kind) == (house.patient, RecordKind.CONSENT)
    assert ConsentTerms.from_record(opened.record) == agreed
    assert opened.opening.kind is Kind.READING
    assert to_sign.message == Consent(opened.opening.reference, Address(account.address), agreed.starts, agreed.expires)
    assert to_sign.id == digest_of(DOMAIN, to_sign.message)
    signature = sign(account, to_sign)
    assert Account.recover_message(signable(DOMAIN, to_sign.message), signature=signature) == account.address


def test_the_same_terms_twice_are_two_consents(house: House) -> None:
    agreed = terms(house)
    assert house.agreements.seal_consent(agreed).id != house.agreements.seal_consent(agreed).id


def test_a_consent_is_for_ninety_days_at_most(house: House) -> None:
    house.agreements.seal_consent(terms(house, starts=AT, expires=AT + 90 * SECONDS_PER_DAY))
    for expires in (AT + 90 * SECONDS_PER_DAY + 1, AT, AT - 1):
        with pytest.raises(TideprintError) as error:
            house.agreements.seal_consent(terms(house, starts=AT, expires=expires))
        assert code(error) == "TERM_INVALID"


def test_a_purpose_outside_the_rules_is_not_sealed(house: House) -> None:
    strict = Agreements(house.vault.records, house.book, DOMAIN, RuleSet(purposes=(Purpose.TREAT,)), house.clock)
    with pytest.raises(Refusal) as error:
        strict.seal_consent(terms(house))
    assert error.value.refusal is RefusalCode.PURPOSE_NOT_ALLOWED


def draft(house: House, **changes: Any) -> tuple[dict[Party, object], RecordId, ContractTerms]:
    wallets = {party: wallet() for party in Party}
    agreed = house.terms(wallets, **changes)
    return dict(wallets), house.agreements.draft_contract(agreed), agreed


def test_a_contract_goes_from_draft_to_discussed_to_signed(house: House) -> None:
    wallets = {party: wallet() for party in Party}
    agreed = house.terms(wallets)
    record_id = house.agreements.draft_contract(agreed)
    assert house.agreements.stage_of(record_id) is Stage.DRAFT
    assert house.agreements.current_version(agreed) == 0
    to_sign = house.agreements.discuss(record_id)
    assert house.agreements.stage_of(record_id) is Stage.DISCUSSED
    assert house.agreements.current_version(agreed) == 1
    assert isinstance(to_sign.message, Contract)
    assert to_sign == house.agreements.to_sign(record_id)
    stages, missing, signatures = [], [], {}
    for party in (Party.FAMILY, Party.INSTITUTION, Party.PATIENT):
        signatures[party] = sign(wallets[party], to_sign)
        stages.append(house.agreements.sign(record_id, party, signatures[party]))
        missing.append(house.agreements.unsigned(record_id))
    assert stages == [Stage.DISCUSSED, Stage.DISCUSSED, Stage.SIGNED]
    assert missing == [("INSTITUTION", "PATIENT"), ("PATIENT",), ()]
    assert house.agreements.signatures(record_id) == signatures


def test_nobody_signs_for_another_nor_twice_into_a_signed_contract(house: House) -> None:
    wallets = {party: wallet() for party in Party}
    to_sign = house.agreements.discuss(house.agreements.draft_contract(house.terms(wallets)))
    with pytest.raises(Refusal) as error:
        house.agreements.sign(to_sign.record_id, Party.PATIENT, sign(wallets[Party.FAMILY], to_sign))
    assert (error.value.refusal, error.value.detail) == (RefusalCode.PARTY_MISMATCH, "PATIENT")
    for party, account in wallets.items():
        house.agreements.sign(to_sign.record_id, party, sign(account, to_sign))
    with pytest.raises(TideprintError) as late:
        house.agreements.sign(to_sign.record_id, Party.PATIENT, sign(wallets[Party.PATIENT], to_sign))
    assert code(late) == "STAGE_INVALID"


NO_SIGNATURES = {
    "empty": b"",
    "short": b"\1" * 64,
    "zero": bytes(64) + b"\x1b",
    "beyond the order": b"\xff" * 32 + b"\1" * 32 + b"\x1b",
    "v of another kind": b"\1" * 64 + b"\0",
}


@pytest.mark.parametrize("signature", NO_SIGNATURES.values(), ids=NO_SIGNATURES.keys())
def test_what_is_no_signature_is_refused(house: House, signature: bytes) -> None:
    to_sign = house.agreements.discuss(draft(house)[1])
    with pytest.raises(Refusal) as error:
        house.agreements.sign(to_sign.record_id, Party.PATIENT, signature)
    assert error.value.refusal is RefusalCode.PARTY_MISMATCH


def test_the_other_signature_of_a_pair_is_refused_as_the_chain_would(house: House) -> None:
    wallets = {party: wallet() for party in Party}
    to_sign = house.agreements.discuss(house.agreements.draft_contract(house.terms(wallets)))
    signature = sign(wallets[Party.PATIENT], to_sign)
    high = (SECPK1_N - int.from_bytes(signature[32:64])).to_bytes(32)
    flipped = signature[:32] + high + bytes((55 - signature[64],))
    assert (
        Account.recover_message(signable(DOMAIN, to_sign.message), signature=flipped) == wallets[Party.PATIENT].address
    )
    with pytest.raises(Refusal):
        house.agreements.sign(to_sign.record_id, Party.PATIENT, flipped)
    house.agreements.sign(to_sign.record_id, Party.PATIENT, signature)


def test_a_draft_is_not_signed_and_not_discussed_twice(house: House) -> None:
    wallets = {party: wallet() for party in Party}
    record_id = house.agreements.draft_contract(house.terms(wallets))
    signature = sign(wallets[Party.PATIENT], house.agreements.to_sign(record_id))
    with pytest.raises(TideprintError) as error:
        house.agreements.sign(record_id, Party.PATIENT, signature)
    assert code(error) == "STAGE_INVALID"
    house.agreements.discuss(record_id)
    with pytest.raises(TideprintError) as again:
        house.agreements.discuss(record_id)
    assert code(again) == "STAGE_INVALID"


def test_an_amendment_is_the_next_version_and_current_once_discussed(house: House) -> None:
    _, _, first = draft(house)
    with pytest.raises(TideprintError) as error:
        house.agreements.draft_contract(first)
    assert code(error) == "VERSION_INVALID"
    _, second_id, second = draft(house, version=2)
    assert house.agreements.current_version(second) == 0
    house.agreements.discuss(second_id)
    assert house.agreements.current_version(first) == 2
    assert house.agreements.unsigned(second_id) == ("INSTITUTION", "PATIENT", "FAMILY")


def test_versions_of_other_parties_do_not_count(house: House) -> None:
    house.contract()
    sibling = house.vault.identity.enroll("sibling", [])
    house.contract(family=sibling.hex())
    house.contract(institution="Hill Hospital")
    with pytest.raises(TideprintError) as error:
        house.contract(family=sibling.hex(), version=3)
    assert code(error) == "VERSION_INVALID"


def test_a_contract_runs_366_days_at_most(house: House) -> None:
    draft(house, starts=AT, expires=AT + 366 * SECONDS_PER_DAY)
    with pytest.raises(TideprintError) as error:
        draft(house, version=2, starts=AT, expires=AT + 366 * SECONDS_PER_DAY + 1)
    assert code(error) == "TERM_INVALID"


def test_a_consent_is_no_contract_and_an_unknown_one_has_no_stage(house: House) -> None:
    consent = house.consent()
    for ask in (house.agreements.to_sign, house.agreements.stage_of):
        with pytest.raises(TideprintError) as error:
            ask(consent.record_id)
        assert code(error) == "CONTRACT_UNKNOWN"


def test_an_old_copy_of_the_book_ties_no_erased_person_to_the_chain(house: House) -> None:
    """The copy holds neither the id on chain, nor a signer, nor a readable signature; its seal died with the person."""
    contract = house.contract()
    signatures = house.agreements.signatures(contract.record_id)
    house.book._database.checkpoint()
    copy = house.directory / "copy.db"
    shutil.copy(house.directory / "agreements.db", copy)
    raw = copy.read_bytes()
    assert contract.record_id.encode() in raw
    assert not any(secret in raw for secret in (contract.id, *signatures.values()))
    house.vault.erase(house.patient, Cause.ERASURE_REQUEST, identity_verified=True)
    old = AgreementBook(copy, house.tag_key)
    for ask in (
        lambda: old.signatures(contract.record_id, house.patient),
        lambda: old.current_version(Parties(house.patient, "Seaside Hospital", house.relative.hex())),
    ):
        with pytest.raises(TideprintError) as error:
            ask()
        assert code(error) == "SUBJECT_UNKNOWN"
    old.close()
    assert contract.record_id.encode() not in (house.directory / "agreements.db").read_bytes()


def test_a_sealed_signature_opens_at_its_own_place_only(house: House) -> None:
    contract = house.contract()
    with sqlite3.connect(house.directory / "agreements.db") as connection:
        connection.execute("UPDATE signatures SET party = 'X' WHERE party = 'PATIENT'")
        connection.execute("UPDATE signatures SET party = 'PATIENT' WHERE party = 'FAMILY'")
        connection.execute("UPDATE signatures SET party = 'FAMILY' WHERE party = 'X'")
    connection.close()
    with pytest.raises(StoreDamaged):
        house.agreements.signatures(contract.record_id)
