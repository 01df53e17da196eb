"""Intake: what a shoe signed is accepted once, in order, and every cheat gets its own reason."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracles.intake import Intake
from oracles.refusals import Reason
from oracles.sealing import ErasableSeal
from oracles.shoes.measures import MinuteMeasures
from oracles.spool import Spool
from protocol.calendar import start_of
from protocol.minutes import P256_ORDER, Algorithm, MinuteFlag, Side, SignedMinute, chain_prefix
from protocol.quantities import Day, Seconds
from tests.oracles.core_support import (
    DAY,
    LONG_AFTER,
    MORNING_MS,
    House,
    Register,
    TagKeys,
    Wearer,
    resigned,
)

STEPS = MinuteMeasures(steps=40)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def wearer(house: House) -> Wearer:
    wearer = Wearer.new()
    wearer.enroll(house.register, house.intake)
    return wearer


def left_minutes(wearer: Wearer, count: int) -> list[SignedMinute]:
    return [wearer.shoes.left.close_minute(STEPS, MORNING_MS + i * 60_000) for i in range(count)]


def test_an_honest_walk_is_accepted_and_may_be_acknowledged(house: House, wearer: Wearer) -> None:
    report = house.oracle.accept(wearer.walk())
    assert (report.accepted, report.refused, report.incidents) == (20, {}, ())
    assert set(report.acknowledged.values()) == {10}
    house.restart()
    waiting = house.spool.waiting(wearer.subject, DAY)
    assert len(waiting) == 20
    assert waiting[0].start_utc_ms == MORNING_MS


def test_raw_bytes_are_taken_and_nonsense_is_counted(house: House, wearer: Wearer) -> None:
    minute = left_minutes(wearer, 1)[0]
    report = house.oracle.accept([b"short", bytes(160), minute.to_bytes()])
    assert (report.accepted, report.refused) == (1, {Reason.MALFORMED: 2})


def test_an_unknown_shoe_is_refused(house: House) -> None:
    stranger = Wearer.new()
    assert house.oracle.accept(left_minutes(stranger, 1)).refused == {Reason.DEVICE_UNKNOWN: 1}


def test_a_shoe_on_the_other_foot_or_of_another_pair_is_refused(house: House, wearer: Wearer) -> None:
    minute = left_minutes(wearer, 1)[0]
    for change in ({"side": Side.RIGHT}, {"pair": b"another!"}):
        forged = resigned(wearer.shoes.left, minute, **change)
        assert house.oracle.accept([forged]).refused == {Reason.SIDE_MISMATCH: 1}


def test_signatures_of_others_high_s_and_another_algorithm_are_refused(house: House, wearer: Wearer) -> None:
    minute = left_minutes(wearer, 1)[0]
    s = int.from_bytes(minute.signature[32:], "big")
    malleable = SignedMinute(minute.raw, minute.signature[:32] + (P256_ORDER - s).to_bytes(32, "big"))
    other = resigned(wearer.shoes.right, minute)
    algorithm = resigned(wearer.shoes.left, minute, algorithm=Algorithm.ED25519)
    flipped = SignedMinute(
        bytes([minute.raw[0]]) + minute.raw[1:44] + bytes([minute.raw[44] ^ 1]) + minute.raw[45:], minute.signature
    )
    report = house.oracle.accept([malleable, other, algorithm, flipped])
    assert report.refused == {Reason.SIGNATURE_INVALID: 4}
    assert house.spool.subjects_on(DAY) == []


def test_replay_counts_once_even_after_the_day_was_sealed(house: House, wearer: Wearer) -> None:
    walk = wearer.walk()
    house.oracle.accept(walk)
    assert house.oracle.accept(walk).refused == {Reason.REPLAY: 20}
    assert house.oracle.accept([walk[0], walk[0]]).refused == {Reason.REPLAY: 2}
    house.oracle.close_day(DAY)
    assert house.oracle.accept(walk).refused == {Reason.REPLAY: 20}
    assert not house.spool.subjects_on(DAY)


def test_a_second_signature_for_the_same_record_is_a_fork_and_neither_counts(house: House, wearer: Wearer) -> None:
    minutes = left_minutes(wearer, 3)
    house.oracle.accept(minutes)
    twin = resigned(wearer.shoes.left, minutes[1])
    assert twin != minutes[1]
    report = house.oracle.accept([twin])
    assert report.refused == {Reason.FORK: 1}
    assert [incident.reason for incident in report.incidents] == [Reason.FORK]
    assert {m.sequence for m in house.spool.waiting(wearer.subject, DAY)} == {1, 3}
    refused = house.spool.refused(wearer.subject, DAY)
    assert {item.minute for item in refused} == {twin.to_bytes(), minutes[1].to_bytes()}
    assert {item.reason for item in refused} == {Reason.FORK}


def test_a_fork_inside_one_delivery_and_of_the_newest_sealed_record(house: House, wearer: Wearer) -> None:
    minutes = left_minutes(wearer, 2)
    twin = resigned(wearer.shoes.left, minutes[1], steps=41)
    report = house.oracle.accept([*minutes, twin, twin])
    assert (report.accepted, report.refused) == (1, {Reason.FORK: 1, Reason.REPLAY: 1})
    house.oracle.close_day(DAY)
    late = resigned(wearer.shoes.left, minutes[1], steps=42)
    assert house.oracle.accept([late]).refused == {Reason.FORK: 1}
    flipped = SignedMinute(late.raw, bytes(64))
    assert house.oracle.accept([flipped]).refused == {Reason.SIGNATURE_INVALID: 1}


def test_a_gap_must_be_declared_and_is_filled_by_asking_again(house: House, wearer: Wearer) -> None:
    minutes = left_minutes(wearer, 4)
    report = house.oracle.accept([minutes[0], minutes[2], minutes[3]])
    assert report.refused == {Reason.SEQUENCE_GAP_UNDECLARED: 2}
    assert list(report.acknowledged.values()) == [1]
    assert house.oracle.accept(minutes[1:]).accepted == 3
    assert house.spool.refused(wearer.subject, DAY) == []


def test_reordered_minutes_are_refused_until_they_come_in_order(house: House, wearer: Wearer) -> None:
    first, second, third = left_minutes(wearer, 3)
    report = house.oracle.accept([first, third, second])
    assert (report.accepted, report.refused) == (2, {Reason.SEQUENCE_GAP_UNDECLARED: 1})


def test_a_gap_declared_by_the_record_or_proved_by_the_shoe_is_accepted(house: House, wearer: Wearer) -> None:
    minutes = left_minutes(wearer, 6)
    declared = resigned(wearer.shoes.left, minutes[2], flags=MinuteFlag.WORN | MinuteFlag.GAP_BEFORE)
    assert house.oracle.accept([minutes[0], declared]).accepted == 2
    device = house.register[wearer.shoes.left.key.device]
    house.intake.declare_gap(device, 4)
    house.intake.declare_gap(device, 6)
    assert house.oracle.accept([minutes[5]]).accepted == 1
    assert house.intake.next_sequence(device) == 7


def test_a_record_of_another_history_breaks_the_chain(house: House, wearer: Wearer) -> None:
    first, second = left_minutes(wearer, 2)
    other = resigned(wearer.shoes.left, second, previous=bytes(16))
    report = house.oracle.accept([first, other])
    assert report.refused == {Reason.CHAIN_BROKEN: 1}
    assert report.incidents[0].sequence == 2
    assert house.oracle.accept([second]).accepted == 1


def test_boots_count_upwards_and_time_runs_forwards(house: House, wearer: Wearer) -> None:
    left = wearer.shoes.left
    first = left.close_minute(STEPS, MORNING_MS)
    device = house.register[left.key.device]
    assert house.oracle.accept([first]).accepted == 1
    overlap = resigned(left, first, sequence=2, previous=chain_prefix(first.raw), start_ms=first.record.start_ms + 1)
    assert house.oracle.accept([overlap]).refused == {Reason.TIME_BACKWARDS: 1}
    house.intake.synchronise(device, 2, 0, MORNING_MS - 3_600_000)
    earlier = resigned(left, first, sequence=3, previous=chain_prefix(overlap.raw), boot=2, start_ms=0)
    assert house.oracle.accept([earlier]).refused == {Reason.TIME_BACKWARDS: 1}
    old = resigned(left, first, sequence=4, previous=chain_prefix(earlier.raw), boot=1, start_ms=2**40)
    report = house.oracle.accept([old])
    assert report.refused == {Reason.BOOT_BACKWARDS: 1}
    assert report.incidents


def test_a_boot_never_compared_has_no_time_but_does_not_stop_the_pull(house: House, wearer: Wearer) -> None:
    left = wearer.shoes.left
    left.boot(MORNING_MS)
    unknown = left.close_minute(STEPS, MORNING_MS)
    left.boot(MORNING_MS + 600_000)
    known = left.close_minute(STEPS, MORNING_MS + 600_000)
    house.intake.synchronise(house.register[left.key.device], 3, 0, MORNING_MS + 600_000)
    report = house.oracle.accept([unknown, known])
    assert (report.accepted, report.refused) == (1, {Reason.TIME_UNKNOWN: 1})


def test_a_clock_that_runs_away_is_not_believed(house: House, wearer: Wearer) -> None:
    device = house.register[wearer.shoes.left.key.device]
    assert not house.intake.synchronise(device, 1, 7_200_000, start_of(DAY) * 1_000 + 7_100_000)
    minute = left_minutes(wearer, 1)
    assert house.oracle.accept(minute).refused == {Reason.TIME_UNKNOWN: 1}


def test_the_future_waits_for_nobody_and_moves_no_clock(house: House, wearer: Wearer) -> None:
    left = wearer.shoes.left
    first = left.close_minute(STEPS, MORNING_MS)
    ahead = resigned(left, first, start_ms=first.record.start_ms + 40 * 86_400_000)
    then = resigned(left, first, sequence=2, previous=chain_prefix(ahead.raw))
    report = house.oracle.accept([ahead, then])
    assert (report.accepted, report.refused) == (1, {Reason.IN_FUTURE: 1})


def test_a_late_minute_of_a_closed_day_is_kept_under_the_day_it_came(house: House, wearer: Wearer) -> None:
    house.oracle.close_day(DAY)
    assert house.oracle.accept(left_minutes(wearer, 1)).refused == {Reason.DAY_CLOSED: 1}
    house.spool.freeze(Day(DAY + 3))
    late = wearer.shoes.left.close_minute(STEPS, MORNING_MS + 3_600_000)
    house.oracle.accept([late])
    assert house.spool.subjects_on(DAY) == []
    assert [item.day for item in house.spool.refused(wearer.subject, Day(DAY + 4))] == [DAY + 4]


def test_a_shoe_that_is_broken_charging_or_off_the_foot_earns_nothing(house: House, wearer: Wearer) -> None:
    left = wearer.shoes.left
    flags = (MinuteFlag.WORN | MinuteFlag.SELF_TEST_FAILED, MinuteFlag.WORN | MinuteFlag.CHARGING, MinuteFlag(0))
    minutes = [left.close_minute(STEPS, MORNING_MS + i * 60_000, flags=flag) for i, flag in enumerate(flags)]
    idle = left.close_minute(MinuteMeasures(steps=0), MORNING_MS + 300_000, flags=MinuteFlag(0))
    report = house.oracle.accept([*minutes, idle])
    assert report.refused == {Reason.SHOE_FAULT: 1, Reason.NOT_WORN: 2}
    assert report.accepted == 1


def test_a_shoe_enrolled_again_is_not_paid_for_its_past(house: House, wearer: Wearer) -> None:
    minutes = left_minutes(wearer, 3)
    device = house.register[wearer.shoes.left.key.device]
    house.register[device.device] = replace(device, enrolled_sequence=2)
    report = house.oracle.accept(minutes)
    assert (report.accepted, report.refused) == (1, {Reason.REPLAY: 2})
    assert house.intake.next_sequence(house.register[device.device]) == 4


def test_nothing_is_written_when_the_delivery_breaks_off(house: House, wearer: Wearer) -> None:
    def broken() -> Iterator[SignedMinute]:
        yield from left_minutes(wearer, 2)
        raise OSError("link lost")

    with pytest.raises(OSError, match="link lost"):
        house.oracle.accept(broken())
    assert house.spool.days() == []
    assert house.spool.state(wearer.subject, wearer.shoes.left.key.device) is None


def test_erasing_a_subject_leaves_no_row_and_no_byte(house: House, wearer: Wearer) -> None:
    other = Wearer.new(2)
    other.enroll(house.register, house.intake)
    walk = wearer.walk()
    house.oracle.accept([*walk, *other.walk(), resigned(wearer.shoes.left, walk[0])])
    assert house.spool.holds(wearer.subject)
    assert house.spool.erase(wearer.subject) > 20
    assert not house.spool.holds(wearer.subject)
    assert house.spool.holds(other.subject)
    assert house.spool.erase(wearer.subject) == 0
    files = b"".join(path.read_bytes() for path in house.directory.glob("spool.db*"))
    assert bytes(wearer.subject) not in files
    assert bytes(wearer.shoes.left.key.device) not in files
    assert bytes(other.subject) in files


def test_the_spool_is_private(house: House) -> None:
    assert {path.stat().st_mode & 0o777 for path in house.directory.glob("spool.db*")} == {0o600}


_PERSON = Wearer.new(9)
_SIGNED = left_minutes(_PERSON, 12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 11), max_size=16), max_size=5))
def test_any_delivery_of_honest_minutes_gives_each_at_most_once_and_never_out_of_order(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[int]]
) -> None:
    spool = Spool(tmp_path_factory.mktemp("intake") / "spool.db", ErasableSeal(TagKeys()))
    intake, register = Intake(spool), Register()
    _PERSON.enroll(register, intake)
    expected = start = None
    for delivery in deliveries:
        report = intake.accept(register, [_SIGNED[index] for index in delivery], Seconds(LONG_AFTER))
        accepted = 0
        for index in delivery:
            if start is None or index == expected:
                start, expected, accepted = index if start is None else start, index + 1, accepted + 1
        assert report.accepted == accepted
        assert report.incidents == ()
        assert sum(report.refused.values()) == len(delivery) - accepted
        assert set(report.refused) <= {Reason.REPLAY, Reason.SEQUENCE_GAP_UNDECLARED}
    kept = sorted(m.sequence for m in spool.waiting(_PERSON.subject, DAY))
    assert kept == ([] if start is None else list(range(start + 1, (expected or 0) + 1)))
    spool.close()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 159), st.integers(1, 255))
def test_a_changed_byte_is_never_accepted(tmp_path_factory: pytest.TempPathFactory, at: int, change: int) -> None:
    spool = Spool(tmp_path_factory.mktemp("bytes") / "spool.db", ErasableSeal(TagKeys()))
    intake, register = Intake(spool), Register()
    _PERSON.enroll(register, intake)
    data = bytearray(_SIGNED[0].to_bytes())
    data[at] ^= change
    report = intake.accept(register, [bytes(data)], Seconds(LONG_AFTER))
    assert report.accepted == 0
    assert sum(report.refused.values()) == 1
    spool.close()
