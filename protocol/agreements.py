"""Consents and three-party contracts: what their references commit to.

The terms stay in the vault; the chain holds (reference, signers, expiry, state). Opening the terms and comparing them
with the chain is the gate's work.
"""

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any

from protocol.rules import DataClass, Purpose

CLAUSES = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8")
"""C1 to C8 the eight conditions; L1 liability for a leak after transmission, L2 for a breach of contract after
transmission, L3 claim procedure, L4 insurance, L5 family confidentiality, L6 mediation, L7 end means erasure,
L8 term."""


class AgreementState(IntEnum):
    """State of a consent or contract on chain; the numbers of `ConsentRegistry.state_of`."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2
    SUSPENDED = 3
    EXPIRED = 4
    REVOKED = 5
    BREACHED = 6


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be shown: one class of data, named fields, a span of days (both ends included)."""

    data_class: DataClass
    fields: tuple[str, ...]
    first_day: int
    last_day: int

    def covers(self, other: "Scope") -> bool:
        """Does this scope allow everything the other asks for?"""
        return (
            self.data_class == other.data_class
            and set(other.fields) <= set(self.fields)
            and self.first_day <= other.first_day <= other.last_day <= self.last_day
        )


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """One patient, one recipient, one institution, one scope, one period, one purpose. Names are the vault's pseudonyms
    (subject ids as hex) and the institution's public name."""

    patient: str
    recipient: str
    institution: str
    scope: Scope
    purpose: Purpose
    starts: int
    expires: int
    signer: str
    """The one-time address that signed the consent on chain."""
    max_uses: int
    """How many releases it allows; 0 for no limit."""

    def to_record(self) -> dict[str, Any]:
        """The map that is sealed and committed to."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ConsentTerms":
        """Read back what `to_record` made."""
        return cls(**(record | {"scope": _scope(record["scope"]), "purpose": Purpose(record["purpose"])}))


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """Institution, patient and family; `clauses` names what the contract contains, `version` what was signed."""

    version: int
    institution: str
    patient: str
    family: str
    institution_signer: str
    patient_signer: str
    family_signer: str
    clauses: tuple[str, ...]
    insurance_expires: int
    starts: int
    expires: int

    def to_record(self) -> dict[str, Any]:
        """The map that is sealed and committed to."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ContractTerms":
        """Read back what `to_record` made."""
        return cls(**(record | {"clauses": tuple(record["clauses"])}))


def _scope(record: dict[str, Any]) -> Scope:
    return Scope(DataClass(record["data_class"]), tuple(record["fields"]), record["first_day"], record["last_day"])
