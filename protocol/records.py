"""The record types of the vault and what a day record holds.

A record is a map of integers, text, booleans and lists (see `protocol.canonical`). Units: steps, seconds, metres,
milliseconds; ratios in tenths of a percent ("permille") so that no float is needed.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from protocol.quantities import Day
from protocol.references import Kind


class RecordKind(StrEnum):
    """What a sealed record is; the closed list."""

    DAY = "DAY"
    """A day record."""
    MINUTES = "MINUTES"
    """The signed minutes a day record was made from: the evidence."""
    REFUSAL = "REFUSAL"
    """Minutes refused on a day, with their reasons."""
    PROOF = "PROOF"
    """Where a reference value was anchored and how it leads to the root."""
    CONSENT = "CONSENT"
    CONTRACT = "CONTRACT"
    RELEASE = "RELEASE"
    """What was shown to whom: the patient's receipt."""
    ENTITLEMENT = "ENTITLEMENT"
    """Units a day earned."""

    @property
    def reference_kind(self) -> Kind:
        """Under which kind this record's reference value is anchored."""
        return Kind.AUDIT if self is RecordKind.RELEASE else Kind.READING


class Origin(StrEnum):
    """Where a day's steps come from; only attested days earn."""

    ATTESTED = "ATTESTED"
    """Signed by both shoes of a pair."""
    IMPORTED = "IMPORTED"
    """From a file: nothing vouches for it."""


@dataclass(frozen=True, slots=True)
class Gait:
    """Gait measures of steady walking in integers. Zero strides: nothing steady was seen."""

    strides: int = 0
    cadence_tenth_per_minute: int = 0
    """Steps of both feet a minute, in tenths."""
    stride_mean_ms: int = 0
    stride_cv_hundredth_percent: int = 0
    stance_permille: int = 0
    """Share of the stride with the foot on the ground, in thousandths."""
    stance_asymmetry_permille: int = 0
    """Symmetry index 100 |L-R| / (0.5 (L+R)) of stance times, in thousandths."""


@dataclass(frozen=True, slots=True)
class DayRecord:
    """One wearer's day."""

    day: Day
    origin: Origin
    steps: int
    """Steps of both feet in accepted minutes."""
    paid_steps: int
    """Steps of minutes that count for the reward."""
    minutes: int
    """Minutes with a step."""
    moderate_minutes: int
    """Minutes at 100 steps or more."""
    distance_m: int
    """Metres; 0 where nothing measured it."""
    refused_minutes: int
    gait: Gait = field(default_factory=Gait)

    def to_record(self) -> dict[str, Any]:
        """The map that is sealed and committed to."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "DayRecord":
        """Read back what `to_record` made."""
        rest = {name: value for name, value in record.items() if name not in ("gait", "origin")}
        return cls(**rest, origin=Origin(record["origin"]), gait=Gait(**record["gait"]))
