"""The dated rule set: every threshold, purpose and reward that decides about a person, and its hash.

The hash of the rule set in force stands in `Council`; batches name the hash they were made under, so a changed rule
without a changed hash is noticed. Sources of the figures: `docs/protocol.md`.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from eth_hash.auto import keccak

from protocol.canonical import canonical


class Purpose(StrEnum):
    """Purposes a release may have, from HL7 ActReason. Everything else is refused."""

    TREAT = "TREAT"
    CAREMGT = "CAREMGT"
    PUBHLTH = "PUBHLTH"
    PATRQT = "PATRQT"
    FAMRQT = "FAMRQT"


class DataClass(StrEnum):
    """What is asked for; the second has the stricter gate."""

    WELLNESS_OBS = "WELLNESS_OBS"
    MEDICAL_RECORD = "MEDICAL_RECORD"


class Category(StrEnum):
    """Kinds of redeemers, numbered by `CATEGORY_NUMBERS`. Co-payment and cash are marks of refusal, no categories."""

    SPORT = "SPORT"
    TRANSPORT = "TRANSPORT"
    CULTURE = "CULTURE"
    HEALTH_EDUCATION = "HEALTH_EDUCATION"
    GREEN = "GREEN"
    CO_PAYMENT = "CO_PAYMENT"
    CASH_OUT = "CASH_OUT"


CATEGORY_NUMBERS = {
    Category.SPORT: 1,
    Category.TRANSPORT: 2,
    Category.CULTURE: 3,
    Category.HEALTH_EDUCATION: 4,
    Category.GREEN: 5,
    Category.CO_PAYMENT: 100,
    Category.CASH_OUT: 101,
}


@dataclass(frozen=True, slots=True)
class RewardCurve:
    """Units a day earns: nothing up to `start`, `slope` a thousand steps to `bend`, `slope_after` to `cap`."""

    start: int = 2_000
    bend: int = 7_000
    cap: int = 10_000
    slope: int = 10
    slope_after: int = 5

    def units(self, steps: int) -> int:
        """Reward units (health tokens) of a day's paid steps, rounded down."""
        first = max(0, min(steps, self.bend) - self.start) * self.slope
        second = max(0, min(steps, self.cap) - self.bend) * self.slope_after
        return (first + second) // 1_000


@dataclass(frozen=True, slots=True)
class PlausibilityRules:
    """Thresholds of the checks on minutes and days."""

    max_steps_per_minute: int = 220
    min_paid_steps_per_minute: int = 20
    """Below this a minute counts as steps but earns nothing."""
    pair_window_minutes: int = 5
    pair_tolerance_steps: int = 3
    pair_tolerance_percent: int = 5
    stance_permille: tuple[int, int] = (300, 780)
    """Walking and running together; checked where a minute holds steady strides."""
    steady_strides: int = 10
    peak_force_n: tuple[int, int] = (200, 4_000)
    stride_cv_floor_hundredth_percent: int = 70
    """Fifty steady strides with less variation than this are no person's."""
    max_steps_per_day: int = 40_000
    max_active_minutes_per_day: int = 960


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in force from a day on."""

    name: str = "2026-11"
    reward: RewardCurve = field(default_factory=RewardCurve)
    plausibility: PlausibilityRules = field(default_factory=PlausibilityRules)
    k_floor: int = 5
    """Smallest number of real leaves in a batch."""
    denomination: int = 5
    """Health tokens a voucher is worth."""
    purposes: tuple[Purpose, ...] = tuple(Purpose)
    consent_max_days: int = 90
    documents: str = "2021-06-30"
    """Date of the document rule set in `vault.documents`."""

    def hash(self) -> bytes:
        """keccak256 of the canonical rule set, 32 bytes: what `Council.set_rules` holds."""
        return keccak(canonical(asdict(self)))
