import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.calendar import SECONDS_PER_DAY, SEOUL, date_of, day_from_date, day_of, month_of, start_of
from protocol.quantities import Day, Seconds

SINCE_1989 = st.integers(599_616_000, 4_102_444_800).map(Seconds)
DAYS = st.integers(-700_000, 2_900_000).map(Day)


def utc(text: str) -> Seconds:
    return Seconds(int(dt.datetime.fromisoformat(text).timestamp()))


@pytest.mark.parametrize(
    ("at", "date"),
    [
        ("2026-11-22T14:59:59+00:00", "2026-11-22"),
        ("2026-11-22T15:00:00+00:00", "2026-11-23"),
        ("2026-11-23T00:00:00+09:00", "2026-11-23"),
        ("2026-12-31T14:59:59+00:00", "2026-12-31"),
        ("2026-12-31T15:00:00+00:00", "2027-01-01"),
        ("2028-02-29T23:59:59+09:00", "2028-02-29"),
        ("1969-12-31T14:59:59+00:00", "1969-12-31"),
    ],
)
def test_a_day_ends_at_midnight_in_seoul(at: str, date: str) -> None:
    assert date_of(day_of(utc(at))) == dt.date.fromisoformat(date)


@given(SINCE_1989)
def test_days_are_those_of_the_time_zone_database(at: Seconds) -> None:
    there = dt.datetime.fromtimestamp(at, ZoneInfo("Asia/Seoul"))
    assert date_of(day_of(at)) == there.date() == dt.datetime.fromtimestamp(at, SEOUL).date()


@given(DAYS)
def test_a_day_starts_where_the_one_before_ends(day: Day) -> None:
    start = start_of(day)
    assert day_of(start) == day
    assert day_of(Seconds(start - 1)) == day - 1
    assert start_of(Day(day + 1)) - start == SECONDS_PER_DAY
    assert start % SECONDS_PER_DAY == 15 * 3600


@given(DAYS)
def test_dates_and_days_are_the_same_thing(day: Day) -> None:
    assert day_from_date(date_of(day)) == day


def test_months_change_in_seoul() -> None:
    assert month_of(day_of(utc("2026-11-30T14:59:59+00:00"))) == 202611
    assert month_of(day_of(utc("2026-11-30T15:00:00+00:00"))) == 202612
    assert month_of(day_of(utc("2026-12-31T15:00:00+00:00"))) == 202701
