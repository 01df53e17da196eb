from pathlib import Path

import numpy as np
import pytest

from oracles.gait import gait_of_minutes, measure_walk, phase_permille
from oracles.links.files import read_force
from oracles.shoes import record_walk, walked_minutes
from protocol.minutes import Side
from tests.oracles.shoes.support import NOON_MS, walked_pair

SAMPLES = Path(__file__).parents[3] / "samples" / "gaitpdb"


@pytest.mark.parametrize("name", ["GaCo01_01", "GaCo02_01"])
def test_minutes_of_a_real_walk_hold_its_steps_and_gait(name: str) -> None:
    recording = read_force(SAMPLES / f"{name}.txt.gz")
    walk = measure_walk(recording.left_n, recording.right_n, recording.rate_hz)
    pair = walked_pair(0)
    records = [minute.record for minute in record_walk(pair.left, pair.right, recording, NOON_MS)]
    left = [record for record in records if record.side == Side.LEFT]
    right = [record for record in records if record.side == Side.RIGHT]
    assert (sum(r.steps for r in left), sum(r.steps for r in right)) == (walk.steps_left, walk.steps_right)
    assert [r.duration_ms for r in left] == [60_000, 60_000, 1_190]
    gait = gait_of_minutes(left, right)
    assert abs(gait.cadence_tenth_per_minute - walk.gait.cadence_tenth_per_minute) <= 10
    assert abs(gait.stance_permille - walk.gait.stance_permille) <= 5
    assert 100 <= gait.stride_cv_hundredth_percent <= 300
    for one, other in zip(left[:2], right[:2], strict=True):
        phase = phase_permille(one, other)
        assert phase is not None
        assert 400 <= phase <= 600


def test_standing_and_floating_feet_walk_no_steps() -> None:
    for force in (np.zeros(6_000), np.full(6_000, 400.0)):
        (minute,) = walked_minutes(force, 100.0)
        assert minute.measures.steps == 0


def test_a_single_step_has_no_statistics() -> None:
    force = np.zeros(6_000)
    force[100:170] = 800.0
    (minute,) = walked_minutes(force, 100.0)
    assert (minute.measures.steps, minute.measures.strides_used, minute.measures.first_contact_ms) == (1, 0, 1_000)
