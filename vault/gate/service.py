"""The gate: gathers facts, decides, counts, opens, logs, and only then hands anything over."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.calendar import day_of
from protocol.errors import Refusal, RefusalCode, TideprintError
from protocol.quantities import Seconds, SubjectId
from protocol.records import RecordKind
from protocol.rules import Purpose, RuleSet
from vault.access_log import Access, AccessLog
from vault.agreements import Agreements
from vault.gate.checks import decide
from vault.gate.facts import GONE, AgreementLedger, Records, Sources, gather
from vault.gate.notes import PatientNotes
from vault.gate.request import Decision, Facts, Request
from vault.gate.table import KINDS, REFUSED_PURPOSES
from vault.releases import Release, ReleaseBook, filtered

TASK = "RELEASE"


class Gate:
    """The one door to sealed records."""

    def __init__(
        self,
        records: Records,
        ledger: AgreementLedger,
        access_log: AccessLog,
        rules: RuleSet,
        clock: Callable[[], Seconds],
        *,
        agreements: Agreements,
        releases: ReleaseBook,
        notes: PatientNotes,
    ) -> None:
        """`clock` gives UTC seconds; expiry is exact to its second."""
        self._sources = Sources(records, ledger, agreements, releases, notes, access_log)
        self._log = access_log
        self._rules = rules
        self._clock = clock

    def release(self, request: Request) -> Release:
        """Hand over what is asked for, or raise `Refusal` with one code. Either way a log line is written first.

        A use of the consent is counted durably before anything is opened, and given back if nothing is handed over.
        Raises `LogTampered` or another `VaultError` if the log itself cannot be written: then nothing is released.
        """
        facts = gather(request, self._clock(), self._sources)
        decision = decide(request, facts, self._rules)
        if not decision.allowed:
            self._note(request, decision)
            raise decision.refusal
        try:
            return self._hand_over(request, facts)
        except (TideprintError, OSError) as error:
            refusal = _refusal_of(error, facts)
            self._note(request, Decision(refusal.refusal, refusal.detail))
            raise refusal from error

    def _hand_over(self, request: Request, facts: Facts) -> Release:
        consent, releases = request.consent if facts.consent else None, self._sources.releases
        if consent and facts.consent:
            releases.take(consent, facts.consent.terms.max_uses)
        try:
            release = self._open(request, facts)
            self._note(request, Decision())
        except BaseException:
            if consent:
                releases.give_back(consent)
            raise
        return release

    def _open(self, request: Request, facts: Facts) -> Release:
        records, kinds = self._sources.records, KINDS[request.data_class]
        span = range(request.first_day, request.last_day + 1)
        found = [(each.day, each.record) for each in records.records_of(request.subject, kinds, span)] if kinds else []
        days = filtered(found, request.fields)
        receipt = _receipt_record(request, facts, len(days))
        sealed = records.seal(request.subject, RecordKind.RELEASE, day_of(facts.at), receipt)
        return Release(sealed.record_id, sealed.reference, request.subject, request.data_class, facts.at, days)

    def _note(self, request: Request, decision: Decision) -> None:
        known = request.purpose in (*Purpose, *REFUSED_PURPOSES)
        self._log.append(
            Access(
                actor="" if request.role.is_person else request.actor,
                person=_person(request.actor) if request.role.is_person else None,
                role=request.role.value,
                institution=request.institution,
                origin=request.origin,
                subject=request.subject,
                task=TASK,
                purpose=request.purpose if known else "OTHER",
                data_class=request.data_class.value,
                decision=decision.text,
            )
        )


def _person(actor: str) -> SubjectId:
    """A person's pseudonym; what is none belongs to nobody."""
    try:
        return SubjectId(bytes.fromhex(actor))
    except ValueError:
        return SubjectId(b"")


def _receipt_record(request: Request, facts: Facts, days: int) -> Mapping[str, Any]:
    """What the patient keeps of a release: what was shown to whom, under which consent and contract."""
    return {
        "at": facts.at,
        "actor": request.actor,
        "role": request.role.value,
        "institution": request.institution,
        "purpose": request.purpose,
        "data_class": request.data_class.value,
        "fields": sorted(request.fields),
        "first_day": request.first_day,
        "last_day": request.last_day,
        "days": days,
        "consent": facts.consent.id.hex() if facts.consent else "",
        "contract": facts.contract.id.hex() if facts.contract else "",
    }


def _refusal_of(error: TideprintError | OSError, facts: Facts) -> Refusal:
    """What failed after the decision, as a refusal that does not tell whether somebody is known."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, TideprintError) and error.code in GONE:
        return Decision(RefusalCode.CONSENT_MISSING if facts.consent else RefusalCode.NOT_DATA_SUBJECT).refusal
    return Decision(RefusalCode.STORE_UNREACHABLE).refusal
