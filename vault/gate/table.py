"""Role x purpose x class of data: on what basis a release may rest at all. Everything not listed is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date

from protocol.calendar import day_from_date
from protocol.errors import RefusalCode
from protocol.records import DayRecord, RecordKind
from protocol.rules import DataClass, Purpose
from vault.gate.request import Role


@dataclass(frozen=True, slots=True)
class Basis:
    """What a release in one cell of the table needs."""

    own: bool = False
    """The person asking is the patient."""
    consent: bool = False
    contract: bool = False
    papers: bool = False
    """The papers of the document set in force."""

    @property
    def text(self) -> str:
        """The needs as the table in docs/gate.md writes them."""
        return " + ".join(name for name in ("own", "consent", "contract", "papers") if getattr(self, name))


_SHARED = Basis(consent=True, contract=True)
_SHARED_WITH_PAPERS = Basis(consent=True, contract=True, papers=True)

TABLE: Mapping[tuple[Role, Purpose, DataClass], Basis] = {
    (Role.WEARER, Purpose.PATRQT, DataClass.WELLNESS_OBS): Basis(own=True),
    (Role.WEARER, Purpose.PATRQT, DataClass.MEDICAL_RECORD): Basis(own=True, papers=True),
    (Role.FAMILY, Purpose.FAMRQT, DataClass.WELLNESS_OBS): _SHARED,
    (Role.FAMILY, Purpose.FAMRQT, DataClass.MEDICAL_RECORD): _SHARED_WITH_PAPERS,
    (Role.AGENT, Purpose.PATRQT, DataClass.WELLNESS_OBS): _SHARED,
    (Role.AGENT, Purpose.PATRQT, DataClass.MEDICAL_RECORD): _SHARED_WITH_PAPERS,
    (Role.CLINICIAN, Purpose.TREAT, DataClass.WELLNESS_OBS): _SHARED,
    (Role.CLINICIAN, Purpose.TREAT, DataClass.MEDICAL_RECORD): _SHARED,
    (Role.CLINICIAN, Purpose.CAREMGT, DataClass.WELLNESS_OBS): _SHARED,
    (Role.CLINICIAN, Purpose.CAREMGT, DataClass.MEDICAL_RECORD): _SHARED,
}

REFUSED_PURPOSES = ("HMARKT", "HPAYMT", "COVERAGE", "CREDIT", "EMPLOY", "SALE")
"""Marketing, payment, insurance, credit, employment, sale: refused by name; other words are logged as OTHER."""

FIELDS: Mapping[DataClass, frozenset[str]] = {
    DataClass.WELLNESS_OBS: frozenset(each.name for each in fields(DayRecord)) - {"day"},
    DataClass.MEDICAL_RECORD: frozenset({"visits", "diagnoses", "medications", "results", "images"}),
}
"""What can be asked for; the day itself always comes along."""

DAYS = range(day_from_date(date(2000, 1, 1)), day_from_date(date(2300, 1, 1)))
"""Days that can be asked for."""

MOST_DAYS = 366
"""Days in one request."""

KINDS: Mapping[DataClass, tuple[RecordKind, ...]] = {
    DataClass.WELLNESS_OBS: (RecordKind.DAY,),
    DataClass.MEDICAL_RECORD: (),
}
"""Which sealed records hold a class. Medical records lie at the institution: for them a release is the permission and
its receipt, and the institution hands out the copy."""


def cell(role: Role, purpose: Purpose, data_class: DataClass) -> Basis | RefusalCode:
    """The basis of a cell, or why there is none."""
    basis = TABLE.get((role, purpose, data_class))
    if basis is not None:
        return basis
    if (role, purpose) == (Role.PUBLIC_HEALTH, Purpose.PUBHLTH):
        return RefusalCode.K_SUPPRESSED
    return RefusalCode.PURPOSE_ROLE_MISMATCH
