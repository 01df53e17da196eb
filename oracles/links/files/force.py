"""Vertical ground reaction force under each foot, as PhysioNet's gaitpdb stores it.

Text or gzip, no header, 19 columns: time [s]; 8 sensors of the left foot, 8 of the right [N]; total left, total right.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from oracles.errors import FileRefused
from oracles.links.files.source import read_bytes

COLUMNS = 19
ABSURD_FORCE_N = 6_000.0
SHORTEST_S = 2.0


@dataclass(frozen=True, slots=True)
class ForceRecording:
    """Total force under each foot, sampled evenly; arrays of newtons."""

    rate_hz: float
    left_n: npt.NDArray[np.float64]
    right_n: npt.NDArray[np.float64]

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.left_n) / self.rate_hz


def read_force(path: Path) -> ForceRecording:
    """Read a recording of both feet.

    Raises `FileRefused`: COLUMNS_WRONG, VALUE_NOT_NUMBER, VALUE_NEGATIVE, VALUE_ABSURD (over 6 kN), TIME_WRONG (uneven
    samples), TOTALS_WRONG (sensors do not add up), RECORDING_SHORT (under 2 s), or a code of `source.read_bytes`.
    """
    table = _table(path)
    times, forces = table[:, 0], table[:, 1:]
    _check(path, np.isfinite(table), "VALUE_NOT_NUMBER", "a value is not a finite number")
    _check(path, forces >= 0, "VALUE_NEGATIVE", "a force is negative")
    _check(path, forces <= ABSURD_FORCE_N, "VALUE_ABSURD", f"a force exceeds {ABSURD_FORCE_N:.0f} N")
    step = _step(path, times)
    for first, total in ((1, 17), (9, 18)):
        fits = np.abs(table[:, first : first + 8].sum(axis=1) - table[:, total]) <= 0.5 + 0.02 * table[:, total]
        _check(path, fits, "TOTALS_WRONG", "the sensors of a foot do not add up to its total")
    return ForceRecording(round(1 / step, 3), table[:, 17].copy(), table[:, 18].copy())


def _table(path: Path) -> npt.NDArray[np.float64]:
    data = read_bytes(path)
    width = len(data.split(b"\n", 1)[0].split())
    if width != COLUMNS:
        raise FileRefused("COLUMNS_WRONG", f"{width} columns instead of {COLUMNS}", "see samples/gaitpdb", "line 1")
    try:
        return np.loadtxt(io.BytesIO(data), dtype=np.float64, ndmin=2)
    except ValueError as error:
        cause = "COLUMNS_WRONG" if "columns" in str(error) else "VALUE_NOT_NUMBER"
        hint = "the file may be cut short; copy it again"
        raise FileRefused(cause, f"{path.name} is not an even table of numbers", hint) from None


def _step(path: Path, times: npt.NDArray[np.float64]) -> float:
    if len(times) < 2 or times[-1] - times[0] < SHORTEST_S:
        raise FileRefused("RECORDING_SHORT", f"{path.name} holds less than {SHORTEST_S:.0f} s", "record a longer walk")
    steps = np.diff(times)
    step = float(np.median(steps))
    _check(path, np.abs(steps - step) <= 0.1 * step, "TIME_WRONG", "samples are not evenly spaced")
    return step


def _check(path: Path, good: npt.NDArray[np.bool_], code: str, message: str) -> None:
    if not good.all():
        row = int(np.argwhere(~good)[0][0])
        raise FileRefused(code, f"{path.name}: {message}", "record or copy it again", f"line {row + 1}")
