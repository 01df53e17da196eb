from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.errors import DeviceError
from oracles.gait import gait_of_minutes, phase_permille
from oracles.links.files import read_minute_steps
from oracles.shoes import MinuteMeasures, Walker, record_minutes
from protocol.calendar import start_of
from tests.oracles.shoes.support import walked_pair

SAMPLES = Path(__file__).parents[3] / "samples" / "fitbit"


def _plausible(foot: MinuteMeasures, running: bool) -> None:
    assert 0 <= foot.first_contact_ms <= foot.last_contact_ms < 60_000
    if not foot.strides_used:
        assert foot.stride_mean_ms == foot.stance_mean_ms == foot.peak_force_n == 0
        return
    assert foot.strides_used < foot.steps
    stance = foot.stance_mean_ms / foot.stride_mean_ms
    assert 0.30 < stance < 0.40 if running else 0.59 < stance < 0.67
    assert 260 <= foot.mid_swing_deg_s <= 390
    if foot.strides_used >= 2:
        assert 0.0139 <= foot.stride_sd_tenth_ms / 10 / foot.stride_mean_ms <= 0.0281


@given(st.integers(0, 2**32), st.lists(st.integers(0, 220), min_size=1, max_size=30))
@settings(max_examples=80, deadline=None)
def test_every_modelled_minute_is_an_honest_one(seed: int, minutes: list[int]) -> None:
    walker = Walker(seed)
    totals = [0, 0]
    for steps in minutes:
        feet = walker.minute(steps)
        assert sum(foot.steps for foot in feet) == steps
        for side, foot in enumerate(feet):
            totals[side] += foot.steps
            _plausible(foot, running=steps >= 150)
    assert abs(totals[0] - totals[1]) <= 1


def test_the_same_seed_walks_the_same() -> None:
    first, again, other = Walker(7), Walker(7), Walker(8)
    assert [first.minute(100) for _ in range(5)] == [again.minute(100) for _ in range(5)]
    assert asdict(Walker(7).minute(100)[0]) != asdict(other.minute(100)[0])


def test_peak_force_follows_body_weight() -> None:
    light, heavy = (Walker(3, mass_kg=mass).minute(110)[0].peak_force_n for mass in (50.0, 100.0))
    assert 1.9 < heavy / light < 2.1
    assert 1.25 < light / (50 * 9.81) < 1.45


def test_impossible_minutes_are_refused() -> None:
    for steps in (-1, 301):
        with pytest.raises(DeviceError, match="STEPS_IMPOSSIBLE"):
            Walker(1).minute(steps)


def test_a_real_day_becomes_signed_minutes_of_both_shoes() -> None:
    day = read_minute_steps(SAMPLES / "minuteStepsWide.csv")[0]
    began = start_of(day.day) * 1_000
    pair = walked_pair(0)
    pair.boot(began)
    signed = record_minutes(Walker(1), pair.left, pair.right, day.minutes, began)
    left, right = ([side.record for side in sides] for sides in zip(*signed, strict=True))
    assert sum(record.steps for record in left + right) == day.steps
    assert [record.start_ms // 60_000 for record in left] == [at for at, steps in enumerate(day.minutes) if steps]
    gait = gait_of_minutes(left, right)
    assert 900 <= gait.cadence_tenth_per_minute <= 1_300
    assert 590 <= gait.stance_permille <= 670
    assert 140 <= gait.stride_cv_hundredth_percent <= 280
    phases = [phase for one, other in signed if (phase := phase_permille(one.record, other.record)) is not None]
    assert phases
    assert all(450 <= phase <= 550 for phase in phases)
