from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.gait import Floats, contacts, gait_of_minutes, measure_walk, phase_permille, steady, strides_of
from oracles.links.files import read_force
from protocol.minutes import MinuteRecord, SignedMinute
from protocol.records import Gait
from tests.oracles.shoes.support import walked_pair

SAMPLES = Path(__file__).parents[2] / "samples" / "gaitpdb"
RATE = 100.0


@pytest.mark.parametrize(
    ("name", "left", "right", "cadence", "stance", "variation", "asymmetry"),
    [("GaCo01_01", 95, 97, 977, 629, 243, 3), ("GaCo02_01", 105, 107, 1_088, 640, 184, 5)],
)
def test_real_walks_measure_as_published(
    name: str, left: int, right: int, cadence: int, stance: int, variation: int, asymmetry: int
) -> None:
    recording = read_force(SAMPLES / f"{name}.txt.gz")
    walk = measure_walk(recording.left_n, recording.right_n, recording.rate_hz)
    assert (walk.steps_left, walk.steps_right) == (left, right)
    assert walk.gait.cadence_tenth_per_minute == cadence
    assert walk.gait.stance_permille == stance
    assert abs(walk.gait.stride_cv_hundredth_percent - variation) <= 1
    assert walk.gait.stance_asymmetry_permille == asymmetry
    assert 200 <= walk.double_support_permille <= 300


def _footfalls(starts: list[int], stance: int, samples: int) -> Floats:
    force = np.zeros(samples)
    for start in starts:
        force[start : start + stance] = 700.0
    return force


@given(st.integers(65, 90), st.integers(70, 140), st.integers(3, 20))
@settings(max_examples=60, deadline=None)
def test_contacts_find_every_made_footfall(stance: int, gap: int, count: int) -> None:
    starts = [50 + index * (stance + gap) for index in range(count)]
    found = contacts(_footfalls(starts, stance, starts[-1] + stance + 50), RATE)
    assert found.tolist() == [[start, start + stance] for start in starts]


def test_chatter_is_closed_and_taps_are_no_steps() -> None:
    force = _footfalls([100], 70, 600)
    force[130:135] = 0.0
    force[300:310] = 700.0
    assert contacts(force, RATE).tolist() == [[100, 170]]


def test_between_the_thresholds_nothing_changes() -> None:
    force = _footfalls([100], 70, 400)
    force[170:200] = 30.0
    assert contacts(force, RATE).tolist() == [[100, 200]]


def test_pauses_and_turns_are_not_steady() -> None:
    starts = [0, 110, 221, 330, 441, 550, 900, 1_011, 1_120, 1_300, 1_410]
    strides = steady(strides_of(np.array([[start, start + 70] for start in starts]), RATE))
    assert strides.stride_s.max() < 1.2
    assert len(strides.stride_s) == 8


def test_no_walking_has_no_gait() -> None:
    walk = measure_walk(np.zeros(6_000), np.zeros(6_000), RATE)
    assert walk.gait == Gait()
    assert (walk.steps_left, walk.steps_right, walk.double_support_permille) == (0, 0, 0)


def _records(minutes: int) -> tuple[list[MinuteRecord], list[MinuteRecord]]:
    pair = walked_pair(minutes)
    return tuple(
        [SignedMinute.from_bytes(raw).record for raw in shoe.records(1, minutes)] for shoe in (pair.left, pair.right)
    )  # type: ignore[return-value]


def test_gait_of_minutes_weighs_by_strides_and_is_whole_numbers() -> None:
    left, right = _records(3)
    gait = gait_of_minutes(left, right)
    assert gait == Gait(
        strides=288,
        cadence_tenth_per_minute=1_091,
        stride_mean_ms=1_100,
        stride_cv_hundredth_percent=182,
        stance_permille=636,
        stance_asymmetry_permille=0,
    )
    assert gait_of_minutes(left, []) == Gait()


def test_phase_needs_steady_strides_of_both() -> None:
    left, right = _records(1)
    assert phase_permille(left[0], right[0]) == 0
    still = MinuteRecord.unpack(left[0].pack())
    object.__setattr__(still, "strides_used", 0)
    assert phase_permille(still, right[0]) is None
