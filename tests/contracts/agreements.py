"""Consents and contracts of the registry's tests: made, signed, ended."""

from dataclasses import asdict, replace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from protocol.agreements import AgreementState as State
from protocol.quantities import Address
from protocol.typed_data import Consent, Contract, Resume, Revoke, Suspend, digest_of
from tests.contracts.support import House, account, key, now, sign

PARTIES = ("institution", "patient", "family")
DAY = 86_400
ZERO = Address("0x" + "00" * 20)
MAGIC, REFUSAL = b"\x16\x26\xba\x7e", b"\xff\xff\xff\xff"


def consent(**changes: Any) -> Consent:
    made = Consent(keccak(b"terms"), account("patient"), now(), now() + DAY)
    return replace(made, **changes)


def contract(**changes: Any) -> Contract:
    institution, patient, family = (account(party) for party in PARTIES)
    return replace(Contract(keccak(b"terms"), institution, patient, family, now(), now() + DAY), **changes)


def give(house: House, made: Consent, signer: LocalAccount | None = None) -> bytes:
    signature = sign(signer or key("patient"), house.consent_domain, made)
    return bytes(house.consents.give(*asdict(made).values(), signature))


def conclude(house: House, made: Contract, signers: tuple[str, ...] = PARTIES) -> bytes:
    signatures = [sign(key(signer), house.consent_domain, made) for signer in signers]
    return bytes(house.consents.conclude(*asdict(made).values(), *signatures))


def revoke_consent(house: House, made: Consent, signer: str = "patient", deadline: int = 2**64 - 1) -> None:
    signature = sign(key(signer), house.consent_domain, Revoke(digest_of(house.consent_domain, made), deadline))
    house.consents.revoke_consent(*asdict(made).values(), deadline, signature, sender=account("relayer"))


def revoke_contract(
    house: House, made: Contract, by: str, signer: str | None = None, deadline: int = 2**64 - 1
) -> None:
    signature = sign(key(signer or by), house.consent_domain, Revoke(digest_of(house.consent_domain, made), deadline))
    house.consents.revoke_contract(*asdict(made).values(), account(by), deadline, signature)


def suspend(house: House, made: Contract, signer: str = "institution", deadline: int = 2**64 - 1) -> bytes:
    signature = sign(key(signer), house.consent_domain, Suspend(digest_of(house.consent_domain, made), deadline))
    house.consents.suspend_contract(*asdict(made).values(), deadline, signature)
    return signature


def resume(house: House, made: Contract, signer: str = "institution", deadline: int = 2**64 - 1) -> bytes:
    signature = sign(key(signer), house.consent_domain, Resume(digest_of(house.consent_domain, made), deadline))
    house.consents.resume_contract(*asdict(made).values(), deadline, signature)
    return signature


def state(house: House, id: bytes) -> State:
    known = State(house.consents.state_of(id))
    assert house.consents.is_active(id) == (known is State.ACTIVE)
    return known
