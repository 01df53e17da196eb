"""Could a person have walked this? Named rules over the minutes of a day, in the order of their worth.

    shoe_missing      steps in one shoe only
    pair_disagrees    the feet counted differently within five minutes
    two_pairs         two pairs walked at the same time
    physics           duration, steps, stance and force of a single minute
    too_regular       strides more even than a person's
    day_implausible   the day as a whole; it is held for a person to look at

A rule maps minutes to reasons and knows nothing of what the others said; `judge` runs them over what is left. A minute
refused for its physics or evenness takes the other foot's with it, because half a step earns nothing. Equal counts,
slowness and asymmetry are no grounds: honest walkers show all three.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from oracles.refusals import Reason
from protocol.minutes import MinuteRecord, Side
from protocol.quantities import DeviceId
from protocol.rules import PlausibilityRules

MINUTE_MS = 60_000
LONGEST_MINUTE_MS = 65_000
REGULARITY_STRIDES = 50
"""Fewer strides may be even by chance."""

Key = tuple[DeviceId, int]
Verdicts = dict[Key, Reason]


@dataclass(frozen=True, slots=True)
class TimedMinute:
    """A minute record and when it began, UTC milliseconds."""

    record: MinuteRecord
    start: int

    @property
    def key(self) -> Key:
        """Device and sequence."""
        return DeviceId(self.record.device), self.record.sequence

    @property
    def end(self) -> int:
        """When it ended, UTC milliseconds."""
        return self.start + self.record.duration_ms

    @property
    def slot(self) -> int:
        """The UTC minute that holds its middle: minutes of both feet in one slot are counted together."""
        return (self.start + self.record.duration_ms // 2) // MINUTE_MS


Rule = Callable[[Sequence[TimedMinute], PlausibilityRules], Verdicts]


def judge(minutes: Iterable[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """The reason for every minute of one wearer's day that is refused; minutes in any order."""
    ordered = sorted(minutes, key=lambda minute: minute.start)
    verdicts: Verdicts = {}
    for rule in RULES:
        left = [minute for minute in ordered if minute.key not in verdicts]
        verdicts |= rule(left, rules)
    return verdicts


def shoe_missing(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """Minutes with more than a few steps during which the other shoe of the pair recorded nothing at all."""
    verdicts: Verdicts = {}
    for left, right in _pairs(minutes):
        for own, other in ((left, right), (right, left)):
            for minute in own.minutes:
                if minute.record.steps > rules.pair_tolerance_steps and not other.between(minute.start, minute.end):
                    verdicts[minute.key] = Reason.SHOE_MISSING
    return verdicts


def pair_disagrees(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """Five minutes in which left and right differ by more than 3 steps and more than 5 %.

    The shoes close their minutes at different moments, so of a minute that lies only partly in the window no more is
    known than what a foot can do in either part.
    """
    verdicts: Verdicts = {}
    for left, right in _pairs(minutes):
        for window in _windows(left.minutes, rules.pair_window_minutes):
            begin, end = window[0].start, window[-1].end
            count = sum(minute.record.steps for minute in window)
            fewest, most = right.steps_between(begin, end, rules)
            if not _agree(count, fewest, most, rules):
                opposite = [minute for minute in right.between(begin, end) if begin <= _middle(minute) < end]
                verdicts |= {minute.key: Reason.PAIR_DISAGREES for minute in (*window, *opposite)}
    return verdicts


def two_pairs(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """Minutes in which a wearer took more than a few steps in two pairs of shoes."""
    walked: dict[int, set[bytes]] = defaultdict(set)
    for minute in minutes:
        if minute.record.steps > rules.pair_tolerance_steps:
            walked[minute.slot].add(minute.record.pair)
    return {minute.key: Reason.TWO_PAIRS_AT_ONCE for minute in minutes if len(walked[minute.slot]) > 1}


def physics(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """What no foot can do in a minute."""
    return _with_other_foot(minutes, {m.key: why for m in minutes if (why := _impossible(m.record, rules)) is not None})


def too_regular(minutes: Sequence[TimedMinute], rules: PlausibilityRules) -> Verdicts:
    """Fifty steady strides of one foot in a row that vary less than a person's (Hausdorff 1998: 1 to 3 %)."""
    verdicts: Verdicts = {}
    by_shoe: dict[bytes, list[TimedMinute]] = defaultdict(list)
    for minute in minutes:
        if minute.record.strides_used >= rules.steady_strides:
            by_shoe[minute.record.device].append(minute)
    for steady in by_shoe.values():
        for run in _runs(steady):
            if _even(run, rules.stride_cv_floor_hundredth_percent):
                verdicts |= {minute.key: Reason.TOO_REGULAR for minute in run}
    return _with_other_foot(minutes, verdicts)


RULES: tuple[Rule, ...] = (shoe_missing, pair_disagrees, two_pairs, physics, too_regular)


def day_implausible(steps_by_minute: Mapping[int, int], rules: PlausibilityRules) -> Reason | None:
    """The whole day, from the steps of both feet in each minute that was accepted."""
    active = sum(1 for steps in steps_by_minute.values() if steps)
    if sum(steps_by_minute.values()) > rules.max_steps_per_day or active > rules.max_active_minutes_per_day:
        return Reason.DAY_IMPLAUSIBLE
    return None


def _impossible(record: MinuteRecord, rules: PlausibilityRules) -> Reason | None:
    if record.steps and record.duration_ms > LONGEST_MINUTE_MS:
        return Reason.DURATION_IMPLAUSIBLE
    if record.steps > _most_contacts(record.duration_ms, rules):
        return Reason.STEPS_IMPLAUSIBLE
    if record.strides_used > record.steps:
        return Reason.STEPS_IMPLAUSIBLE
    if record.strides_used < rules.steady_strides:
        return None
    lowest, highest = rules.stance_permille
    if not lowest * record.stride_mean_ms <= 1_000 * record.stance_mean_ms <= highest * record.stride_mean_ms:
        return Reason.STANCE_IMPLAUSIBLE
    weakest, strongest = rules.peak_force_n
    if not weakest <= record.peak_force_n <= strongest:
        return Reason.FORCE_IMPLAUSIBLE
    return None


def _most_contacts(span_ms: int, rules: PlausibilityRules) -> int:
    """How often one foot can touch the ground in a span: half of a minute's steps, and one for the edge."""
    return span_ms * rules.max_steps_per_minute // (2 * MINUTE_MS) + 1


class _Foot:
    """The minutes of one foot in order of time."""

    def __init__(self, minutes: list[TimedMinute]) -> None:
        self.minutes = minutes
        self._starts = [minute.start for minute in minutes]
        self._ends = [minute.end for minute in minutes]

    def between(self, begin: int, end: int) -> list[TimedMinute]:
        """Minutes that overlap the span."""
        return self.minutes[bisect_right(self._ends, begin) : bisect_left(self._starts, end)]

    def steps_between(self, begin: int, end: int, rules: PlausibilityRules) -> tuple[int, int]:
        """Fewest and most steps the foot can have taken in the span."""
        fewest = most = 0
        for minute in self.between(begin, end):
            inside = min(minute.end, end) - max(minute.start, begin)
            outside = minute.record.duration_ms - inside
            if outside:
                fewest += max(0, minute.record.steps - _most_contacts(outside, rules))
                most += min(minute.record.steps, _most_contacts(inside, rules))
            else:
                fewest += minute.record.steps
                most += minute.record.steps
        return fewest, most


def _pairs(minutes: Sequence[TimedMinute]) -> Iterable[tuple[_Foot, _Foot]]:
    feet: dict[bytes, dict[int, list[TimedMinute]]] = defaultdict(lambda: {Side.LEFT: [], Side.RIGHT: []})
    for minute in minutes:
        feet[minute.record.pair][minute.record.side].append(minute)
    return [(_Foot(sides[Side.LEFT]), _Foot(sides[Side.RIGHT])) for sides in feet.values()]


def _windows(minutes: Sequence[TimedMinute], length: int) -> Iterable[list[TimedMinute]]:
    """Neighbouring minutes in groups that span at most `length` minutes."""
    window: list[TimedMinute] = []
    for minute in minutes:
        if window and minute.end - window[0].start > length * MINUTE_MS:
            yield window
            window = []
        window.append(minute)
    if window:
        yield window


def _agree(count: int, fewest: int, most: int, rules: PlausibilityRules) -> bool:
    nearest = min(max(count, fewest), most)
    allowed = max(rules.pair_tolerance_steps, max(count, nearest) * rules.pair_tolerance_percent // 100)
    return abs(count - nearest) <= allowed


def _runs(minutes: Sequence[TimedMinute]) -> Iterable[Sequence[TimedMinute]]:
    """From every minute on, the fewest minutes that hold fifty strides together."""
    for begin in range(len(minutes)):
        strides = 0
        for end in range(begin, len(minutes)):
            strides += minutes[end].record.strides_used
            if strides >= REGULARITY_STRIDES:
                yield minutes[begin : end + 1]
                break


def _even(run: Sequence[TimedMinute], floor_hundredth_percent: int) -> bool:
    """Is the variation inside these minutes below the floor? With sums over strides, so that no float is needed."""
    strides = sum(m.record.strides_used for m in run)
    total = sum(m.record.strides_used * 10 * m.record.stride_mean_ms for m in run)
    squares = sum(m.record.strides_used * m.record.stride_sd_tenth_ms**2 for m in run)
    return squares * strides * 10_000**2 < (floor_hundredth_percent * total) ** 2


def _with_other_foot(minutes: Sequence[TimedMinute], verdicts: Verdicts) -> Verdicts:
    both = dict(verdicts)
    for left, right in _pairs(minutes):
        for own, other in ((left, right), (right, left)):
            for minute in own.minutes:
                if minute.key in verdicts:
                    for opposite in other.between(minute.start, minute.end):
                        if _same_minute(minute, opposite):
                            both.setdefault(opposite.key, verdicts[minute.key])
    return both


def _same_minute(one: TimedMinute, other: TimedMinute) -> bool:
    return one.start <= _middle(other) < one.end or other.start <= _middle(one) < other.end


def _middle(minute: TimedMinute) -> int:
    return minute.start + minute.record.duration_ms // 2
