"""Takes signed minutes from a link: every check that needs only the shoe's key and its past.

Order of the checks: enrolled, side and pair, resend, signature, fork, gap, chain, boot, time. A minute that its shoe
really signed and that stands next in its chain moves the chain on even if it is refused, so one odd minute never stops
a pull; it is kept with its reason. What breaks the chain does not move it: the link asks again.

One durable commit ends an intake; only then may the link acknowledge (`IntakeReport.acknowledged`).
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from oracles.clocks import ClockFit
from oracles.devices import DeviceRegister, EnrolledDevice
from oracles.refusals import INCIDENTS, Incident, Reason
from oracles.spool import Spool
from oracles.spooled import DeviceState, IntakeChanges, RefusedMinute, WaitingMinute
from protocol.calendar import day_of
from protocol.minutes import (
    Algorithm,
    MinuteFlag,
    MinuteMalformed,
    MinuteRecord,
    PublicKey,
    SignedMinute,
    chain_prefix,
    public_key_of,
    verify_minute,
)
from protocol.quantities import Day, DeviceId, Seconds

FUTURE_TOLERANCE_MS = 5_000
RESTART_TOLERANCE_MS = 5_000
"""How far the clock fits of two boots may disagree about what came first."""


@dataclass(frozen=True, slots=True)
class IntakeReport:
    """What became of some minutes."""

    accepted: int
    refused: dict[Reason, int]
    incidents: tuple[Incident, ...] = ()
    acknowledged: dict[DeviceId, int] = field(default_factory=dict)
    """Up to which sequence each shoe may forget its records."""


class Intake:
    """Checks and spools minutes. Not for several threads at once."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def synchronise(self, shoe: EnrolledDevice, boot: int, shoe_ms: int, utc_ms: int) -> bool:
        """Note that this boot of the shoe stood at `shoe_ms` when it was `utc_ms`; call it before the pull.

        False if the shoe's clock contradicts earlier syncs: its minutes have no known time until it agrees again.
        """
        known = self._spool.clock(shoe.subject, shoe.device, boot)
        fit = known.synchronised(shoe_ms, utc_ms) if known else ClockFit.at(boot, shoe_ms, utc_ms)
        self._spool.put_clock(shoe.device, shoe.subject, fit)
        return fit.trusted

    def declare_gap(self, shoe: EnrolledDevice, oldest: int) -> None:
        """The shoe has proved (signed state) that `oldest` is the first record it still holds."""
        state = self._spool.state(shoe.subject, shoe.device)
        if state is not None and oldest > state.sequence + 1:
            self._spool.commit(IntakeChanges(states={shoe.device: replace(state, resumes_at=oldest)}))

    def next_sequence(self, shoe: EnrolledDevice) -> int:
        """From where the link should pull."""
        state = self._spool.state(shoe.subject, shoe.device)
        return max(shoe.enrolled_sequence, state.sequence if state else 0) + 1

    def accept(
        self, register: DeviceRegister, minutes: Iterable[SignedMinute | bytes], received_at: Seconds
    ) -> IntakeReport:
        """Check minutes in the order given and make the accepted and the refused ones durable."""
        batch = _Batch(self._spool, register, received_at * 1_000)
        for minute in minutes:
            batch.take(minute)
        batch.drop_overtaken_refusals()
        self._spool.commit(batch.changes)
        acknowledged = {device: state.sequence for device, state in batch.changes.states.items()}
        return IntakeReport(
            accepted=len(batch.changes.accepted),
            refused=dict(batch.counts),
            incidents=tuple(batch.incidents),
            acknowledged=acknowledged,
        )


@lru_cache(maxsize=65_536)
def _parsed_key(data: bytes) -> PublicKey:
    return public_key_of(data)


class _Batch:
    """One intake under way: reads the spool, writes nothing."""

    def __init__(self, spool: Spool, register: DeviceRegister, received_ms: int) -> None:
        self.changes = IntakeChanges()
        self.counts: Counter[Reason] = Counter()
        self.incidents: list[Incident] = []
        self._spool = spool
        self._register = register
        self._received_ms = received_ms
        self._shoes: dict[DeviceId, EnrolledDevice | None] = {}
        self._states: dict[DeviceId, DeviceState | None] = {}
        self._clocks: dict[tuple[DeviceId, int], ClockFit | None] = {}
        self._frozen: dict[Day, bool] = {}
        self._kept: defaultdict[tuple[DeviceId, int], list[bytes]] = defaultdict(list)

    def take(self, given: SignedMinute | bytes) -> None:
        try:
            minute = given if isinstance(given, SignedMinute) else SignedMinute.from_bytes(given)
            record = minute.record
        except MinuteMalformed:
            self.counts[Reason.MALFORMED] += 1
            return
        device = DeviceId(record.device)
        shoe = self._shoe(device)
        if shoe is None:
            self.counts[Reason.DEVICE_UNKNOWN] += 1
            return
        if record.side != shoe.side or record.pair != shoe.pair:
            self._refuse(shoe, record, minute, Reason.SIDE_MISMATCH, keep=False)
            return
        state = self._state(shoe)
        newest = max(shoe.enrolled_sequence, state.sequence if state else 0)
        if record.sequence <= newest:
            self._repeated(shoe, record, minute, state)
            return
        if not _signed_by(shoe, record, minute):
            self._refuse(shoe, record, minute, Reason.SIGNATURE_INVALID, keep=False)
            return
        reason = _break_in_chain(record, state)
        if reason is not None:
            self._refuse(shoe, record, minute, reason)
            return
        self._next_in_chain(shoe, record, minute, state)

    def drop_overtaken_refusals(self) -> None:
        """A minute that came too early and again in its turn was not refused in the end."""
        changes = self.changes
        changes.refused = [item for item in changes.refused if (item.device, item.sequence) not in changes.accepted]

    def _repeated(
        self, shoe: EnrolledDevice, record: MinuteRecord, minute: SignedMinute, state: DeviceState | None
    ) -> None:
        data = minute.to_bytes()
        held = self._held(shoe, record.sequence)
        newest = state is not None and state.sequence == record.sequence
        if data in held or (newest and state is not None and state.seen == hashlib.sha256(data).digest()):
            self._refuse(shoe, record, minute, Reason.REPLAY, keep=False)
        elif not _signed_by(shoe, record, minute):
            self._refuse(shoe, record, minute, Reason.SIGNATURE_INVALID, keep=False)
        elif held or newest:
            self._fork(shoe, record, minute)
        else:
            self._refuse(shoe, record, minute, Reason.REPLAY, keep=False)

    def _fork(self, shoe: EnrolledDevice, record: MinuteRecord, minute: SignedMinute) -> None:
        """Never a choice between the two: the twin that waits is refused with it."""
        key = (shoe.device, record.sequence)
        twin = self.changes.accepted.pop(key, None) or self._spool.waiting_minute(shoe.subject, *key)
        if twin is not None:
            self._kept[key].append(twin.minute)
            self.changes.refused.append(
                RefusedMinute(twin.device, twin.sequence, twin.minute, twin.subject, twin.day, Reason.FORK)
            )
        self._refuse(shoe, record, minute, Reason.FORK, twin.start_utc_ms if twin else None)

    def _next_in_chain(
        self, shoe: EnrolledDevice, record: MinuteRecord, minute: SignedMinute, state: DeviceState | None
    ) -> None:
        fit = self._clock(shoe, record.boot)
        start = fit.utc_of(record.start_ms) if fit is not None and fit.trusted else None
        reason = self._wrong_time(record, state, start) or _not_walking(record)
        if reason is None and start is not None:
            day = day_of(Seconds(start // 1_000))
            if self._is_frozen(day):
                reason = Reason.DAY_CLOSED
            else:
                self.changes.accepted[shoe.device, record.sequence] = WaitingMinute(
                    shoe.device, record.sequence, shoe.subject, day, start, minute.to_bytes()
                )
        if reason is not None:
            self._refuse(shoe, record, minute, reason, start)
        moved = _moved_on(shoe, record, minute, state, None if reason is Reason.IN_FUTURE else start)
        self._states[shoe.device] = self.changes.states[shoe.device] = moved

    def _wrong_time(self, record: MinuteRecord, state: DeviceState | None, start: int | None) -> Reason | None:
        if state is not None:
            if record.boot < state.boot:
                return Reason.BOOT_BACKWARDS
            if record.boot == state.boot and record.start_ms < state.end_ms:
                return Reason.TIME_BACKWARDS
        if start is None:
            return Reason.TIME_UNKNOWN
        if state is not None and record.boot > state.boot and start < state.end_utc_ms - RESTART_TOLERANCE_MS:
            return Reason.TIME_BACKWARDS
        if start + record.duration_ms > self._received_ms + FUTURE_TOLERANCE_MS:
            return Reason.IN_FUTURE
        return None

    def _refuse(
        self,
        shoe: EnrolledDevice,
        record: MinuteRecord,
        minute: SignedMinute,
        reason: Reason,
        start: int | None = None,
        *,
        keep: bool = True,
    ) -> None:
        self.counts[reason] += 1
        if reason in INCIDENTS:
            self.incidents.append(Incident(reason, shoe.device, record.sequence))
        if keep:
            received = self._received_ms
            day = self._open_day(received if start is None else min(start, received))
            data = minute.to_bytes()
            self._kept[shoe.device, record.sequence].append(data)
            self.changes.refused.append(RefusedMinute(shoe.device, record.sequence, data, shoe.subject, day, reason))

    def _open_day(self, at_ms: int) -> Day:
        """The day under which a refused minute is filed: its own, or the day of receipt, or the first open one."""
        day = day_of(Seconds(at_ms // 1_000))
        if self._is_frozen(day):
            day = max(day, day_of(Seconds(self._received_ms // 1_000)))
        while self._is_frozen(day):
            day = Day(day + 1)
        return day

    def _held(self, shoe: EnrolledDevice, sequence: int) -> list[bytes]:
        waiting = self.changes.accepted.get((shoe.device, sequence))
        known = self._spool.held(shoe.subject, shoe.device, sequence) + self._kept[shoe.device, sequence]
        return known if waiting is None else [*known, waiting.minute]

    def _shoe(self, device: DeviceId) -> EnrolledDevice | None:
        if device not in self._shoes:
            self._shoes[device] = self._register.find(device)
        return self._shoes[device]

    def _state(self, shoe: EnrolledDevice) -> DeviceState | None:
        if shoe.device not in self._states:
            self._states[shoe.device] = self._spool.state(shoe.subject, shoe.device)
        return self._states[shoe.device]

    def _clock(self, shoe: EnrolledDevice, boot: int) -> ClockFit | None:
        key = (shoe.device, boot)
        if key not in self._clocks:
            self._clocks[key] = self._spool.clock(shoe.subject, *key)
        return self._clocks[key]

    def _is_frozen(self, day: Day) -> bool:
        if day not in self._frozen:
            self._frozen[day] = self._spool.is_frozen(day)
        return self._frozen[day]


def _signed_by(shoe: EnrolledDevice, record: MinuteRecord, minute: SignedMinute) -> bool:
    expected = Algorithm.ED25519 if len(shoe.public_key) == 32 else Algorithm.P256
    return record.algorithm == expected and verify_minute(_parsed_key(shoe.public_key), minute)


def _break_in_chain(record: MinuteRecord, state: DeviceState | None) -> Reason | None:
    """The first record ever seen starts the chain; a gap must be declared by the record or proved by the shoe."""
    if state is None:
        return None
    if record.sequence == state.sequence + 1:
        return None if record.previous == state.chain else Reason.CHAIN_BROKEN
    if record.flags & MinuteFlag.GAP_BEFORE or record.sequence == state.resumes_at:
        return None
    return Reason.SEQUENCE_GAP_UNDECLARED


def _not_walking(record: MinuteRecord) -> Reason | None:
    if record.flags & MinuteFlag.SELF_TEST_FAILED:
        return Reason.SHOE_FAULT
    if record.steps and (record.flags & MinuteFlag.CHARGING or not record.flags & MinuteFlag.WORN):
        return Reason.NOT_WORN
    return None


def _moved_on(
    shoe: EnrolledDevice, record: MinuteRecord, minute: SignedMinute, state: DeviceState | None, start: int | None
) -> DeviceState:
    """The state after a record; neither boot nor time ever moves back, and a time not believed moves nothing."""
    boot, end_ms, end_utc_ms = (state.boot, state.end_ms, state.end_utc_ms) if state else (0, 0, 0)
    if record.boot > boot:
        boot, end_ms = record.boot, 0
    if start is not None and record.boot == boot:
        end_ms = max(end_ms, record.start_ms + record.duration_ms)
        end_utc_ms = max(end_utc_ms, start + record.duration_ms)
    return DeviceState(
        subject=shoe.subject,
        boot=boot,
        sequence=record.sequence,
        chain=chain_prefix(minute.raw),
        seen=hashlib.sha256(minute.to_bytes()).digest(),
        end_ms=end_ms,
        end_utc_ms=end_utc_ms,
    )
