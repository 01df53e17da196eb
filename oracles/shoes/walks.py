"""Minutes of a recorded walk: the measures are real, taken from the force under one foot as a shoe's firmware does.

First and last contact are those of steady strides, where there are any: standing at the start or turning would blur the
phase between the feet. A force recording knows nothing of swing speed and impact, so these fields stay zero ("no such
sensor").
"""

from dataclasses import dataclass

import numpy as np

from oracles.gait import Floats, contacts, steady, strides_of
from oracles.links.files.force import ForceRecording
from oracles.shoes.device import MINUTE_MS, Shoe
from oracles.shoes.measures import MinuteMeasures
from protocol.minutes import SignedMinute

FEWEST_STRIDES = 2
"""A spread needs two."""


@dataclass(frozen=True, slots=True)
class WalkedMinute:
    """A minute of one foot in a recording; the last one of a walk may be short."""

    offset_ms: int
    duration_ms: int
    measures: MinuteMeasures


def walked_minutes(force_n: Floats, rate_hz: float) -> list[WalkedMinute]:
    """The minutes of one foot's total force [N]. A contact belongs to the minute of its heel strike."""
    touches = contacts(force_n, rate_hz)
    strides = strides_of(touches, rate_hz)
    peaks = np.array([force_n[start:end].max() for start, end in touches])
    length_ms = round(len(force_n) * 1_000 / rate_hz)
    minutes = []
    for offset in range(0, length_ms, MINUTE_MS):
        end = min(offset + MINUTE_MS, length_ms)
        strikes = np.round(touches[:, 0] * (1_000 / rate_hz))
        strikes = strikes[(strikes >= offset) & (strikes < end)] - offset
        begun_ms = strides.start_s * 1_000
        used = steady(strides.where((begun_ms >= offset) & (begun_ms < end)))
        steady_strikes = used.start_s * 1_000 - offset
        measures = _measures(strikes, steady_strikes, used.stride_s * 1_000, used.stance_s * 1_000, peaks[used.contact])
        minutes.append(WalkedMinute(offset, end - offset, measures))
    return minutes


def _measures(
    strikes_ms: Floats, steady_ms: Floats, strides_ms: Floats, stances_ms: Floats, peaks_n: Floats
) -> MinuteMeasures:
    if not len(strikes_ms):
        return MinuteMeasures(steps=0)
    if len(strides_ms) < FEWEST_STRIDES:
        first, last = round(float(strikes_ms[0])), round(float(strikes_ms[-1]))
        return MinuteMeasures(steps=len(strikes_ms), first_contact_ms=first, last_contact_ms=last)
    return MinuteMeasures(
        steps=len(strikes_ms),
        strides_used=len(strides_ms),
        stride_mean_ms=round(float(strides_ms.mean())),
        stride_sd_tenth_ms=round(float(strides_ms.std(ddof=1)) * 10),
        stance_mean_ms=round(float(stances_ms.mean())),
        peak_force_n=round(float(peaks_n.mean())),
        peak_force_sd_tenth_n=round(float(peaks_n.std(ddof=1)) * 10),
        first_contact_ms=round(float(steady_ms[0])),
        last_contact_ms=round(float(steady_ms[-1])),
    )


def record_walk(left: Shoe, right: Shoe, recording: ForceRecording, began_at_ms: int) -> list[SignedMinute]:
    """Walk a recording in a pair of shoes: both close and sign each minute. UTC milliseconds; raises `DeviceError`."""
    signed = []
    for shoe, force_n in ((left, recording.left_n), (right, recording.right_n)):
        signed += [
            shoe.close_minute(minute.measures, began_at_ms + minute.offset_ms, minute.duration_ms)
            for minute in walked_minutes(force_n, recording.rate_hz)
        ]
    return signed
