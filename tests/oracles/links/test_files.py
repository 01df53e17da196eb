import datetime as dt
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles.errors import FileRefused
from oracles.links.files import CadenceCounts, read_daily_steps, read_fit, read_force, read_minute_steps, source

SAMPLES = Path(__file__).parents[3] / "samples"
MINUTES = SAMPLES / "fitbit" / "minuteStepsWide.csv"
DAYS = SAMPLES / "fitbit" / "dailySteps.csv"
FORCE = SAMPLES / "gaitpdb" / "GaCo01_01.txt.gz"
RUN = SAMPLES / "stryd" / "stryd-up-and-down.fit"
HEADER = MINUTES.read_text().splitlines()[0]
HOUR = "1,4/13/2016 1:00:00 AM," + ",".join(["5"] * 60)


def test_real_minutes_are_days_of_1440() -> None:
    days = read_minute_steps(MINUTES)
    assert len({day.person for day in days}) == 20
    assert all(len(day.minutes) == 1_440 for day in days)
    assert sum(day.complete for day in days) >= 8 * 19
    assert days == sorted(days, key=lambda day: (day.person, day.day))
    totals = read_daily_steps(DAYS)
    agree = sum(totals[day.person, day.day] == day.steps for day in days)
    assert agree > len(days) // 2


def test_hours_that_are_missing_are_zero_and_said(tmp_path: Path) -> None:
    path = tmp_path / "minutes.csv"
    path.write_text(f"{HEADER}\n{HOUR}\n")
    (day,) = read_minute_steps(path)
    assert (day.hours, day.complete, day.steps) == (1, False, 300)
    assert day.minutes[59:121] == (0, *[5] * 60, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "FILE_EMPTY"),
        (HEADER, "FILE_EMPTY"),
        ("Id,Hour\n1,2", "COLUMNS_WRONG"),
        (f"{HEADER}\n{HOUR[:-20]}", "FILE_TRUNCATED"),
        (f"{HEADER}\n{HOUR[:-20]}\n{HOUR}", "COLUMNS_WRONG"),
        (f"{HEADER}\n{HOUR},5", "COLUMNS_WRONG"),
        (f"{HEADER}\n{HOUR}\n{HOUR}", "ROW_TWICE"),
        (f"{HEADER}\n{HOUR.replace('4/13', '4/31')}", "TIME_WRONG"),
        (f"{HEADER}\n{HOUR.replace('1:00', '1:30')}", "TIME_WRONG"),
        (f"{HEADER}\n{HOUR[:-1]}-5", "VALUE_NEGATIVE"),
        (f"{HEADER}\n{HOUR[:-1]}301", "VALUE_ABSURD"),
        (f"{HEADER}\n{HOUR[:-1]}1.5", "VALUE_NOT_NUMBER"),
    ],
)
def test_bad_minute_files_are_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "minutes.csv"
    path.write_text(text)
    with pytest.raises(FileRefused) as refused:
        read_minute_steps(path)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("1,4/13/2016,-1", "VALUE_NEGATIVE"),
        ("1,4/13/2016,200001", "VALUE_ABSURD"),
        ("1,13.4.2016,1", "TIME_WRONG"),
        ("1,4/13/2016,1\n1,4/13/2016,2", "ROW_TWICE"),
        ("1,4/13/2016", "FILE_TRUNCATED"),
    ],
)
def test_bad_day_files_are_refused(tmp_path: Path, row: str, code: str) -> None:
    path = tmp_path / "days.csv"
    path.write_text(f"Id,ActivityDay,StepTotal\n{row}")
    with pytest.raises(FileRefused) as refused:
        read_daily_steps(path)
    assert refused.value.code == code
    assert refused.value.place.startswith("line ")


def test_a_real_recording_of_force() -> None:
    recording = read_force(FORCE)
    assert recording.rate_hz == 100
    assert 121 < recording.seconds < 122
    assert recording.left_n.shape == recording.right_n.shape
    assert 0 <= recording.left_n.min() < recording.left_n.max() < 1_500


def _change(column: int, value: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        rows[5][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_change(1, "-3"), "VALUE_NEGATIVE"),
        (_change(17, "9000"), "VALUE_ABSURD"),
        (_change(17, "900"), "TOTALS_WRONG"),
        (_change(18, "nan"), "VALUE_NOT_NUMBER"),
        (_change(18, "foot"), "VALUE_NOT_NUMBER"),
        (_change(0, "77"), "TIME_WRONG"),
        (lambda rows: rows[5].pop(), "COLUMNS_WRONG"),
        (lambda rows: rows[0].pop(), "COLUMNS_WRONG"),
        (lambda rows: rows.__delitem__(slice(100, None)), "RECORDING_SHORT"),
        (lambda rows: rows.__delitem__(slice(1, None)), "RECORDING_SHORT"),
    ],
)
def test_bad_recordings_are_refused(tmp_path: Path, change: Callable[[list[list[str]]], None], code: str) -> None:
    rows = [line.split() for line in gzip.decompress(FORCE.read_bytes()).decode().splitlines()[:400]]
    change(rows)
    path = tmp_path / "walk.txt"
    path.write_text("\n".join("\t".join(row) for row in rows))
    with pytest.raises(FileRefused) as refused:
        read_force(path)
    assert refused.value.code == code


def test_a_real_run_counts_both_feet() -> None:
    run = read_fit(RUN)
    assert (run.maker, run.cadence_counts) == ("stryd", CadenceCounts.ONE_FOOT)
    assert 350 <= run.distance_m <= 370
    moving = sorted(second.steps_per_minute for second in run.seconds if second.speed_mm_s > 2_000)
    assert 160 <= moving[len(moving) // 2] <= 170
    assert read_fit(RUN, CadenceCounts.BOTH_FEET).steps * 2 == pytest.approx(run.steps, abs=2)


def test_an_unknown_maker_must_be_settled_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracles.links.files.fit.CADENCE_OF_MAKER", {})
    with pytest.raises(FileRefused, match="CADENCE_AMBIGUOUS"):
        read_fit(RUN)


@pytest.mark.parametrize(
    ("spoil", "codes"),
    [
        (lambda data: data[:2_000], {"FILE_TRUNCATED"}),
        (lambda data: data[:2_000] + b"\xff" + data[2_001:], {"FIT_DAMAGED"}),
        (lambda data: b"not a FIT file at all", {"FIT_DAMAGED", "FILE_TRUNCATED"}),
        (lambda data: b"", {"FILE_EMPTY"}),
    ],
)
def test_bad_fit_files_are_refused(tmp_path: Path, spoil: Callable[[bytes], bytes], codes: set[str]) -> None:
    path = tmp_path / "run.fit"
    path.write_bytes(spoil(RUN.read_bytes()))
    with pytest.raises(FileRefused) as refused:
        read_fit(path)
    assert refused.value.code in codes


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_anywhere_is_a_refusal_and_never_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    """The checksum covers the file: every changed byte is noticed."""
    whole = bytearray(RUN.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "run.fit"
    path.write_bytes(whole)
    with pytest.raises(FileRefused):
        read_fit(path)


def test_files_that_cannot_be_read_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def code(path: Path) -> str:
        with pytest.raises(FileRefused) as refused:
            read_minute_steps(path)
        return refused.value.code

    assert code(tmp_path / "none.csv") == "FILE_MISSING"
    assert code(tmp_path) == "FILE_UNREADABLE"
    cut = tmp_path / "cut.gz"
    cut.write_bytes(FORCE.read_bytes()[:5_000])
    assert code(cut) == "FILE_TRUNCATED"
    odd = tmp_path / "odd.csv"
    odd.write_bytes(b"\xff\xfe\x00")
    assert code(odd) == "FILE_NOT_TEXT"
    shutil.copy(MINUTES, tmp_path / "large.csv")
    monkeypatch.setattr(source, "LARGEST_BYTES", 1_000)
    assert code(tmp_path / "large.csv") == "FILE_TOO_LARGE"


READING = {"timestamp": dt.datetime(2020, 9, 10, tzinfo=dt.UTC), "cadence": 80, "speed": 3.0, "distance": 1.5}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "ACTIVITY_EMPTY"),
        ([READING | {"timestamp": None}], "TIME_WRONG"),
        ([READING, READING | {"timestamp": dt.datetime(2020, 9, 9, tzinfo=dt.UTC)}], "TIME_WRONG"),
        ([READING | {"cadence": 160}], "VALUE_ABSURD"),
        ([READING | {"speed": 20.0}], "VALUE_ABSURD"),
        ([READING | {"speed": -1.0}], "VALUE_NEGATIVE"),
        ([READING | {"distance": "far"}], "VALUE_NOT_NUMBER"),
    ],
)
def test_absurd_readings_are_refused(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, object]], code: str) -> None:
    monkeypatch.setattr("oracles.links.files.fit._messages", lambda _: ("stryd", rows))
    with pytest.raises(FileRefused) as refused:
        read_fit(RUN)
    assert refused.value.code == code


def test_pauses_count_no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    began = dt.datetime(2020, 9, 10, tzinfo=dt.UTC)
    rows = [READING | {"timestamp": began + dt.timedelta(seconds=at)} for at in (0, 1, 2, 3, 600, 601)]
    monkeypatch.setattr("oracles.links.files.fit._messages", lambda _: ("stryd", rows))
    assert read_fit(RUN).steps == 4 * 160 // 60
