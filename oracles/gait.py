"""Gait from the force under each foot, and the gait of a day from its minute records.

    contacts            heel strikes and toe offs of one foot, by two thresholds
    strides_of          strides of one foot with their stance times
    steady              strides without starts, stops and turns
    measure_walk        the measures of a recorded walk
    gait_of_minutes     the measures of many signed minutes, in integers only
    phase_permille      where in the left stride the right foot lands

Measures are those of the clinical literature: stance share of the stride; coefficient of variation of the stride time
(Hausdorff et al. 1998); symmetry index 100 |L-R| / (0.5 (L+R)) (Robinson et al. 1987); double support as the share of
time with both feet loaded. They show a person's own trend, never a diagnosis.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocol.minutes import MinuteRecord
from protocol.records import Gait

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOADED_N = 40.0
UNLOADED_N = 20.0
SHORTEST_STANCE_S = 0.2
SHORTEST_SWING_S = 0.1
STRIDE_RANGE_S = (0.6, 2.0)
OUTLIER = 3 * 1.4826
"""Three standard deviations, as a multiple of the median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Strides:
    """Strides of one foot, one array element each; times in seconds from the start of the recording."""

    start_s: Floats
    stride_s: Floats
    stance_s: Floats
    contact: Integers
    """Which contact of the foot begins the stride."""

    def where(self, keep: npt.NDArray[np.bool_]) -> "Strides":
        """The strides that are marked."""
        return Strides(self.start_s[keep], self.stride_s[keep], self.stance_s[keep], self.contact[keep])


@dataclass(frozen=True, slots=True)
class WalkMeasures:
    """A recorded walk. Steps cover all of it, the rest the steady strides."""

    steps_left: int
    steps_right: int
    gait: Gait
    double_support_permille: int
    """Time with both feet loaded, of the walking time, in thousandths."""


def contacts(force_n: Floats, rate_hz: float) -> Integers:
    """Contacts of one foot as rows (first loaded sample, first unloaded sample), in order.

    A foot is down from 40 N up and off from 20 N down. Gaps under 100 ms are chatter and are closed; contacts under
    200 ms are no steps. A contact that the recording cuts off at its end is not counted.
    """
    mark = np.where(force_n > LOADED_N, 1, np.where(force_n < UNLOADED_N, -1, 0))
    latest = np.maximum.accumulate(np.where(mark != 0, np.arange(len(mark)), 0))
    edges = np.diff((mark[latest] > 0).astype(np.int8), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    found: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=False):
        if found and start - found[-1][1] < SHORTEST_SWING_S * rate_hz:
            start = found.pop()[0]
        if end - start >= SHORTEST_STANCE_S * rate_hz:
            found.append((start, end))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def strides_of(touches: Integers, rate_hz: float) -> Strides:
    """From each contact to the next of the same foot."""
    starts, ends = touches[:-1, 0], touches[:-1, 1]
    return Strides(
        starts / rate_hz, np.diff(touches[:, 0]) / rate_hz, (ends - starts) / rate_hz, np.arange(len(starts))
    )


def steady(strides: Strides) -> Strides:
    """Without pauses and turns: strides of 0.6 to 2 s within three robust deviations of the median."""
    shortest, longest = STRIDE_RANGE_S
    possible = strides.where((strides.stride_s > shortest) & (strides.stride_s < longest))
    if not len(possible.stride_s):
        return possible
    distance = np.abs(possible.stride_s - np.median(possible.stride_s))
    return possible.where(distance <= OUTLIER * np.median(distance) + 1e-9)


def measure_walk(left_n: Floats, right_n: Floats, rate_hz: float, margin_s: float = 20.0) -> WalkMeasures:
    """Steps of a walk, and the gait of its steady part: `margin_s` seconds at either end are left out."""
    touches = contacts(left_n, rate_hz), contacts(right_n, rate_hz)
    first, last = margin_s * rate_hz, len(left_n) - margin_s * rate_hz
    inner = [part[(part[:, 0] > first) & (part[:, 0] < last)] for part in touches]
    left, right = (steady(strides_of(part, rate_hz)) for part in inner)
    return WalkMeasures(
        steps_left=len(touches[0]),
        steps_right=len(touches[1]),
        gait=_gait([_summary(left), _summary(right)]),
        double_support_permille=_double_support(touches, left, len(left_n), rate_hz),
    )


@dataclass(frozen=True, slots=True)
class _Foot:
    """Sums over strides of one foot: count, stride time and stance time [ms], squared deviation [0.01 ms^2]."""

    strides: int
    stride_ms: int
    stance_ms: int
    squares: int


def _summary(strides: Strides) -> _Foot:
    count = len(strides.stride_s)
    if count < 2:
        return _Foot(0, 0, 0, 0)
    squares = float(np.var(strides.stride_s, ddof=1)) * 1e8 * count
    return _Foot(
        count, round(float(strides.stride_s.sum()) * 1e3), round(float(strides.stance_s.sum()) * 1e3), round(squares)
    )


def _double_support(touches: tuple[Integers, Integers], strides: Strides, samples: int, rate_hz: float) -> int:
    """Over the steady strides of the left foot."""
    down = []
    for part in touches:
        change = np.zeros(samples + 1, dtype=np.int64)
        np.add.at(change, part[:, 0], 1)
        np.add.at(change, part[:, 1], -1)
        down.append(np.cumsum(change) > 0)
    starts = np.round(strides.start_s * rate_hz).astype(np.int64)
    ends = np.round((strides.start_s + strides.stride_s) * rate_hz).astype(np.int64)
    both = np.concatenate([[0], np.cumsum(down[0] & down[1])])
    return int(1_000 * (both[ends] - both[starts]).sum()) // max(1, int((ends - starts).sum()))


def gait_of_minutes(left: Sequence[MinuteRecord], right: Sequence[MinuteRecord]) -> Gait:
    """The gait of many minutes of a pair, weighted by the strides each minute used. Integers only.

    The variation is the one inside minutes: walking faster at noon than at night does not raise it. Without steady
    strides of both feet the result is all zero.
    """
    return _gait([_sum(left), _sum(right)])


def _sum(minutes: Sequence[MinuteRecord]) -> _Foot:
    return _Foot(
        sum(minute.strides_used for minute in minutes),
        sum(minute.strides_used * minute.stride_mean_ms for minute in minutes),
        sum(minute.strides_used * minute.stance_mean_ms for minute in minutes),
        sum(minute.strides_used * minute.stride_sd_tenth_ms**2 for minute in minutes),
    )


def _gait(feet: list[_Foot]) -> Gait:
    if not all(foot.strides and foot.stride_ms and foot.stance_ms for foot in feet):
        return Gait()
    strides = sum(foot.strides for foot in feet)
    stride_ms = sum(foot.stride_ms for foot in feet)
    stance_left, stance_right = (_divide(10 * foot.stance_ms, foot.strides) for foot in feet)
    return Gait(
        strides=strides,
        cadence_tenth_per_minute=_divide(1_200_000 * strides, stride_ms),
        stride_mean_ms=_divide(stride_ms, strides),
        stride_cv_hundredth_percent=_divide(sum(_variation(foot) for foot in feet), 2_000),
        stance_permille=_divide(1_000 * sum(foot.stance_ms for foot in feet), stride_ms),
        stance_asymmetry_permille=_divide(2_000 * abs(stance_left - stance_right), stance_left + stance_right),
    )


def _variation(foot: _Foot) -> int:
    """Standard deviation of the stride time as a share of its mean, in ten-millionths of the whole."""
    return _divide(10**5 * math.isqrt(100 * foot.strides * foot.squares), foot.stride_ms)


def _divide(number: int, by: int) -> int:
    """Rounded to the nearest integer, halves up."""
    return (2 * number + by) // (2 * by)


def phase_permille(left: MinuteRecord, right: MinuteRecord) -> int | None:
    """Where in the left foot's stride the right foot lands, in thousandths; 500 is half way.

    From the first contacts of the same minute by the same clock; both records must begin at the same moment. None
    where a foot has no steady stride.
    """
    if not (left.strides_used and right.strides_used and left.stride_mean_ms):
        return None
    return (right.first_contact_ms - left.first_contact_ms) % left.stride_mean_ms * 1_000 // left.stride_mean_ms
