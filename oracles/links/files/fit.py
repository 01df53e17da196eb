"""Activity files of foot pods and watches (FIT, read with fitdecode), one reading a second.

A FIT file says how fast feet move, not who moved them: what it holds is unattested and never earns. Its cadence is
ambiguous by a factor of two: some devices count the strides of one foot, others the steps of both. It is settled per
maker, never guessed from the numbers.
"""

import datetime as dt
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import fitdecode

from oracles.errors import FileRefused
from oracles.links.files.source import read_bytes
from protocol.quantities import Seconds

ABSURD_STEPS_PER_MINUTE = 300
ABSURD_SPEED_MM_S = 15_000
LONGEST_PAUSE_S = 5
"""Readings further apart than this have a pause in between, in which nobody counts steps."""


class CadenceCounts(IntEnum):
    """What one unit of a device's cadence is: the value is its steps."""

    BOTH_FEET = 1
    """Steps per minute of both feet."""
    ONE_FOOT = 2
    """Strides per minute: each is two steps."""


CADENCE_OF_MAKER = {"stryd": CadenceCounts.ONE_FOOT}


@dataclass(frozen=True, slots=True)
class FitSecond:
    """One reading. Zero where the device gives nothing."""

    at: Seconds
    steps_per_minute: int
    """Of both feet."""
    speed_mm_s: int
    distance_mm: int
    """Since the start, as the device counts it."""
    contact_ms: int
    """Time of a foot on the ground."""


@dataclass(frozen=True, slots=True)
class FitActivity:
    """An imported activity; nothing vouches for it."""

    maker: str
    cadence_counts: CadenceCounts
    seconds: tuple[FitSecond, ...]

    @property
    def steps(self) -> int:
        """Steps of both feet, integrated from the cadence; pauses of over five seconds count nothing."""
        sixtieths = 0
        for now, following in zip(self.seconds, self.seconds[1:], strict=False):
            apart = following.at - now.at
            if apart <= LONGEST_PAUSE_S:
                sixtieths += now.steps_per_minute * apart
        return sixtieths // 60

    @property
    def distance_m(self) -> int:
        """Metres the device counted."""
        return (self.seconds[-1].distance_mm - self.seconds[0].distance_mm) // 1_000


def read_fit(path: Path, cadence_counts: CadenceCounts | None = None) -> FitActivity:
    """Read an activity. `cadence_counts` is needed for makers not in `CADENCE_OF_MAKER`.

    Raises `FileRefused`: FIT_DAMAGED, FILE_TRUNCATED, ACTIVITY_EMPTY, CADENCE_AMBIGUOUS, VALUE_NEGATIVE, VALUE_ABSURD,
    TIME_WRONG, or a code of `source.read_bytes`.
    """
    maker, rows = _messages(path)
    if not rows:
        raise FileRefused("ACTIVITY_EMPTY", f"{path.name} holds no readings", "export the activity again")
    counts = cadence_counts or CADENCE_OF_MAKER.get(maker)
    if counts is None:
        raise FileRefused(
            "CADENCE_AMBIGUOUS", "it is not known whether this maker counts one foot or both", "say which"
        )
    return FitActivity(maker, counts, tuple(_seconds(rows, counts)))


def _messages(path: Path) -> tuple[str, list[dict[str, object]]]:
    data = read_bytes(path)
    maker, rows = "", []
    try:
        with fitdecode.FitReader(
            io.BytesIO(data), check_crc=fitdecode.CrcCheck.RAISE, error_handling=fitdecode.ErrorHandling.RAISE
        ) as reader:
            for frame in reader:
                if isinstance(frame, fitdecode.FitDataMessage):
                    if frame.name == "file_id":
                        maker = str(frame.get_value("manufacturer", fallback=""))
                    elif frame.name == "record":
                        rows.append({part.name: part.value for part in frame.fields})
    except fitdecode.FitEOFError:
        raise FileRefused("FILE_TRUNCATED", f"{path.name} ends too early", "copy the file again") from None
    except (fitdecode.FitError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error):
        raise FileRefused("FIT_DAMAGED", f"{path.name} is no sound FIT file", "export it again") from None
    return maker, rows


def _seconds(rows: list[dict[str, object]], counts: CadenceCounts) -> Iterator[FitSecond]:
    before = None
    for number, row in enumerate(rows, start=1):
        place = f"record {number}"
        at = row.get("timestamp")
        if not isinstance(at, dt.datetime) or at.tzinfo is None:
            raise FileRefused("TIME_WRONG", "a reading has no time", "export it again", place)
        second = FitSecond(
            at=Seconds(int(at.timestamp())),
            steps_per_minute=_value(row, "cadence", 1, place) * counts,
            speed_mm_s=_value(row, "speed", 1_000, place),
            distance_mm=_value(row, "distance", 1_000, place),
            contact_ms=_value(row, "stance_time", 1, place),
        )
        if second.steps_per_minute > ABSURD_STEPS_PER_MINUTE or second.speed_mm_s > ABSURD_SPEED_MM_S:
            raise FileRefused("VALUE_ABSURD", "no person moves so fast", "check which foot the cadence counts", place)
        if before is not None and second.at < before:
            raise FileRefused("TIME_WRONG", "time runs backwards", "export it again", place)
        before = second.at
        yield second


def _value(row: dict[str, object], name: str, scale: int, place: str) -> int:
    value = row.get(name)
    if value is None:
        return 0
    if not isinstance(value, int | float):
        raise FileRefused("VALUE_NOT_NUMBER", f"{name} is no number", "export it again", place)
    if value < 0:
        raise FileRefused("VALUE_NEGATIVE", f"{name} is negative", "export it again", place)
    return round(value * scale)
