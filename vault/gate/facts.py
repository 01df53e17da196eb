"""Gathers what `decide` needs: opens the terms, recomputes reference and id, asks the chain, looks up the rest.

Terms that do not open are treated as not there; a store or chain that does not answer is told apart, and refuses.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from protocol.agreements import AgreementState, ConsentTerms, ContractTerms
from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import RecordKind
from protocol.typed_data import Domain, Message, digest_of
from vault.access_log import AccessLog
from vault.agreements import Agreements, consent_message, contract_message
from vault.envelope import OpenedRecord, Receipt, RecordId
from vault.gate.notes import Note, PatientNotes
from vault.gate.request import AgreementFacts, Facts, Request
from vault.releases import ReleaseBook

GONE = frozenset(
    {"RECORD_UNKNOWN", "SUBJECT_UNKNOWN", "ERASURE_UNDER_WAY", "KEY_ERASED", "PATH_INVALID", "CONTRACT_UNKNOWN"}
)
"""Codes by which the vault says that there is nothing to open, or no more."""


class Records(Protocol):
    """Sealed records; the vault is one."""

    def seal(self, subject: SubjectId, kind: RecordKind, day: Day, record: Mapping[str, Any]) -> Receipt:
        """Seal one record durably."""
        ...

    def open(self, record_id: RecordId) -> OpenedRecord:
        """Open one record. Raises a code of `GONE`, or what is damaged."""
        ...

    def records_of(
        self, subject: SubjectId, kinds: Collection[RecordKind] | None = None, days: Collection[int] | None = None
    ) -> Iterable[OpenedRecord]:
        """A subject's records of some kinds and days."""
        ...


class AgreementLedger(Protocol):
    """The `ConsentRegistry` on the chain."""

    @property
    def domain(self) -> Domain:
        """What binds signatures to this contract on this chain."""
        ...

    def state_of(self, id: bytes) -> AgreementState:
        """The state of a consent or contract now. Raises `TideprintError` or `OSError` when out of reach."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts come from."""

    records: Records
    ledger: AgreementLedger
    agreements: Agreements
    releases: ReleaseBook
    notes: PatientNotes
    access_log: AccessLog


def gather(request: Request, at: Seconds, sources: Sources) -> Facts:
    """The facts of one request at one moment. Never raises for a store or chain out of reach: the facts say so."""
    trusted = sources.access_log.trusts_clock()
    try:
        _probe(request.subject, sources.records)
        return _gather(request, at, trusted, sources)
    except Refusal as refusal:
        locked = refusal.refusal is RefusalCode.SERVICE_LOCKED_PENDING_REPLAY
        return Facts(at, locked=locked, clock_trusted=trusted, stores_answer=locked)
    except (TideprintError, OSError):
        return Facts(at, clock_trusted=trusted, stores_answer=False)


def _probe(subject: SubjectId, records: Records) -> None:
    """Let the vault say whether it is locked; whether it knows the subject makes no difference here."""
    try:
        next(iter(records.records_of(subject, (), ())), None)
    except TideprintError as error:
        if error.code not in GONE:
            raise


def _gather(request: Request, at: Seconds, trusted: bool, sources: Sources) -> Facts:
    consent, contract = _consent(request.consent, sources), _contract(request.contract, sources)
    note: Note = sources.notes.of(request.subject)
    return Facts(
        at=at,
        consent=consent,
        contract=contract,
        uses=sources.releases.used(request.consent) if consent and request.consent else 0,
        current_version=sources.agreements.current_version(contract.terms) if contract else 0,
        unsigned=sources.agreements.unsigned(request.contract) if contract and request.contract else (),
        standing=note.standing,
        hold=note.hold,
        clock_trusted=trusted,
    )


def _consent(record_id: RecordId | None, sources: Sources) -> AgreementFacts[ConsentTerms] | None:
    opened = _open(record_id, RecordKind.CONSENT, sources.records)
    if opened is None:
        return None
    terms = ConsentTerms.from_record(opened.record)
    id, state = _ask(consent_message(opened.opening.reference, terms), sources.ledger)
    return AgreementFacts(opened.subject, terms, id, state)


def _contract(record_id: RecordId | None, sources: Sources) -> AgreementFacts[ContractTerms] | None:
    opened = _open(record_id, RecordKind.CONTRACT, sources.records)
    if opened is None:
        return None
    terms = ContractTerms.from_record(opened.record)
    id, state = _ask(contract_message(opened.opening.reference, terms), sources.ledger)
    return AgreementFacts(opened.subject, terms, id, state)


def _open(record_id: RecordId | None, kind: RecordKind, records: Records) -> OpenedRecord | None:
    if record_id is None:
        return None
    try:
        opened = records.open(record_id)
    except TideprintError as error:
        if error.code in GONE:
            return None
        raise
    return opened if opened.kind is kind else None


def _ask(message: Message, ledger: AgreementLedger) -> tuple[bytes, AgreementState | None]:
    id = digest_of(ledger.domain, message)
    try:
        return id, ledger.state_of(id)
    except (TideprintError, OSError):
        return id, None
