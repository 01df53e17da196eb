"""Consents and three-party contracts on their way to the chain: sealed terms, what to sign, versions and signatures.

    contract   DRAFT ─discuss→ DISCUSSED ─sign x 3→ SIGNED ─concluded on chain→ the states of `ConsentRegistry`

Terms are sealed under the patient; their reference value and the id follow from them alone, so nothing can be signed
that differs from what is sealed. An amendment is a new version, discussed and signed again by all three; from the
moment it is put before them (DISCUSSED), earlier versions release nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from eth_account import Account
from eth_keys.constants import SECPK1_N
from eth_keys.exceptions import BadSignature, ValidationError

from protocol.agreements import ConsentTerms, ContractTerms
from protocol.calendar import SECONDS_PER_DAY, day_of
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Address, Day, Reference, Seconds, SubjectId
from protocol.records import RecordKind
from protocol.rules import RuleSet
from protocol.typed_data import Consent, Contract, Domain, digest_of, signable
from vault.agreement_book import AgreementBook, Parties, Party, Stage
from vault.envelope import OpenedRecord, Receipt, RecordId
from vault.errors import VaultError

MAX_CONTRACT_DAYS = 366
"""The longest term `ConsentRegistry` accepts."""

SIGNATURE_SIZE = 65
HIGHEST_S = SECPK1_N // 2
"""The chain takes one of the two signatures that recover to the same signer (EIP-2)."""


class Records(Protocol):
    """Sealed records; the vault is one."""

    def seal(self, subject: SubjectId, kind: RecordKind, day: Day, record: Mapping[str, Any]) -> Receipt:
        """Seal one record durably."""
        ...

    def open(self, record_id: RecordId) -> OpenedRecord:
        """Open one record. Raises `RECORD_UNKNOWN`, `ERASURE_UNDER_WAY` or what is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class ToSign:
    """What wallets sign: `protocol.typed_data.signable(domain, message)`."""

    record_id: RecordId
    domain: Domain
    message: Consent | Contract
    id: bytes
    """The EIP-712 digest, 32 bytes: the id on chain."""


class AgreementRefused(VaultError):
    """Terms that cannot be sealed or a step out of order."""


class Agreements:
    """Seals terms and leads contracts from draft to signature."""

    def __init__(
        self, records: Records, book: AgreementBook, domain: Domain, rules: RuleSet, clock: Callable[[], Seconds]
    ) -> None:
        self._records = records
        self._book = book
        self._domain = domain
        self._rules = rules
        self._clock = clock

    def seal_consent(self, terms: ConsentTerms) -> ToSign:
        """Seal a consent's terms under its patient and say what to sign.

        Raises `TERM_INVALID` (longer than the rule set allows) or `PURPOSE_NOT_ALLOWED`.
        """
        if terms.purpose not in self._rules.purposes:
            raise Refusal(RefusalCode.PURPOSE_NOT_ALLOWED, "no consent makes this purpose allowed")
        _check_term(terms.starts, terms.expires, self._rules.consent_max_days)
        receipt = self._seal(terms.patient, RecordKind.CONSENT, terms.to_record())
        return self._to_sign(receipt.record_id, consent_message(receipt.reference, terms))

    def draft_contract(self, terms: ContractTerms) -> RecordId:
        """Seal a contract's terms, or an amendment's, as DRAFT.

        Raises `TERM_INVALID`, or `VERSION_INVALID` unless the version follows the last one of these three parties.
        """
        _check_term(terms.starts, terms.expires, MAX_CONTRACT_DAYS)
        parties = _parties(terms)
        last = self._book.last_version(parties)
        if terms.version != last + 1:
            raise AgreementRefused(
                "VERSION_INVALID", "versions of a contract count up by one", f"make it version {last + 1}"
            )
        receipt = self._seal(terms.patient, RecordKind.CONTRACT, terms.to_record())
        self._book.add(receipt.record_id, parties, terms.version)
        return receipt.record_id

    def discuss(self, record_id: RecordId) -> ToSign:
        """Put a draft before the three parties: it becomes the current version, to be signed by all of them."""
        self._book.advance(record_id, Stage.DRAFT, Stage.DISCUSSED)
        return self.to_sign(record_id)

    def to_sign(self, record_id: RecordId) -> ToSign:
        """What the parties of a contract sign."""
        opened, terms = self._contract(record_id)
        return self._to_sign(record_id, contract_message(opened.opening.reference, terms))

    def sign(self, record_id: RecordId, party: Party, signature: bytes) -> Stage:
        """Take one party's signature (65 bytes) and return the stage: SIGNED with the third.

        Raises `STAGE_INVALID`, or refuses `PARTY_MISMATCH` where the signature is not that party's.
        """
        opened, terms = self._contract(record_id)
        message = contract_message(opened.opening.reference, terms)
        if _signer_of(self._domain, message, signature) != _signers(terms)[party]:
            hint = "sign with the one-time address the contract names"
            raise Refusal(RefusalCode.PARTY_MISMATCH, "the signature is not this party's", hint, party.value)
        return self._book.sign(record_id, opened.subject, party, signature)

    def signatures(self, record_id: RecordId) -> dict[Party, bytes]:
        """The signatures taken so far; all three conclude the contract on chain."""
        opened, _ = self._contract(record_id)
        return self._book.signatures(record_id, opened.subject)

    def stage_of(self, record_id: RecordId) -> Stage:
        """How far a contract is. Raises `CONTRACT_UNKNOWN`."""
        return self._book.stage_of(record_id)

    def unsigned(self, record_id: RecordId) -> tuple[str, ...]:
        """The parties who have not signed, in the order institution, patient, family."""
        signed = self._book.signed(record_id)
        return tuple(party.value for party in Party if party not in signed)

    def current_version(self, terms: ContractTerms) -> int:
        """The version last put before these three parties, 0 if none was."""
        return self._book.current_version(_parties(terms))

    def _contract(self, record_id: RecordId) -> tuple[OpenedRecord, ContractTerms]:
        opened = self._records.open(record_id)
        if opened.kind is not RecordKind.CONTRACT:
            raise AgreementRefused("CONTRACT_UNKNOWN", "this record is no contract", "pass the id of its draft")
        return opened, ContractTerms.from_record(opened.record)

    def _seal(self, patient: str, kind: RecordKind, record: Mapping[str, Any]) -> Receipt:
        return self._records.seal(_subject(patient), kind, day_of(self._clock()), record)

    def _to_sign(self, record_id: RecordId, message: Consent | Contract) -> ToSign:
        return ToSign(record_id, self._domain, message, digest_of(self._domain, message))


def consent_message(reference: Reference, terms: ConsentTerms) -> Consent:
    """The message whose digest is the id of a consent on chain."""
    return Consent(reference, Address(terms.signer), terms.starts, terms.expires)


def contract_message(reference: Reference, terms: ContractTerms) -> Contract:
    """The message whose digest is the id of a contract on chain."""
    institution, patient, family = (_signers(terms)[party] for party in Party)
    return Contract(reference, institution, patient, family, terms.starts, terms.expires)


def _signer_of(domain: Domain, message: Contract, signature: bytes) -> str | None:
    """Who signed, or None for anything the chain would not take: r ‖ s ‖ v, s in the lower half, v 27 or 28."""
    if len(signature) != SIGNATURE_SIZE or signature[-1] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64]) > HIGHEST_S:
        return None
    try:
        return str(Account.recover_message(signable(domain, message), signature=signature))
    except (BadSignature, ValidationError):
        return None


def _signers(terms: ContractTerms) -> dict[Party, Address]:
    return {
        Party.INSTITUTION: Address(terms.institution_signer),
        Party.PATIENT: Address(terms.patient_signer),
        Party.FAMILY: Address(terms.family_signer),
    }


def _parties(terms: ContractTerms) -> Parties:
    return Parties(_subject(terms.patient), terms.institution, terms.family)


def _subject(patient: str) -> SubjectId:
    return SubjectId(bytes.fromhex(patient))


def _check_term(starts: int, expires: int, most_days: int) -> None:
    if not 0 < expires - starts <= most_days * SECONDS_PER_DAY:
        raise AgreementRefused("TERM_INVALID", f"a term is positive and at most {most_days} days", "shorten the term")
