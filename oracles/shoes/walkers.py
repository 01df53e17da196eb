"""A model of honest walkers: from the steps of a minute to what both shoes would have measured.

**The steps are real** (whoever calls this takes them from a recording); **the gait fields are modelled**, because a
wrist device knows steps only. The model is seeded, so the same walker and minutes give the same fields:

    cadence          one's own, 98 to 110 steps a minute; faster where the minute holds more steps than that
    stride time      120 s / cadence; its variation 1.4 to 2.8 % of the mean, as two laboratory walks show
    stance           60 to 66 % of the stride walking; from 150 steps a minute on, running: 33 to 36 %
    peak force       1.35 x body weight walking, 2.2 x running, each foot in a band of its own; varies 2.8 to 5.6 %
    contacts         a bout at a random place in the minute; the right foot half a stride after the left
    steps            split between the feet: they differ by one at most, and even out over minutes
    swing, impact    264 to 386 deg/s in mid-swing; 1.5 to 3 g at heel strike

The first, the last and the turning strides of a bout are not steady; a foot with fewer than four steps in a minute has
no steady stride at all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oracles.errors import DeviceError
from oracles.shoes.device import MINUTE_MS, Shoe
from oracles.shoes.measures import MinuteMeasures
from protocol.minutes import SignedMinute

GRAVITY = 9.81
RUNNING_CADENCE = 150
UNSTEADY_STEPS = 3
MOST_STEPS = 300
LONGEST_BOUT_MS = 59_000


@dataclass(frozen=True, slots=True)
class _Foot:
    """One foot's own way of walking."""

    stance_share: float
    running_stance_share: float
    peak_per_weight: float
    running_peak_per_weight: float


class Walker:
    """One modelled person. `minute` must be called in the order of time; it depends on the calls before."""

    def __init__(self, seed: int, mass_kg: float = 70.0) -> None:
        self._random = np.random.default_rng(seed)
        draw = self._random.uniform
        self._weight_n = mass_kg * GRAVITY
        self._cadence = draw(98.0, 110.0)
        self._variation = draw(0.016, 0.026)
        self._force_variation = draw(0.030, 0.054)
        self._swing = draw(285.0, 365.0)
        self._impact = draw(180.0, 270.0)
        stance, peak = draw(0.612, 0.648), draw(1.31, 1.39)
        running, running_peak = draw(0.335, 0.355), draw(2.1, 2.3)
        self._feet = [
            _Foot(
                stance * draw(0.995, 1.005),
                running * draw(0.995, 1.005),
                peak * draw(0.98, 1.02),
                running_peak * draw(0.98, 1.02),
            )
            for _ in range(2)
        ]
        self._ahead = 0

    def minute(self, steps: int) -> tuple[MinuteMeasures, MinuteMeasures]:
        """Left and right foot of a minute with this many steps of both feet. Raises `STEPS_IMPOSSIBLE`."""
        if not 0 <= steps <= MOST_STEPS:
            raise DeviceError("STEPS_IMPOSSIBLE", f"{steps} steps in a minute")
        leads_left = self._ahead <= 0
        left = (steps + 1) // 2 if leads_left else steps // 2
        self._ahead += 2 * left - steps
        stride_ms = min(120_000 / self._cadence, 2 * LONGEST_BOUT_MS / max(1, steps))
        noise = self._random.standard_normal(16).tolist()
        bout = steps * stride_ms / 2
        begin = float(self._random.uniform(0.0, LONGEST_BOUT_MS - bout)) if bout < LONGEST_BOUT_MS else 0.0
        half = stride_ms * (0.5 + 0.006 * noise[0])
        starts = (begin, begin + half) if leads_left else (begin + half, begin)
        running = steps >= RUNNING_CADENCE
        counts = (left, steps - left)
        first, second = (
            self._foot(self._feet[foot], counts[foot], stride_ms, starts[foot], running, noise[1 + 7 * foot :])
            for foot in range(2)
        )
        return first, second

    def _foot(
        self, foot: _Foot, steps: int, stride_ms: float, start: float, running: bool, noise: Sequence[float]
    ) -> MinuteMeasures:
        if not steps:
            return MinuteMeasures(steps=0)
        first = round(start)
        last = min(MINUTE_MS - 1, round(start + (steps - 1) * stride_ms))
        used = max(0, steps - UNSTEADY_STEPS)
        if not used:
            return MinuteMeasures(steps=steps, first_contact_ms=first, last_contact_ms=last)
        mean = stride_ms * (1 + self._variation * noise[0] / (3 * used**0.5))
        stance = foot.running_stance_share if running else foot.stance_share
        peak = foot.running_peak_per_weight if running else foot.peak_per_weight
        force = self._weight_n * peak * (1 + 0.008 * noise[1])
        return MinuteMeasures(
            steps=steps,
            strides_used=used,
            stride_mean_ms=round(mean),
            stride_sd_tenth_ms=round(10 * mean * self._spread(self._variation, used, noise[2], 0.0145, 0.0275)),
            stance_mean_ms=round(mean * stance * (1 + 0.002 * noise[3])),
            peak_force_n=round(force),
            peak_force_sd_tenth_n=round(10 * force * self._spread(self._force_variation, used, noise[4], 0.028, 0.056)),
            first_contact_ms=first,
            last_contact_ms=last,
            mid_swing_deg_s=round(min(386.0, max(264.0, self._swing + 5 * noise[5]))),
            impact_centi_g=round(min(300.0, max(150.0, self._impact + 10 * noise[6]))),
        )

    @staticmethod
    def _spread(share: float, strides: int, noise: float, lowest: float, highest: float) -> float:
        """A standard deviation as estimated from this few strides; none from a single one."""
        if strides < 2:
            return 0.0
        estimated = share * (1 + noise / math.sqrt(2 * (strides - 1)))
        return min(highest, max(lowest, estimated))


def record_minutes(
    walker: Walker, left: Shoe, right: Shoe, minutes: Sequence[int], began_at_ms: int
) -> list[tuple[SignedMinute, SignedMinute]]:
    """Walk a row of minutes (steps of both feet each) in a pair of shoes; both close and sign each one.

    Only minutes with a step are closed, as shoes do to spare their flash. `began_at_ms`: UTC milliseconds of the first
    minute. Returns (left, right) for every closed minute; raises `DeviceError`.
    """
    signed = []
    for index, steps in enumerate(minutes):
        if steps:
            of_left, of_right = walker.minute(steps)
            at = began_at_ms + index * MINUTE_MS
            signed.append((left.close_minute(of_left, at), right.close_minute(of_right, at)))
    return signed
