"""Enrolled shoes, as the oracle needs to know them. The register itself is the identity store's."""

from dataclasses import dataclass
from typing import Protocol

from protocol.minutes import Side
from protocol.quantities import DeviceId, SubjectId


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """One shoe and whose it is."""

    device: DeviceId
    public_key: bytes
    """65 bytes (P-256, uncompressed point) or 32 bytes (Ed25519)."""
    side: Side
    pair: bytes
    """8 bytes that both shoes carry."""
    subject: SubjectId
    enrolled_sequence: int = 0
    """The newest sequence at enrolment, proved by the shoe; only higher ones count, so a shoe enrolled again cannot be
    paid for its past."""


class DeviceRegister(Protocol):
    """Looks shoes up by their device id."""

    def find(self, device: DeviceId) -> EnrolledDevice | None:
        """The enrolled shoe, or None if it is unknown or revoked."""
        ...
