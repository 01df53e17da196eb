"""Days: minutes of both feet become one record in integers, with the evidence behind it."""

import json
from collections.abc import Sequence

from oracles.days import CHUNK, MAX_REFUSED_KEPT, MINUTES_PER_RECORD, close, imported, minutes_of
from oracles.refusals import Reason
from oracles.spooled import RefusedMinute, WaitingMinute
from protocol.canonical import canonical
from protocol.minutes import SignedMinute
from protocol.quantities import DeviceId
from protocol.records import DayRecord, Gait, Origin, RecordKind
from tests.oracles.core_support import DAY, MORNING_MS, RULES, Wearer, metronome

RULESET = RULES.plausibility


def waiting(wearer: Wearer, minutes: Sequence[SignedMinute]) -> list[WaitingMinute]:
    booted = wearer.shoes.left._booted_at_ms
    return [
        WaitingMinute(
            DeviceId(m.record.device), m.record.sequence, wearer.subject, DAY, booted + m.record.start_ms, m.to_bytes()
        )
        for m in minutes
    ]


def test_an_honest_day() -> None:
    wearer = Wearer.new()
    steps = [100] * 30 + [99] * 5 + [19] * 4 + [2]
    signed = wearer.walk(steps)
    outcome = close(DAY, waiting(wearer, signed), [], RULESET)
    record = outcome.record
    assert (record.steps, record.minutes, record.moderate_minutes) == (sum(steps), 40, 30)
    assert record.paid_steps == 30 * 100 + 5 * 99, "minutes under 20 steps count but earn nothing"
    assert (record.origin, record.refused_minutes, outcome.held, outcome.refused) == (Origin.ATTESTED, 0, None, {})
    assert 600 <= record.gait.stance_permille <= 670
    assert record.gait.strides > 1_500
    assert [kind for kind, _ in outcome.records] == [RecordKind.DAY, RecordKind.MINUTES]
    assert DayRecord.from_record(json.loads(canonical(outcome.records[0][1]))) == record
    evidence = outcome.records[1][1]
    assert sorted(minutes_of(evidence)) == sorted(minute.to_bytes() for minute in signed)
    assert len(evidence["minutes"]) == -(-80 // CHUNK)
    assert evidence["starts"][0] == MORNING_MS


def test_refused_minutes_are_counted_explained_and_kept_apart() -> None:
    wearer = Wearer.new()
    honest = wearer.walk([100] * 5)
    machine = [
        shoe.close_minute(metronome(), MORNING_MS + (60 + i) * 60_000)
        for i in range(10)
        for shoe in (wearer.shoes.left, wearer.shoes.right)
    ]
    replayed = RefusedMinute(DeviceId(b"x" * 8), 1, bytes(160), wearer.subject, DAY, Reason.IN_FUTURE)
    outcome = close(DAY, waiting(wearer, [*honest, *machine]), [replayed], RULESET)
    assert outcome.record.steps == outcome.record.paid_steps == 500
    assert outcome.record.refused_minutes == 21
    assert outcome.refused == {Reason.TOO_REGULAR: 20, Reason.IN_FUTURE: 1}
    kind, refusal = outcome.records[-1]
    assert kind is RecordKind.REFUSAL
    assert refusal["held"] == ""
    assert refusal["counts"] == {"TOO_REGULAR": 20, "IN_FUTURE": 1}
    assert len(minutes_of({"minutes": refusal["minutes"]["TOO_REGULAR"]})) == 20
    assert len(minutes_of(outcome.records[1][1])) == 10
    canonical(refusal)


def test_eighty_thousand_steps_are_held_and_earn_nothing() -> None:
    wearer = Wearer.new()
    outcome = close(DAY, waiting(wearer, wearer.walk([180] * 445)), [], RULESET)
    assert outcome.held is Reason.DAY_IMPLAUSIBLE
    assert outcome.record.steps == 80_100
    assert outcome.record.paid_steps == 0
    assert outcome.records[-1][1]["held"] == "DAY_IMPLAUSIBLE"


def test_walking_all_day_long_is_held_and_its_evidence_is_split() -> None:
    wearer = Wearer.new(booted_at_ms=MORNING_MS)
    outcome = close(DAY, waiting(wearer, wearer.walk([24] * 1_100)), [], RULESET)
    assert outcome.held is Reason.DAY_IMPLAUSIBLE
    sizes = [len(minutes_of(record)) for kind, record in outcome.records if kind is RecordKind.MINUTES]
    assert sizes == [MINUTES_PER_RECORD, 200]
    assert all(len(canonical(record)) < 700_000 for _, record in outcome.records)


def test_a_flood_of_refused_minutes_is_counted_but_not_all_kept() -> None:
    flood = [
        RefusedMinute(DeviceId(b"x" * 8), n, bytes(160), Wearer.new().subject, DAY, Reason.FORK)
        for n in range(MAX_REFUSED_KEPT + 5)
    ]
    outcome = close(DAY, [], flood, RULESET)
    refusal = outcome.records[-1][1]
    assert refusal["counts"] == {"FORK": MAX_REFUSED_KEPT + 5}
    assert len(minutes_of({"minutes": refusal["minutes"]["FORK"]})) == MAX_REFUSED_KEPT
    assert [kind for kind, _ in outcome.records] == [RecordKind.DAY, RecordKind.REFUSAL]


def test_an_imported_day_never_earns() -> None:
    record = imported(DAY, [0, 120, 30, 0], distance_m=110)
    assert (record.origin, record.steps, record.paid_steps) == (Origin.IMPORTED, 150, 0)
    assert (record.minutes, record.moderate_minutes, record.distance_m) == (2, 1, 110)
    assert record.gait == Gait()
