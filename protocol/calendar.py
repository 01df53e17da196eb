"""Days of the service: they end at midnight in Seoul; times are stored in UTC seconds.

Korea has kept UTC+9 without daylight saving since 1988, so a day is a plain division.
"""

import datetime as dt

from protocol.quantities import Day, Seconds

SECONDS_PER_DAY = 86_400
SEOUL_OFFSET = 9 * 3_600
SEOUL = dt.timezone(dt.timedelta(seconds=SEOUL_OFFSET), "Asia/Seoul")


def day_of(at: Seconds) -> Day:
    """The day in Seoul that holds this UTC second."""
    return Day((at + SEOUL_OFFSET) // SECONDS_PER_DAY)


def start_of(day: Day) -> Seconds:
    """The first UTC second of a day; the day ends just before `start_of(day + 1)`."""
    return Seconds(day * SECONDS_PER_DAY - SEOUL_OFFSET)


def date_of(day: Day) -> dt.date:
    """The calendar date of a day in Seoul."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def day_from_date(date: dt.date) -> Day:
    """The day of a calendar date in Seoul."""
    return Day((date - dt.date(1970, 1, 1)).days)


def month_of(day: Day) -> int:
    """The month of a day as YYYYMM, e.g. 202611."""
    date = date_of(day)
    return date.year * 100 + date.month
