"""Condition 7: guardian, kinship, papers and a physician's hold.

GUARDIAN_REQUIRED    the patient is under 14 or cannot consent, and no guardian's consent was shown
KINSHIP_UNPROVEN     no relation, or nobody looked who else is alive
CLOSER_KIN_EXISTS    a sibling asks while a spouse, parent or child is alive
KINSHIP_UNPROVEN, ID_MISSING, FORM_NOT_SIGNED, POA_MISSING    a paper of the dated set (`vault.documents`)
CLINICIAN_HOLD       for relatives and agents; never for the patient's own records nor for treatment
"""

from protocol.calendar import day_of
from protocol.errors import RefusalCode
from protocol.rules import RuleSet
from vault.documents import Document, DocumentRules, Route, Standing, in_force
from vault.gate.request import Decision, Facts, Presented, Request, Role


def check_guardian(request: Request, facts: Facts, _: RuleSet) -> Decision | None:
    """Does somebody consent for a patient who cannot? A clinician treats on the contract the guardian signed."""
    if facts.standing is Standing.ADULT or not request.role.is_person:
        return None
    shown = Document.GUARDIAN_CONSENT in request.presented.documents
    return None if shown else Decision(RefusalCode.GUARDIAN_REQUIRED)


def check_papers(request: Request, facts: Facts, rules: RuleSet) -> Decision | None:
    """Was everything shown that the document set in force asks for?"""
    papers, route = in_force(day_of(facts.at), rules.documents), _route(request.role, facts.standing)
    if route in (Route.RELATIVE, Route.RELATIVE_OF_INCAPABLE):
        refused = _check_kinship(request.presented, papers)
        if refused:
            return refused
    missing = papers.missing(route, request.presented.documents)
    return Decision(missing.code, missing.detail) if missing else None


def check_hold(request: Request, facts: Facts, _: RuleSet) -> Decision | None:
    """Does a physician hold the records back from relatives and agents?"""
    return Decision(RefusalCode.CLINICIAN_HOLD) if facts.hold and request.role.is_person else None


def _route(role: Role, standing: Standing) -> Route:
    if role is Role.WEARER:
        return Route.SELF
    if role is Role.AGENT:
        return Route.AGENT
    return Route.RELATIVE_OF_INCAPABLE if standing is Standing.INCAPABLE else Route.RELATIVE


def _check_kinship(presented: Presented, papers: DocumentRules) -> Decision | None:
    if presented.relation is None:
        return Decision(RefusalCode.KINSHIP_UNPROVEN, "relation")
    closer = papers.closer_kin.get(presented.relation)
    if closer is None:
        return None
    if presented.living_kin is None:
        return Decision(RefusalCode.KINSHIP_UNPROVEN, "living kin")
    return Decision(RefusalCode.CLOSER_KIN_EXISTS) if closer & presented.living_kin else None
