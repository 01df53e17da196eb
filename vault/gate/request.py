"""What the gate decides about: the request, the facts gathered for it, and the decision."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from protocol.agreements import AgreementState, ConsentTerms, ContractTerms, Scope
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, Seconds, SubjectId
from protocol.rules import DataClass
from vault.documents import Document, Relation, Standing
from vault.envelope import RecordId
from vault.gate.reasons import reason_of

Terms = TypeVar("Terms", ConsentTerms, ContractTerms)


class Role(StrEnum):
    """In which role somebody asks, as the caller's log-in established it."""

    WEARER = "WEARER"
    FAMILY = "FAMILY"
    AGENT = "AGENT"
    """Asks for the patient, with a power of attorney."""
    CLINICIAN = "CLINICIAN"
    PUBLIC_HEALTH = "PUBLIC_HEALTH"
    BILLING = "BILLING"
    MARKETING = "MARKETING"
    OPERATOR = "OPERATOR"
    INSPECTOR = "INSPECTOR"

    @property
    def is_person(self) -> bool:
        """Known by a pseudonym of the vault, not by a staff name."""
        return self in (Role.WEARER, Role.FAMILY, Role.AGENT)


@dataclass(frozen=True, slots=True)
class Presented:
    """What the institution's desk has seen for this one request."""

    relation: Relation | None = None
    living_kin: frozenset[Relation] | None = None
    """Which kin the certificate shows to be alive; None where nobody looked."""
    documents: frozenset[Document] = frozenset()


@dataclass(frozen=True, slots=True)
class Request:
    """One person asks for one patient's data, once."""

    actor: str
    """A person's pseudonym (subject id as lower-case hex) or a staff name, as the log-in established it."""
    role: Role
    institution: str
    subject: SubjectId
    data_class: DataClass
    fields: tuple[str, ...]
    first_day: Day
    last_day: Day
    """Both ends included."""
    purpose: str
    """As asked; anything outside `RuleSet.purposes` is refused."""
    consent: RecordId | None = None
    """Record id of the sealed consent terms."""
    contract: RecordId | None = None
    """Record id of the sealed contract terms."""
    presented: Presented = field(default_factory=Presented)
    origin: str = ""
    """From where: a workplace or network zone. Logged for staff only."""

    @property
    def scope(self) -> Scope:
        """What is asked for, comparable with a consent's scope."""
        return Scope(self.data_class, self.fields, self.first_day, self.last_day)


@dataclass(frozen=True, slots=True)
class AgreementFacts(Generic[Terms]):
    """An opened consent or contract and what the chain says of it at this moment."""

    subject: SubjectId
    """Under whom the terms are sealed."""
    terms: Terms
    id: bytes
    """The id on chain, recomputed from the terms and their reference value."""
    state: AgreementState | None
    """None: the chain could not be reached."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything `decide` knows beside the request; nothing in it is taken from the person asking."""

    at: Seconds
    """The gate's own clock, UTC."""
    consent: AgreementFacts[ConsentTerms] | None = None
    contract: AgreementFacts[ContractTerms] | None = None
    uses: int = 0
    """Releases the consent has already allowed."""
    current_version: int = 0
    """The contract version last put before the three parties."""
    unsigned: tuple[str, ...] = ()
    """Parties whose signature the contract lacks."""
    standing: Standing = Standing.ADULT
    hold: bool = False
    """A physician holds this patient's records back."""
    locked: bool = False
    """The vault was restored and its tombstones are not replayed."""
    clock_trusted: bool = True
    stores_answer: bool = True
    """False: a store of the vault could not be read while gathering."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed, or refused with exactly one code."""

    code: RefusalCode | None = None
    detail: str = ""

    @property
    def allowed(self) -> bool:
        """May the release go ahead?"""
        return self.code is None

    @property
    def text(self) -> str:
        """`ALLOWED`, or the code with its detail: `CLAUSE_MISSING(L1)`."""
        if self.code is None:
            return "ALLOWED"
        return f"{self.code.value}({self.detail})" if self.detail else self.code.value

    @property
    def refusal(self) -> Refusal:
        """The refusal to raise. Only a refused decision has one."""
        if self.code is None:
            raise ValueError("an allowed decision has no refusal")
        message, hint = reason_of(self.code)
        return Refusal(self.code, message, hint, self.detail)
