"""A whole vault with its gate, and a stand-in for the chain, for the tests of what the gate does."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from protocol.agreements import AgreementState, ContractTerms
from protocol.quantities import Address, Day, SubjectId
from protocol.records import DayRecord, Origin, RecordKind
from protocol.typed_data import CONSENT_DOMAIN, Domain, signable
from tests.vault.gate_cases import AT, RULES, TODAY, consent_terms, contract_terms
from tests.vault.gate_cases import request as case_request
from tests.vault.support import Clock, options
from vault import Receipt, Vault
from vault.access_log import AccessLog
from vault.agreement_book import AgreementBook, Party
from vault.agreements import Agreements, ToSign
from vault.gate import Gate, Request
from vault.gate.notes import PatientNotes
from vault.releases import ReleaseBook

DOMAIN = Domain(CONSENT_DOMAIN, 20210310, Address("0x" + "ab" * 20))


class Registry:
    """States by id, as the chain would give them."""

    def __init__(self) -> None:
        self.domain = DOMAIN
        self.states: dict[bytes, AgreementState] = {}
        self.trouble: Exception | None = None

    def state_of(self, id: bytes) -> AgreementState:
        if self.trouble:
            raise self.trouble
        return self.states.get(id, AgreementState.NONE)


class House:
    """Everything the gate needs, in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock(AT)
        self.registry = Registry()
        self.vault = Vault.create(directory / "vault", options(clock=self.clock))
        self.tag_key = self.vault.tag_key_of
        self.log = AccessLog(directory / "access.db", self.tag_key, self.clock, create=True)
        self.book = AgreementBook(directory / "agreements.db", self.tag_key, create=True)
        self.releases = ReleaseBook(directory / "releases.db", create=True)
        self.notes = PatientNotes(directory / "notes.db", self.vault.identity.slot_of, create=True)
        for store in (self.book, self.releases, self.notes):
            self.vault.erasures.register(store.erasable)
        self.agreements = Agreements(self.vault.records, self.book, DOMAIN, RULES, self.clock)
        self.gate = self.gate_with(self.vault.records)
        self.patient = self.vault.identity.enroll("patient", [b"shoe-one"])
        self.relative = self.vault.identity.enroll("relative", [])
        self.seal_days(self.patient)

    def gate_with(self, records: Any) -> Gate:
        """A gate over these records."""
        return Gate(
            records,
            self.registry,
            self.log,
            RULES,
            self.clock,
            agreements=self.agreements,
            releases=self.releases,
            notes=self.notes,
        )

    def seal_days(self, subject: SubjectId, days: int = 12) -> list[Receipt]:
        """Day records up to today; each has its own number of steps."""
        sealed = []
        for back in reversed(range(days)):
            day = Day(TODAY - back)
            record = DayRecord(day, Origin.ATTESTED, 5_000 + back, 4_000, 60, 30, 3_000, 0)
            sealed.append(self.vault.records.seal(subject, RecordKind.DAY, day, record.to_record()))
        return sealed

    def consent(self, **changes: Any) -> ToSign:
        """A consent of the patient for the relative, active on the chain."""
        terms = consent_terms(patient=self.patient.hex(), recipient=self.relative.hex(), signer=wallet().address)
        to_sign = self.agreements.seal_consent(replace(terms, **changes))
        self.registry.states[to_sign.id] = AgreementState.ACTIVE
        return to_sign

    def contract(self, **changes: Any) -> ToSign:
        """A contract signed by all three and active on the chain."""
        wallets = {party: wallet() for party in Party}
        to_sign = self.agreements.discuss(self.agreements.draft_contract(self.terms(wallets, **changes)))
        for party, account in wallets.items():
            self.agreements.sign(to_sign.record_id, party, sign(account, to_sign))
        self.registry.states[to_sign.id] = AgreementState.ACTIVE
        return to_sign

    def terms(self, wallets: dict[Party, LocalAccount], **changes: Any) -> ContractTerms:
        """Contract terms between hospital, patient and relative."""
        terms = contract_terms(
            patient=self.patient.hex(),
            family=self.relative.hex(),
            institution_signer=wallets[Party.INSTITUTION].address,
            patient_signer=wallets[Party.PATIENT].address,
            family_signer=wallets[Party.FAMILY].address,
        )
        return replace(terms, **changes)

    def request(self, consent: ToSign | None, contract: ToSign | None, **changes: Any) -> Request:
        """The relative asks for the patient's days."""
        asked = case_request(
            actor=self.relative.hex(),
            subject=self.patient,
            consent=consent.record_id if consent else None,
            contract=contract.record_id if contract else None,
        )
        return replace(asked, **changes)

    def decisions(self) -> list[str]:
        """What the log says was decided."""
        return [line.record["decision"] for line in self.log.lines()]

    def close(self) -> None:
        """Close every file."""
        for part in (self.log, self.book, self.releases, self.notes, self.vault):
            part.close()


def wallet() -> LocalAccount:
    """A one-time account."""
    account: LocalAccount = Account.create()
    return account


def sign(account: LocalAccount, to_sign: ToSign) -> bytes:
    """The account's signature, 65 bytes."""
    return bytes(account.sign_message(signable(to_sign.domain, to_sign.message)).signature)
