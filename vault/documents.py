"""The papers a medical record asks for, as dated data: who must show what, and which code says that it is missing.

A set is in force from its date until the next one. The desk of the institution looks at the papers at every request;
the platform keeps none of them, only which kinds were seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from protocol.calendar import day_from_date
from protocol.errors import RefusalCode
from protocol.quantities import Day


class Document(StrEnum):
    """Kinds of papers the desk can have seen."""

    REQUESTER_ID = "REQUESTER_ID"
    MOBILE_ID = "MOBILE_ID"
    KINSHIP_CERTIFICATE = "KINSHIP_CERTIFICATE"
    CONSENT_FORM = "CONSENT_FORM"
    """The form in the patient's own signature."""
    PATIENT_ID_COPY = "PATIENT_ID_COPY"
    POWER_OF_ATTORNEY = "POWER_OF_ATTORNEY"
    GUARDIAN_CONSENT = "GUARDIAN_CONSENT"
    """The legal guardian's signature and proof of guardianship."""
    INCAPACITY_CERTIFICATE = "INCAPACITY_CERTIFICATE"
    """A physician's statement that the patient cannot consent."""


class Relation(StrEnum):
    """How the person asking is related to the patient."""

    SPOUSE = "SPOUSE"
    PARENT = "PARENT"
    CHILD = "CHILD"
    SIBLING = "SIBLING"


class Standing(StrEnum):
    """Who can consent for a patient."""

    ADULT = "ADULT"
    UNDER_14 = "UNDER_14"
    INCAPABLE = "INCAPABLE"
    """Cannot consent: own route, with a physician's statement in place of the form."""


class Route(StrEnum):
    """By which way somebody asks; each has its own papers."""

    SELF = "SELF"
    RELATIVE = "RELATIVE"
    RELATIVE_OF_INCAPABLE = "RELATIVE_OF_INCAPABLE"
    AGENT = "AGENT"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of these papers has to be there; otherwise the code says so, the detail says whose paper is missing."""

    any_of: frozenset[Document]
    code: RefusalCode
    detail: str

    def met_by(self, shown: frozenset[Document]) -> bool:
        """Was one of them shown?"""
        return bool(self.any_of & shown)


@dataclass(frozen=True, slots=True)
class DocumentRules:
    """A dated set: what each route must show, and which closer kin shut out a relation."""

    name: str
    """Its ISO date; `RuleSet.documents` names the newest adopted set."""
    starts: Day
    routes: Mapping[Route, tuple[Requirement, ...]]
    closer_kin: Mapping[Relation, frozenset[Relation]]

    def missing(self, route: Route, shown: frozenset[Document]) -> Requirement | None:
        """The first requirement of the route that nothing shown meets, in the order of the set."""
        return next((needed for needed in self.routes[route] if not needed.met_by(shown)), None)


def _need(code: RefusalCode, detail: str, *papers: Document) -> Requirement:
    return Requirement(frozenset(papers), code, detail)


_KINSHIP = _need(RefusalCode.KINSHIP_UNPROVEN, "certificate", Document.KINSHIP_CERTIFICATE)
_CARD = _need(RefusalCode.ID_MISSING, "requester", Document.REQUESTER_ID)
_CARD_OR_MOBILE = _need(RefusalCode.ID_MISSING, "requester", Document.REQUESTER_ID, Document.MOBILE_ID)
_PATIENT_COPY = _need(RefusalCode.ID_MISSING, "patient", Document.PATIENT_ID_COPY)
_FORM = _need(RefusalCode.FORM_NOT_SIGNED, "patient", Document.CONSENT_FORM)
_INCAPACITY = _need(RefusalCode.FORM_NOT_SIGNED, "physician", Document.INCAPACITY_CERTIFICATE)
_POWER = _need(RefusalCode.POA_MISSING, "agent", Document.POWER_OF_ATTORNEY)
_CLOSER = {Relation.SIBLING: frozenset({Relation.SPOUSE, Relation.PARENT, Relation.CHILD})}

DOCUMENT_SETS: tuple[DocumentRules, ...] = (
    DocumentRules(
        name="1970-01-01",
        starts=Day(0),
        routes={
            Route.SELF: (_CARD,),
            Route.RELATIVE: (_KINSHIP, _CARD, _PATIENT_COPY, _FORM),
            Route.RELATIVE_OF_INCAPABLE: (_KINSHIP, _CARD, _INCAPACITY),
            Route.AGENT: (_CARD, _PATIENT_COPY, _FORM, _POWER),
        },
        closer_kin=_CLOSER,
    ),
    DocumentRules(
        name="2021-06-30",
        starts=day_from_date(date(2021, 6, 30)),
        routes={
            Route.SELF: (_CARD_OR_MOBILE,),
            Route.RELATIVE: (_KINSHIP, _CARD_OR_MOBILE, _FORM),
            Route.RELATIVE_OF_INCAPABLE: (_KINSHIP, _CARD_OR_MOBILE, _INCAPACITY),
            Route.AGENT: (_CARD_OR_MOBILE, _PATIENT_COPY, _FORM, _POWER),
        },
        closer_kin=_CLOSER,
    ),
)
"""All sets, oldest first."""


def in_force(day: Day, newest: str) -> DocumentRules:
    """The set in force on a day in Seoul, among those adopted up to `newest` (an ISO date, `RuleSet.documents`)."""
    return [each for each in DOCUMENT_SETS if each.starts <= max(day, 0) and each.name <= newest][-1]
