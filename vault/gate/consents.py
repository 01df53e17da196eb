"""Condition 7: one patient, one recipient, one institution, one scope, one period, one purpose.

CONSENT_MISSING         none, or not for the person asking: somebody else's consent is told apart for nobody
CONSENT_OTHER_PATIENT   given by another patient to the same recipient
SCOPE_EXCEEDED          another institution, purpose, class, field or day than consented to
STORE_UNREACHABLE       the chain does not say whether it still holds
CONSENT_REVOKED         withdrawn on the chain
CONSENT_EXPIRED         run out by the gate's clock or by the chain, whichever is earlier
CONSENT_MISSING         not begun, or never given on the chain
"""

from protocol.agreements import AgreementState, ConsentTerms
from protocol.calendar import SECONDS_PER_DAY
from protocol.errors import RefusalCode
from protocol.rules import RuleSet
from vault.gate.request import AgreementFacts, Decision, Facts, Request, Role


def check_consent(request: Request, facts: Facts, rules: RuleSet) -> Decision | None:
    """Is there a consent in force for exactly this?"""
    consent = facts.consent
    if consent is None or consent.terms.recipient not in _recipients(request):
        return Decision(RefusalCode.CONSENT_MISSING)
    if not consent.terms.patient == consent.subject.hex() == request.subject.hex():
        return Decision(RefusalCode.CONSENT_OTHER_PATIENT)
    return _check_scope(request, consent.terms) or _check_time(consent, facts.at, rules)


def check_uses(_: Request, facts: Facts, __: RuleSet) -> Decision | None:
    """Is a use left?"""
    limit = facts.consent.terms.max_uses if facts.consent else 0
    return Decision(RefusalCode.USES_EXHAUSTED) if limit and facts.uses >= limit else None


def _recipients(request: Request) -> tuple[str, ...]:
    """The person asking; for a clinician also the institution, whose staff changes."""
    return (request.actor, request.institution) if request.role is Role.CLINICIAN else (request.actor,)


def _check_scope(request: Request, terms: ConsentTerms) -> Decision | None:
    if terms.institution != request.institution:
        return Decision(RefusalCode.SCOPE_EXCEEDED, "institution")
    if terms.purpose != request.purpose:
        return Decision(RefusalCode.SCOPE_EXCEEDED, "purpose")
    return None if terms.scope.covers(request.scope) else Decision(RefusalCode.SCOPE_EXCEEDED, "scope")


def _check_time(consent: AgreementFacts[ConsentTerms], at: int, rules: RuleSet) -> Decision | None:
    terms = consent.terms
    ends = min(terms.expires, terms.starts + rules.consent_max_days * SECONDS_PER_DAY)
    if consent.state is None:
        return Decision(RefusalCode.STORE_UNREACHABLE)
    if consent.state in (AgreementState.REVOKED, AgreementState.BREACHED):
        return Decision(RefusalCode.CONSENT_REVOKED)
    if consent.state is AgreementState.EXPIRED or at >= ends:
        return Decision(RefusalCode.CONSENT_EXPIRED)
    if consent.state is not AgreementState.ACTIVE or at < terms.starts:
        return Decision(RefusalCode.CONSENT_MISSING)
    return None
