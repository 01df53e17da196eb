"""Makes a wearer's day of minutes: the day record, the evidence behind it and what was refused, in integers only.

Records, besides `protocol.records.DayRecord`:

    MINUTES   {"day", "starts": [UTC ms, ...], "minutes": [base64 of up to 60 signed minutes of 160 bytes, ...]}
    REFUSAL   {"day", "held": reason or "", "counts": {reason: shoe minutes},
               "minutes": {reason: [base64 of up to 60 signed minutes, ...]}}
"""

import base64
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from oracles.gait import gait_of_minutes
from oracles.plausibility import TimedMinute, Verdicts, day_implausible, judge
from oracles.refusals import Reason
from oracles.spooled import RefusedMinute, WaitingMinute
from protocol.minutes import SIGNED_SIZE, Side
from protocol.quantities import Day
from protocol.records import DayRecord, Gait, Origin, RecordKind
from protocol.rules import PlausibilityRules

MODERATE_STEPS = 100
"""Steps a minute from which walking is of moderate effort (Tudor-Locke et al. 2018)."""
CHUNK = 60
MINUTES_PER_RECORD = 2_000
"""Shoe minutes in one evidence record; keeps it well under a block of 1 MiB."""
MAX_REFUSED_KEPT = 1_000
"""Refused minutes whose bytes are kept in the refusal record; all are counted."""


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """A closed day and the records to seal for it."""

    record: DayRecord
    held: Reason | None
    """Why the whole day waits for a person's decision and earns nothing until then."""
    refused: dict[Reason, int]
    """Shoe minutes by reason."""
    records: tuple[tuple[RecordKind, dict[str, Any]], ...]


def close(
    day: Day, waiting: Sequence[WaitingMinute], refused: Sequence[RefusedMinute], rules: PlausibilityRules
) -> DayOutcome:
    """Judge one wearer's minutes of a day. The same minutes always give the same outcome."""
    timed = [TimedMinute(minute.signed.record, minute.start_utc_ms) for minute in waiting]
    verdicts = judge(timed, rules)
    accepted = [minute for minute in timed if minute.key not in verdicts]
    steps = steps_by_minute(accepted)
    held = day_implausible(steps, rules)
    reasons = Counter([item.reason for item in refused]) + Counter(verdicts.values())
    record = DayRecord(
        day=day,
        origin=Origin.ATTESTED,
        steps=sum(steps.values()),
        paid_steps=0 if held else sum(count for count in steps.values() if count >= rules.min_paid_steps_per_minute),
        minutes=sum(1 for count in steps.values() if count),
        moderate_minutes=sum(1 for count in steps.values() if count >= MODERATE_STEPS),
        distance_m=0,
        refused_minutes=sum(reasons.values()),
        gait=_gait(accepted, rules),
    )
    evidence = [minute for minute in waiting if (minute.device, minute.sequence) not in verdicts]
    records = [(RecordKind.DAY, record.to_record()), *_evidence(day, evidence)]
    if reasons or held:
        records.append((RecordKind.REFUSAL, _refusal(day, held, reasons, _refused_bytes(waiting, verdicts, refused))))
    return DayOutcome(record, held, dict(reasons), tuple(records))


def imported(day: Day, steps_by_minute: Iterable[int], distance_m: int = 0, gait: Gait | None = None) -> DayRecord:
    """A day from a file, steps of both feet per minute. Nothing vouches for it, so it never earns."""
    minutes = [steps for steps in steps_by_minute if steps]
    return DayRecord(
        day=day,
        origin=Origin.IMPORTED,
        steps=sum(minutes),
        paid_steps=0,
        minutes=len(minutes),
        moderate_minutes=sum(1 for steps in minutes if steps >= MODERATE_STEPS),
        distance_m=distance_m,
        refused_minutes=0,
        gait=gait or Gait(),
    )


def steps_by_minute(minutes: Iterable[TimedMinute]) -> dict[int, int]:
    """Steps of both feet in each UTC minute."""
    steps: dict[int, int] = defaultdict(int)
    for minute in minutes:
        steps[minute.slot] += minute.record.steps
    return steps


def minutes_of(record: Mapping[str, Any]) -> list[bytes]:
    """The signed minutes (160 bytes each) in a MINUTES record, in order."""
    return [part for chunk in record["minutes"] for part in _unchunk(chunk)]


def _gait(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Gait:
    steady = [minute.record for minute in minutes if minute.record.strides_used >= rules.steady_strides]
    left = [record for record in steady if record.side == Side.LEFT]
    return gait_of_minutes(left, [record for record in steady if record.side == Side.RIGHT])


def _evidence(day: Day, minutes: Sequence[WaitingMinute]) -> list[tuple[RecordKind, dict[str, Any]]]:
    parts = [minutes[at : at + MINUTES_PER_RECORD] for at in range(0, len(minutes), MINUTES_PER_RECORD)]
    return [
        (
            RecordKind.MINUTES,
            {
                "day": day,
                "starts": [minute.start_utc_ms for minute in part],
                "minutes": _chunks([minute.minute for minute in part]),
            },
        )
        for part in parts
    ]


def _refused_bytes(
    waiting: Sequence[WaitingMinute], verdicts: Verdicts, refused: Sequence[RefusedMinute]
) -> list[tuple[Reason, bytes]]:
    kept = [(item.reason, item.minute) for item in refused]
    for minute in waiting:
        reason = verdicts.get((minute.device, minute.sequence))
        if reason is not None:
            kept.append((reason, minute.minute))
    return kept[:MAX_REFUSED_KEPT]


def _refusal(
    day: Day, held: Reason | None, reasons: Mapping[Reason, int], kept: Sequence[tuple[Reason, bytes]]
) -> dict[str, Any]:
    by_reason: dict[str, list[bytes]] = defaultdict(list)
    for reason, minute in kept:
        by_reason[reason.value].append(minute)
    return {
        "day": day,
        "held": held.value if held else "",
        "counts": {reason.value: count for reason, count in reasons.items()},
        "minutes": {reason: _chunks(minutes) for reason, minutes in by_reason.items()},
    }


def _chunks(minutes: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(b"".join(minutes[at : at + CHUNK])).decode() for at in range(0, len(minutes), CHUNK)]


def _unchunk(chunk: str) -> list[bytes]:
    data = base64.b64decode(chunk)
    return [data[at : at + SIGNED_SIZE] for at in range(0, len(data), SIGNED_SIZE)]
