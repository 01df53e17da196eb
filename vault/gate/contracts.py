"""Condition 8: the three-party contract, its clauses and its state, in this order.

CONTRACT_MISSING     none
PARTY_MISMATCH       between another institution, patient or family member (the detail says which)
VERSION_MISMATCH     another version has been put before the parties since
CLAUSE_MISSING       the first of C1 to C8, L1 to L8 that is not in it
STORE_UNREACHABLE    the chain does not say whether it holds
SIGNATURE_MISSING    not concluded on the chain because this party has not signed
CONTRACT_NOT_ACTIVE  not begun, suspended, run out, revoked or breached; the detail is the chain's state
INSURANCE_EXPIRED    clause L4 has nothing behind it any more
"""

from protocol.agreements import CLAUSES, AgreementState, ContractTerms
from protocol.errors import RefusalCode
from protocol.rules import RuleSet
from vault.gate.request import AgreementFacts, Decision, Facts, Request


def check_contract(request: Request, facts: Facts, _: RuleSet) -> Decision | None:
    """Is the contract between exactly these parties complete, current and active?"""
    contract = facts.contract
    if contract is None:
        return Decision(RefusalCode.CONTRACT_MISSING)
    return _check_terms(request, contract, facts.current_version) or _check_state(contract, facts)


def _check_terms(request: Request, contract: AgreementFacts[ContractTerms], current: int) -> Decision | None:
    terms = contract.terms
    if terms.institution != request.institution:
        return Decision(RefusalCode.PARTY_MISMATCH, "institution")
    if not terms.patient == contract.subject.hex() == request.subject.hex():
        return Decision(RefusalCode.PARTY_MISMATCH, "patient")
    if request.role.is_person and terms.family != request.actor:
        return Decision(RefusalCode.PARTY_MISMATCH, "family")
    if terms.version != current:
        return Decision(RefusalCode.VERSION_MISMATCH)
    missing = next((clause for clause in CLAUSES if clause not in terms.clauses), None)
    return Decision(RefusalCode.CLAUSE_MISSING, missing) if missing else None


def _check_state(contract: AgreementFacts[ContractTerms], facts: Facts) -> Decision | None:
    state, terms = contract.state, contract.terms
    if state is None:
        return Decision(RefusalCode.STORE_UNREACHABLE)
    if state is AgreementState.NONE and facts.unsigned:
        return Decision(RefusalCode.SIGNATURE_MISSING, facts.unsigned[0])
    if state is not AgreementState.ACTIVE:
        return Decision(RefusalCode.CONTRACT_NOT_ACTIVE, state.name)
    if facts.at >= terms.expires:
        return Decision(RefusalCode.CONTRACT_NOT_ACTIVE, AgreementState.EXPIRED.name)
    if facts.at < terms.starts:
        return Decision(RefusalCode.CONTRACT_NOT_ACTIVE, AgreementState.PENDING.name)
    return Decision(RefusalCode.INSURANCE_EXPIRED) if facts.at >= terms.insurance_expires else None
