from dataclasses import asdict, replace

import boa
import pytest
from eth_hash.auto import keccak

from protocol.agreements import AgreementState as State
from protocol.typed_data import Suspend, digest_of
from tests.contracts.agreements import (
    DAY,
    PARTIES,
    conclude,
    consent,
    contract,
    give,
    resume,
    revoke_consent,
    revoke_contract,
    state,
    suspend,
)
from tests.contracts.support import House, account, events, key, now, sign


def test_a_patient_revokes_a_consent_by_signature_or_directly(house: House) -> None:
    for direct in (False, True):
        with boa.env.anchor():
            made = consent()
            id = give(house, made)
            if direct:
                house.consents.revoke_consent(*asdict(made).values(), 0, b"", sender=made.signer)
            else:
                revoke_consent(house, made)
            assert events(house.consents) == [("Revoked", {"id": id})]
            assert state(house, id) is State.REVOKED
            with boa.reverts("consent: ended"):
                revoke_consent(house, made)
            with boa.reverts("consent: revoked"):
                give(house, made)
            boa.env.time_travel(2 * DAY)
            assert state(house, id) is State.REVOKED


def test_a_consent_is_revoked_before_it_starts(house: House) -> None:
    made = consent(starts=now() + 10)
    id = give(house, made)
    revoke_consent(house, made)
    boa.env.time_travel(10)
    assert state(house, id) is State.REVOKED


def test_nobody_else_revokes_a_consent(house: House) -> None:
    made = consent()
    id = give(house, made)
    for stranger in ("institution", "family", "stranger"):
        with boa.reverts("consent: signature"):
            revoke_consent(house, made, stranger)
        with boa.reverts("consent: signature"):
            house.consents.revoke_consent(*asdict(made).values(), 2**64 - 1, b"", sender=account(stranger))
    assert state(house, id) is State.ACTIVE


def test_a_revocation_after_its_deadline_is_refused(house: House) -> None:
    made = consent()
    give(house, made)
    with boa.reverts("consent: late"):
        revoke_consent(house, made, deadline=now() - 1)
    revoke_consent(house, made, deadline=now())


@pytest.mark.parametrize("direct", [False, True])
def test_a_consent_kept_back_is_revoked_for_good(house: House, direct: bool) -> None:
    made = consent(expires=now() + 300 * DAY)
    id = digest_of(house.consent_domain, made)
    if direct:
        house.consents.revoke_consent(*asdict(made).values(), 0, b"", sender=made.signer)
    else:
        revoke_consent(house, made)
    assert events(house.consents) == [("Revoked", {"id": id})]
    for _ in range(2):
        assert state(house, id) is State.REVOKED
        with boa.reverts("consent: revoked"):
            give(house, made)
        with boa.reverts("consent: ended"):
            revoke_consent(house, made)
        with boa.reverts("consent: signer used"):
            give(house, replace(made, reference=keccak(b"other terms")))
        boa.env.time_travel(200 * DAY)
    assert house.consents.record_of(id) == made.starts | made.expires << 64 | State.REVOKED << 128


@pytest.mark.parametrize("by", ["patient", "family"])
@pytest.mark.parametrize("direct", [False, True])
def test_a_contract_kept_back_is_revoked_for_good(house: House, by: str, direct: bool) -> None:
    made = contract(expires=now() + 300 * DAY)
    id = digest_of(house.consent_domain, made)
    if direct:
        house.consents.revoke_contract(*asdict(made).values(), account(by), 0, b"", sender=account(by))
    else:
        revoke_contract(house, made, by)
    assert events(house.consents) == [("Revoked", {"id": id})]
    assert [party for party in PARTIES if house.consents.is_used(account(party))] == [by]
    boa.env.time_travel(200 * DAY)
    assert state(house, id) is State.REVOKED
    with boa.reverts("consent: revoked"):
        conclude(house, made)
    with boa.reverts("consent: signer used"):
        conclude(house, replace(made, reference=keccak(b"other terms")))
    for call in (lambda: suspend(house, made), lambda: revoke_contract(house, made, "patient")):
        with boa.reverts("consent: ended"):
            call()
    with boa.reverts("consent: not suspended"):
        resume(house, made)
    with boa.reverts("consent: ended"):
        house.decide(house.consents, "declare_breach", id)


def test_nobody_else_revokes_what_is_kept_back(house: House) -> None:
    for stranger in ("institution", "family", "stranger"):
        with boa.reverts("consent: signature"):
            revoke_consent(house, consent(), stranger)
        with boa.reverts("consent: signature"):
            house.consents.revoke_consent(*asdict(consent()).values(), 2**64 - 1, b"", sender=account(stranger))
    for stranger in ("institution", "stranger"):
        with boa.reverts("consent: not a party"):
            revoke_contract(house, contract(), stranger)
        with boa.reverts("consent: signature"):
            revoke_contract(house, contract(), "family", signer=stranger)
    with boa.reverts("consent: late"):
        revoke_consent(house, consent(), deadline=now() - 1)
    give(house, consent())


def test_a_revocation_that_misnames_an_agreement_is_refused(house: House) -> None:
    """Taken for one that was kept back, it would leave the agreement that was meant in effect."""
    made = consent()
    id = give(house, made)
    with boa.reverts("consent: signer used"):
        revoke_consent(house, replace(made, expires=made.expires + 1))
    assert state(house, id) is State.ACTIVE


@pytest.mark.parametrize("by", ["patient", "family"])
@pytest.mark.parametrize("direct", [False, True])
def test_patient_or_family_ends_a_contract(house: House, by: str, direct: bool) -> None:
    made = contract()
    id = conclude(house, made)
    if direct:
        house.consents.revoke_contract(*asdict(made).values(), account(by), 0, b"", sender=account(by))
    else:
        revoke_contract(house, made, by)
    assert events(house.consents) == [("Revoked", {"id": id})]
    assert state(house, id) is State.REVOKED
    for call in (lambda: suspend(house, made), lambda: revoke_contract(house, made, "patient")):
        with boa.reverts("consent: ended"):
            call()
    with boa.reverts("consent: ended"):
        house.decide(house.consents, "declare_breach", id)


@pytest.mark.parametrize("by", ["institution", "stranger"])
def test_an_institution_ends_no_contract(house: House, by: str) -> None:
    made = contract()
    conclude(house, made)
    with boa.reverts("consent: not a party"):
        revoke_contract(house, made, by)
    with boa.reverts("consent: not a party"):
        house.consents.revoke_contract(*asdict(made).values(), account(by), 0, b"", sender=account(by))
    with boa.reverts("consent: signature"):
        revoke_contract(house, made, "patient", signer=by)


@pytest.mark.parametrize("direct", [False, True])
def test_an_institution_suspends_and_resumes(house: House, direct: bool) -> None:
    made = contract()
    id = conclude(house, made)
    for round in range(2):
        for name, call, signed, expected in (
            ("Suspended", house.consents.suspend_contract, suspend, State.SUSPENDED),
            ("Resumed", house.consents.resume_contract, resume, State.ACTIVE),
        ):
            if direct:
                call(*asdict(made).values(), 0, b"", sender=made.institution)
            else:
                signed(house, made, deadline=now() + round)
            assert events(house.consents) == [(name, {"id": id})]
            assert state(house, id) is expected


@pytest.mark.parametrize("other", ["patient", "family", "stranger"])
def test_only_the_institution_suspends_and_resumes(house: House, other: str) -> None:
    made = contract()
    conclude(house, made)
    with boa.reverts("consent: signature"):
        suspend(house, made, other)
    suspend(house, made)
    with boa.reverts("consent: signature"):
        resume(house, made, other)


def test_a_suspension_is_not_played_again(house: House) -> None:
    made = contract()
    id = conclude(house, made)
    suspended, deadline = suspend(house, made), 2**64 - 1
    resumed = resume(house, made)
    with boa.reverts("consent: played again"):
        house.consents.suspend_contract(*asdict(made).values(), deadline, suspended)
    suspend(house, made, deadline=deadline - 1)
    with boa.reverts("consent: played again"):
        house.consents.resume_contract(*asdict(made).values(), deadline, resumed)
    assert state(house, id) is State.SUSPENDED


def test_suspend_and_resume_take_turns_and_keep_to_deadlines(house: House) -> None:
    made = contract()
    conclude(house, made)
    with boa.reverts("consent: not suspended"):
        resume(house, made)
    with boa.reverts("consent: late"):
        suspend(house, made, deadline=now() - 1)
    suspend(house, made)
    with boa.reverts("consent: suspended"):
        suspend(house, made, deadline=now() + 1)
    with boa.reverts("consent: late"):
        resume(house, made, deadline=now() - 1)


def test_a_suspension_signature_does_not_resume_or_revoke(house: House) -> None:
    made = contract()
    id = conclude(house, made)
    signature = sign(key("institution"), house.consent_domain, Suspend(id, now()))
    suspend(house, made)
    with boa.reverts("consent: signature"):
        house.consents.resume_contract(*asdict(made).values(), now(), signature)


def test_a_suspended_contract_still_ends(house: House) -> None:
    made = contract()
    id = conclude(house, made)
    suspend(house, made)
    with boa.env.anchor():
        boa.env.time_travel(DAY)
        assert state(house, id) is State.EXPIRED
        with boa.reverts("consent: not suspended"):
            resume(house, made)
    with boa.env.anchor():
        house.decide(house.consents, "declare_breach", id)
        assert state(house, id) is State.BREACHED
    revoke_contract(house, made, "family")
    assert state(house, id) is State.REVOKED
    with boa.reverts("consent: not suspended"):
        resume(house, made)


def test_a_contract_may_be_suspended_before_it_starts(house: House) -> None:
    made = contract(starts=now() + 10)
    id = conclude(house, made)
    suspend(house, made)
    boa.env.time_travel(10)
    assert state(house, id) is State.SUSPENDED
    resume(house, made)
    assert state(house, id) is State.ACTIVE


def test_the_council_declares_a_breach(house: House) -> None:
    made = contract()
    id = conclude(house, made)
    for stranger in ("institution", "patient", "inspector", "guardian"):
        with boa.reverts("governed: not the Council"):
            house.consents.declare_breach(id, sender=account(stranger))
    house.decide(house.consents, "declare_breach", id)
    assert events(house.consents) == [("Breached", {"id": id})]
    assert state(house, id) is State.BREACHED
    with boa.reverts("consent: ended"):
        revoke_contract(house, made, "patient")
    boa.env.time_travel(2 * DAY)
    assert state(house, id) is State.BREACHED


def test_only_a_contract_is_breached(house: House) -> None:
    for id in (give(house, consent()), keccak(b"unknown")):
        with boa.reverts("consent: not a contract"):
            house.decide(house.consents, "declare_breach", id)


def test_a_consent_is_no_contract(house: House) -> None:
    """The two kinds have different digests, so the calls of one never reach the other."""
    give(house, consent())
    with boa.reverts("consent: unknown"):
        suspend(house, contract())
