"""Clock fits: offset from one comparison, drift from two that lie apart."""

from hypothesis import given
from hypothesis import strategies as st

from oracles.clocks import JITTER_MS, MAX_DRIFT_PPM, ClockFit

BASE = 1_794_000_000_000


def test_one_comparison_gives_the_offset() -> None:
    assert ClockFit.at(1, 5_000, BASE).utc_of(65_000) == BASE + 60_000
    assert ClockFit.at(1, 5_000, BASE).utc_of(0) == BASE - 5_000


@given(st.integers(-150, 150), st.integers(2, 20 * 24), st.integers(0, 20 * 24))
def test_a_drifting_crystal_is_followed(ppm: int, hours: int, at_hour: int) -> None:
    def true_time(shoe_ms: int) -> int:
        return BASE + shoe_ms + shoe_ms * ppm // 1_000_000

    span, at = hours * 3_600_000, min(at_hour, hours) * 3_600_000
    fit = ClockFit.at(1, 0, BASE).synchronised(span, true_time(span))
    assert fit.trusted
    assert abs(fit.utc_of(at) - true_time(at)) <= 1


def test_a_clock_that_was_moved_is_distrusted_until_it_agrees_again() -> None:
    fit = ClockFit.at(1, 0, BASE)
    day = 86_400_000
    allowed = JITTER_MS + day * MAX_DRIFT_PPM // 1_000_000
    assert fit.synchronised(day, BASE + day + allowed).trusted
    moved = fit.synchronised(day, BASE + day + allowed + 1)
    assert not moved.trusted
    assert not fit.synchronised(-1, BASE).trusted
    assert moved.synchronised(day + 60_000, BASE + day + 60_000).trusted
