from dataclasses import asdict

import boa
import pytest
from eth_hash.auto import keccak

from protocol.agreements import AgreementState as State
from protocol.quantities import Address
from protocol.typed_data import CONSENT_DOMAIN, Consent, Domain, digest_of
from tests.contracts.agreements import (
    DAY,
    MAGIC,
    PARTIES,
    REFUSAL,
    ZERO,
    conclude,
    consent,
    contract,
    give,
    revoke_consent,
    revoke_contract,
    state,
    suspend,
)
from tests.contracts.support import House, account, chain_id, deployer, events, key, malleable_twin, now, sign


def test_a_patient_gives_a_consent(house: House) -> None:
    made = consent()
    id = give(house, made)
    assert events(house.consents) == [("Given", {"id": id})]
    assert id == digest_of(house.consent_domain, made) == house.consents.consent_id(*asdict(made).values())
    assert state(house, id) is State.ACTIVE
    assert house.consents.record_of(id) == made.starts | made.expires << 64
    assert house.consents.is_used(made.signer)


def test_three_parties_conclude_a_contract(house: House) -> None:
    made = contract()
    id = conclude(house, made)
    assert events(house.consents) == [("Concluded", {"id": id})]
    assert id == digest_of(house.consent_domain, made) == house.consents.contract_id(*asdict(made).values())
    assert state(house, id) is State.ACTIVE
    assert house.consents.record_of(id) == made.starts | made.expires << 64 | 1 << 136


def test_an_unknown_id_is_nothing(house: House) -> None:
    assert state(house, keccak(b"unknown")) is State.NONE


def test_only_the_patients_signature_gives(house: House) -> None:
    for signer in ("institution", "family", "stranger"):
        with boa.reverts("consent: signature"):
            give(house, consent(), key(signer))
    with boa.reverts("consent: signature"):
        house.consents.give(*asdict(consent()).values(), b"", sender=account("patient"))
    with boa.reverts("consent: signature"):
        house.consents.give(*asdict(consent(signer=ZERO)).values(), bytes(64) + b"\x1b")


@pytest.mark.parametrize("missing", range(3))
def test_every_signature_of_a_contract_counts(house: House, missing: int) -> None:
    for other in (*PARTIES, "stranger"):
        signers = tuple(other if index == missing else party for index, party in enumerate(PARTIES))
        if signers != PARTIES:
            with boa.reverts(f"consent: {PARTIES[missing]} signature"):
                conclude(house, contract(), signers)


@pytest.mark.parametrize(
    ("same", "also"), [("institution", "patient"), ("institution", "family"), ("patient", "family")]
)
def test_three_parties_are_three(house: House, same: str, also: str) -> None:
    with boa.reverts("consent: parties"):
        conclude(house, contract(**{also: account(same)}))


@pytest.mark.parametrize("field", ["reference", "starts", "expires"])
def test_a_signature_covers_every_term(house: House, field: str) -> None:
    for made, reason in ((consent(), "consent: signature"), (contract(), "consent: institution signature")):
        value = getattr(made, field)
        changed = asdict(made) | {field: keccak(b"other") if field == "reference" else value + 1}
        signers = ["patient"] if isinstance(made, Consent) else PARTIES
        signatures = [sign(key(signer), house.consent_domain, made) for signer in signers]
        call = house.consents.give if isinstance(made, Consent) else house.consents.conclude
        with boa.reverts(reason):
            call(*changed.values(), *signatures)


def test_a_signature_for_another_registry_or_chain_is_refused(house: House) -> None:
    made, domain = consent(), house.consent_domain
    for other in (
        Domain(CONSENT_DOMAIN, chain_id() + 1, domain.contract),
        Domain(CONSENT_DOMAIN, chain_id(), account("other registry")),
        Domain("Other", chain_id(), domain.contract),
    ):
        with boa.reverts("consent: signature"):
            house.consents.give(*asdict(made).values(), sign(key("patient"), other, made))


def test_spoiled_signatures_are_refused(house: House) -> None:
    made = consent()
    good = sign(key("patient"), house.consent_domain, made)
    for bad in (malleable_twin(good), good[:64], good[:64] + b"\x1d", bytes(65)):
        with boa.reverts("consent: signature"):
            house.consents.give(*asdict(made).values(), bad)


@pytest.mark.parametrize(
    ("starts", "expires", "reason"),
    [
        (0, 0, "consent: term"),
        (DAY, 0, "consent: term"),
        (0, 366 * DAY + 1, "consent: term"),
        (-DAY, 0, "consent: expired"),
        (-DAY, -1, "consent: expired"),
    ],
)
def test_a_term_is_at_most_a_year_and_not_over(house: House, starts: int, expires: int, reason: str) -> None:
    term = {"starts": now() + starts, "expires": now() + expires}
    with boa.reverts(reason):
        give(house, consent(**term))
    with boa.reverts(reason):
        conclude(house, contract(**term))


def test_the_longest_and_the_shortest_term(house: House) -> None:
    assert state(house, give(house, consent(expires=now() + 366 * DAY))) is State.ACTIVE
    assert state(
        house,
        conclude(house, contract(patient=account("other"), expires=now() + 1), ("institution", "other", "family")),
    )


def test_time_starts_and_ends_it_to_the_second(house: House) -> None:
    id = give(house, consent(starts=now() + 10, expires=now() + 20))
    assert state(house, id) is State.PENDING
    boa.env.time_travel(9)
    assert state(house, id) is State.PENDING
    boa.env.time_travel(1)
    assert state(house, id) is State.ACTIVE
    boa.env.time_travel(9)
    assert state(house, id) is State.ACTIVE
    boa.env.time_travel(1)
    assert state(house, id) is State.EXPIRED
    with boa.reverts("consent: ended"):
        revoke_consent(house, consent(starts=now() - 10, expires=now()))


def test_a_signer_signs_one_record_only(house: House) -> None:
    give(house, consent())
    with boa.reverts("consent: signer used"):
        give(house, consent())
    with boa.reverts("consent: signer used"):
        give(house, consent(reference=keccak(b"other terms")))
    with boa.reverts("consent: signer used"):
        conclude(house, contract())


@pytest.mark.parametrize("party", PARTIES)
def test_a_party_of_a_contract_signs_nothing_else(house: House, party: str) -> None:
    conclude(house, contract())
    fresh = {name: account(name if name == party else f"second {name}") for name in PARTIES}
    signers = tuple(name if name == party else f"second {name}" for name in PARTIES)
    with boa.reverts("consent: signer used"):
        conclude(house, contract(**fresh), signers)
    with boa.reverts("consent: signer used"):
        give(house, consent(signer=account(party)), key(party))


@pytest.mark.parametrize(
    ("answer", "owner", "good"),
    [(MAGIC, "institution", True), (MAGIC, "stranger", False), (REFUSAL, "institution", False)],
)
def test_an_institution_may_sign_by_contract(house: House, answer: bytes, owner: str, good: bool) -> None:
    wallet = Address(str(deployer("Signer").deploy(account(owner), answer).address))
    made = contract(institution=wallet)
    if not good:
        with boa.reverts("consent: institution signature"):
            conclude(house, made)
        return
    id = conclude(house, made)
    suspend(house, made)
    assert state(house, id) is State.SUSPENDED
    second = contract(institution=wallet, patient=account("second patient"), family=account("second family"))
    assert conclude(house, second, ("institution", "second patient", "second family")) != id


def test_a_contract_that_signs_acts_directly_too(house: House) -> None:
    wallet = deployer("Signer").deploy(account("institution"), MAGIC)
    made = contract(institution=Address(str(wallet.address)))
    id = conclude(house, made)
    data = house.consents.suspend_contract.prepare_calldata(*asdict(made).values(), 0, b"")
    wallet.tell(house.consents.address, data)
    assert state(house, id) is State.SUSPENDED


def test_contracts_that_do_not_answer_do_not_sign(house: House) -> None:
    made = consent(signer=Address(str(house.token.address)))
    with boa.reverts("consent: signature"):
        give(house, made)


def test_a_patients_contract_signs_once_too(house: House) -> None:
    wallet = Address(str(deployer("Signer").deploy(account("patient"), MAGIC).address))
    give(house, consent(signer=wallet))
    with boa.reverts("consent: signer used"):
        give(house, consent(signer=wallet, reference=keccak(b"other")))


def test_no_address_in_any_event(house: House) -> None:
    """Names and types of events as the ABI declares them, and the bytes that a run leaves."""
    declared = {entry["name"]: entry["inputs"] for entry in house.consents.abi if entry["type"] == "event"}
    assert set(declared) == {"Given", "Concluded", "Revoked", "Suspended", "Resumed", "Breached"}
    assert all(
        [(field["name"], field["type"]) for field in fields] == [("id", "bytes32")] for fields in declared.values()
    )
    made = contract()
    calls = (
        lambda: conclude(house, made),
        lambda: suspend(house, made),
        lambda: revoke_contract(house, made, "patient"),
    )
    for call in calls:
        call()
        [(_, emitter, topics, data)] = house.consents._computation.get_raw_log_entries()
        assert emitter == house.consents.address.canonical_address
        raw = b"".join(topic.to_bytes(32, "big") for topic in topics) + data
        assert not any(bytes.fromhex(account(party)[2:]) in raw for party in PARTIES)
