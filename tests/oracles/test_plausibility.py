"""Plausibility: cheats are refused with the right reason, honest walks are not."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.links.files.fitbit import read_minute_steps
from oracles.links.files.force import read_force
from oracles.plausibility import TimedMinute, day_implausible, judge
from oracles.refusals import INCIDENTS, SENTENCES, Reason
from oracles.shoes.walkers import Walker
from oracles.shoes.walks import walked_minutes
from protocol.minutes import Side
from protocol.rules import PlausibilityRules
from tests.oracles.core_support import MORNING_MS, RULES, record_of

RULESET = RULES.plausibility
SAMPLES = Path(__file__).parents[2] / "samples"


def foot(side: Side, steps: Sequence[int], offset_ms: int = 0, first: int = 1, **changes: Any) -> list[TimedMinute]:
    device = b"LEFTLEFT" if side is Side.LEFT else b"RIGHTRIG"
    return [
        TimedMinute(
            record_of(side=side, device=device, sequence=first + i, steps=n, strides_used=max(0, n - 3), **changes),
            MORNING_MS + offset_ms + i * 60_000,
        )
        for i, n in enumerate(steps)
    ]


def pair(left: Sequence[int], right: Sequence[int], **changes: Any) -> list[TimedMinute]:
    return foot(Side.LEFT, left, **changes) + foot(Side.RIGHT, right, **changes)


def reasons(minutes: Sequence[TimedMinute], rules: PlausibilityRules = RULESET) -> set[Reason]:
    return set(judge(minutes, rules).values())


def test_an_honest_pair_is_accepted() -> None:
    assert judge(pair([50, 52, 51, 2, 0, 1], [51, 52, 50, 1, 1, 0]), RULESET) == {}


def test_one_shoe_alone_earns_nothing_but_a_few_steps_are_let_pass() -> None:
    assert reasons(foot(Side.LEFT, [50, 50])) == {Reason.SHOE_MISSING}
    assert reasons(foot(Side.RIGHT, [50, 50])) == {Reason.SHOE_MISSING}
    assert judge(foot(Side.LEFT, [2, 1]), RULESET) == {}


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [([50] * 5, [53] + [50] * 4, True), ([50] * 5, [52] * 5, True), ([50] * 5, [53] * 5, False),
     ([10, 0, 0, 0, 0], [13, 0, 0, 0, 0], True), ([10, 0, 0, 0, 0], [14, 0, 0, 0, 0], False),
     ([50] * 5 + [50] * 5, [50] * 5 + [20] * 5, False)],
)  # fmt: skip
def test_the_feet_agree_within_three_steps_or_five_percent(left: list[int], right: list[int], agree: bool) -> None:
    assert reasons(pair(left, right)) == (set() if agree else {Reason.PAIR_DISAGREES})


def test_a_disagreement_costs_its_five_minutes_only() -> None:
    verdicts = judge(pair([50] * 10, [50] * 5 + [20] * 5), RULESET)
    assert sorted(sequence for _, sequence in verdicts) == [6, 6, 7, 7, 8, 8, 9, 9, 10, 10]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 59_999), st.integers(0, 40), st.integers(1, 25), st.integers(546, 700))
def test_shoes_that_close_their_minutes_at_different_moments_still_agree(
    phase: int, begin_s: int, length: int, half_stride_ms: int
) -> None:
    """A steady walk, counted by two shoes whose minutes begin `phase` ms apart."""
    stride = 2 * half_stride_ms
    first = begin_s * 1_000
    strikes = {side: [first + half_stride_ms * (side - 1) + i * stride for i in range(length * 40)] for side in Side}

    def count(side: Side, offset: int) -> list[TimedMinute]:
        minutes = []
        for i in range(-1, length + 3):
            begin = offset + i * 60_000
            steps = sum(1 for at in strikes[side] if begin <= at < begin + 60_000)
            if steps:
                record = record_of(side=side, device=bytes([side]) * 8, sequence=i + 2, steps=steps, strides_used=0)
                minutes.append(TimedMinute(record, MORNING_MS + begin))
        return minutes

    assert judge(count(Side.LEFT, 0) + count(Side.RIGHT, phase), RULESET) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"duration_ms": 70_000}, Reason.DURATION_IMPLAUSIBLE), ({"steps": 112}, Reason.STEPS_IMPLAUSIBLE),
     ({"duration_ms": 10_000}, Reason.STEPS_IMPLAUSIBLE), ({"strides_used": 53}, Reason.STEPS_IMPLAUSIBLE),
     ({"stance_mean_ms": 330}, Reason.STANCE_IMPLAUSIBLE), ({"stance_mean_ms": 900}, Reason.STANCE_IMPLAUSIBLE),
     ({"peak_force_n": 150}, Reason.FORCE_IMPLAUSIBLE), ({"peak_force_n": 4_100}, Reason.FORCE_IMPLAUSIBLE),
     ({"peak_force_n": 0}, Reason.FORCE_IMPLAUSIBLE), ({"stride_sd_tenth_ms": 70}, Reason.TOO_REGULAR)],
)  # fmt: skip
def test_physics_and_regularity_of_a_minute(change: dict[str, int], reason: Reason) -> None:
    walk = [record_of(device=b"L" * 8, sequence=i, **({"strides_used": 49} | change)) for i in (1, 2)]
    other = [record_of(device=b"R" * 8, side=Side.RIGHT, sequence=i) for i in (1, 2)]
    minutes = [TimedMinute(r, MORNING_MS + 60_000 * r.sequence) for r in (*walk, *other)]
    lenient = PlausibilityRules(pair_tolerance_percent=100, pair_tolerance_steps=200)
    verdicts = judge(minutes, lenient)
    assert set(verdicts.values()) == {reason}
    assert {device for device, _ in verdicts} == {b"L" * 8, b"R" * 8}, "half a step earns nothing"


def test_few_even_strides_may_be_chance_but_many_are_a_machine() -> None:
    even = {"stride_sd_tenth_ms": 0}
    assert judge(pair([40], [40], **even), RULESET) == {}
    assert reasons(pair([40, 40], [40, 40], **even)) == {Reason.TOO_REGULAR}
    assert judge(pair([40, 40], [40, 40], stride_sd_tenth_ms=150), RULESET) == {}


def test_two_pairs_at_once_are_one_too_many() -> None:
    second = foot(Side.LEFT, [50], pair=b"2222PAIR", first=90) + foot(Side.RIGHT, [50], pair=b"2222PAIR", first=90)
    assert reasons(pair([50], [50]) + second) == {Reason.TWO_PAIRS_AT_ONCE}
    later = [TimedMinute(minute.record, minute.start + 600_000) for minute in second]
    assert judge(pair([50], [50]) + later, RULESET) == {}


def test_the_shape_of_a_day() -> None:
    assert day_implausible(dict.fromkeys(range(400), 100), RULESET) is None
    assert day_implausible(dict.fromkeys(range(401), 100), RULESET) is Reason.DAY_IMPLAUSIBLE
    assert day_implausible(dict.fromkeys(range(960), 1), RULESET) is None
    assert day_implausible(dict.fromkeys(range(961), 1), RULESET) is Reason.DAY_IMPLAUSIBLE


def _walked(walker: Walker, minutes: Sequence[int]) -> list[TimedMinute]:
    timed = []
    for index, steps in enumerate(minutes):
        if steps:
            for side, measures in zip(Side, walker.minute(steps), strict=True):
                fields = {name: getattr(measures, name) for name in measures.__slots__}
                record = record_of(side=side, device=bytes([side]) * 8, sequence=index, **fields)
                timed.append(TimedMinute(record, MORNING_MS + index * 60_000))
    return timed


def test_no_minute_and_no_day_of_the_recorded_people_is_refused() -> None:
    days = read_minute_steps(SAMPLES / "fitbit" / "minuteStepsWide.csv")
    walkers: dict[str, Walker] = {}
    assert days
    for day in days:
        walker = walkers.setdefault(day.person, Walker(len(walkers)))
        assert judge(_walked(walker, day.minutes), RULESET) == {}
        assert day_implausible(dict(enumerate(day.minutes)), RULESET) is None


@pytest.mark.parametrize("name", ["GaCo01_01", "GaCo02_01"])
@pytest.mark.parametrize("phase_ms", [0, 7, 900])
def test_no_minute_of_the_recorded_walks_is_refused(name: str, phase_ms: int) -> None:
    recording = read_force(SAMPLES / "gaitpdb" / f"{name}.txt.gz")
    timed = []
    for side, force in ((Side.LEFT, recording.left_n), (Side.RIGHT, recording.right_n)):
        for number, minute in enumerate(walked_minutes(force, recording.rate_hz)):
            fields = {name: getattr(minute.measures, name) for name in minute.measures.__slots__}
            record = record_of(
                side=side, device=bytes([side]) * 8, sequence=number, duration_ms=minute.duration_ms, **fields
            )
            timed.append(TimedMinute(record, MORNING_MS + minute.offset_ms + phase_ms * (side - 1)))
    assert sum(minute.record.steps for minute in timed) > 150
    assert judge(timed, RULESET) == {}


def test_every_reason_has_a_sentence_and_incidents_are_reasons() -> None:
    assert set(SENTENCES) == set(Reason)
    assert all(sentence.endswith(".") and len(sentence) > 20 for sentence in SENTENCES.values())
    assert set(Reason) > INCIDENTS


Cheat = Callable[[], list[TimedMinute]]


@pytest.mark.parametrize(
    ("cheat", "reason"),
    [(lambda: foot(Side.LEFT, [52] * 60), Reason.SHOE_MISSING),
     (lambda: pair([52] * 60, [52] * 60, stride_sd_tenth_ms=40), Reason.TOO_REGULAR),
     (lambda: pair([52] * 60, [52] * 60, peak_force_n=90), Reason.FORCE_IMPLAUSIBLE),
     (lambda: pair([200] * 60, [200] * 60), Reason.STEPS_IMPLAUSIBLE)],
)  # fmt: skip
def test_machines_and_hands_are_found_out_completely(cheat: Cheat, reason: Reason) -> None:
    minutes = cheat()
    verdicts = judge(minutes, RULESET)
    refused = len(verdicts) / len(minutes)
    assert set(verdicts.values()) == {reason}
    assert refused == 1
