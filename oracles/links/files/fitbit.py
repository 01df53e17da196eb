"""Steps per minute and per day as Fitbit's exports hold them.

minutes (wide)  Id,ActivityHour,Steps00,...,Steps59     4/13/2016 12:00:00 AM = start of the hour, local time
days            Id,ActivityDay,StepTotal                4/13/2016
"""

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from oracles.errors import FileRefused
from oracles.links.files.source import read_lines
from protocol.calendar import day_from_date
from protocol.quantities import Day

MINUTES_PER_DAY = 1_440
ABSURD_STEPS_PER_MINUTE = 300
"""Sprinters reach about 280."""
ABSURD_STEPS_PER_DAY = 200_000
MINUTE_COLUMNS = ["Id", "ActivityHour", *(f"Steps{minute:02d}" for minute in range(60))]
DAY_COLUMNS = ["Id", "ActivityDay", "StepTotal"]


@dataclass(frozen=True, slots=True)
class FitbitDay:
    """A day of one person: steps of both feet in each of 1,440 minutes, local time."""

    person: str
    """An opaque label of the export, no identity."""
    day: Day
    minutes: tuple[int, ...]
    hours: int
    """Hours the export holds; the minutes of the others are zero."""

    @property
    def complete(self) -> bool:
        """Does the export hold all 24 hours?"""
        return self.hours == 24

    @property
    def steps(self) -> int:
        """Steps of the day."""
        return sum(self.minutes)


def read_minute_steps(path: Path) -> list[FitbitDay]:
    """The days of a wide minute file, by person and day.

    Raises `FileRefused`: COLUMNS_WRONG, FILE_TRUNCATED, TIME_WRONG, VALUE_NOT_NUMBER, VALUE_NEGATIVE, VALUE_ABSURD,
    ROW_TWICE, or a code of `source.read_lines`. Nothing of a bad file is returned.
    """
    hours: dict[tuple[str, Day], dict[int, list[int]]] = {}
    for line, row in _rows(path, MINUTE_COLUMNS):
        hour = _time(row[1], "%m/%d/%Y %I:%M:%S %p", line)
        if hour.minute or hour.second:
            raise FileRefused("TIME_WRONG", "an hour must begin on the hour", "export hours", f"line {line}")
        of_day = hours.setdefault((row[0], day_from_date(hour.date())), {})
        if hour.hour in of_day:
            raise FileRefused("ROW_TWICE", "this person and hour stand twice", "export once", f"line {line}")
        of_day[hour.hour] = [_count(text, ABSURD_STEPS_PER_MINUTE, line) for text in row[2:]]
    return [_day(person, day, of_day) for (person, day), of_day in sorted(hours.items())]


def read_daily_steps(path: Path) -> dict[tuple[str, Day], int]:
    """Steps per person and day of a daily file. Raises as `read_minute_steps`.

    The export's own daily totals may differ from the sum of its minutes, by late synchronisation and midnight edges.
    """
    days: dict[tuple[str, Day], int] = {}
    for line, row in _rows(path, DAY_COLUMNS):
        key = row[0], day_from_date(_time(row[1], "%m/%d/%Y", line).date())
        if key in days:
            raise FileRefused("ROW_TWICE", "this person and day stand twice", "export once", f"line {line}")
        days[key] = _count(row[2], ABSURD_STEPS_PER_DAY, line)
    return days


def _rows(path: Path, columns: list[str]) -> list[tuple[int, list[str]]]:
    rows = list(csv.reader(read_lines(path)))
    if not rows or rows[0] != columns:
        hint = f"the first line must read {','.join(columns[:3])}..."
        raise FileRefused("COLUMNS_WRONG", f"{path.name} has other columns", hint, "line 1")
    if len(rows) == 1:
        raise FileRefused("FILE_EMPTY", f"{path.name} holds no rows", "export it again")
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            code = "FILE_TRUNCATED" if line == len(rows) and len(row) < len(columns) else "COLUMNS_WRONG"
            why = f"{len(row)} columns instead of {len(columns)}"
            raise FileRefused(code, why, "export the file again", f"line {line}")
    return list(enumerate(rows[1:], start=2))


def _day(person: str, day: Day, hours: dict[int, list[int]]) -> FitbitDay:
    minutes = [steps for hour in range(24) for steps in hours.get(hour, [0] * 60)]
    return FitbitDay(person, day, tuple(minutes), len(hours))


def _time(text: str, form: str, line: int) -> dt.datetime:
    try:
        return dt.datetime.strptime(text, form)
    except ValueError:
        raise FileRefused("TIME_WRONG", "a time reads M/D/YYYY h:mm:ss AM", "export again", f"line {line}") from None


def _count(text: str, absurd: int, line: int) -> int:
    try:
        steps = int(text)
    except ValueError:
        raise FileRefused("VALUE_NOT_NUMBER", "steps must be whole numbers", "export again", f"line {line}") from None
    if steps < 0:
        raise FileRefused("VALUE_NEGATIVE", "steps cannot be negative", "export again", f"line {line}")
    if steps > absurd:
        raise FileRefused("VALUE_ABSURD", f"more than {absurd} steps", "no person walks so", f"line {line}")
    return steps
