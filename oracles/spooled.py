"""What the spool keeps of a person, and how its rows mark and seal it under the person's key.

    shoe state   boot(8) ‖ sequence(8) ‖ chain(16) ‖ seen(32) ‖ end ms(8) ‖ end UTC ms(8) ‖ resumes at(8)
    clock fit    boot(8) ‖ shoe ms(8) ‖ UTC ms(8) ‖ first shoe ms(8) ‖ first UTC ms(8) ‖ trusted(1)
    minute       day(8) ‖ start UTC ms(8) ‖ device(8) ‖ sequence(8) ‖ signed minute(160); refused: start 0, ‖ reason

All big-endian. Each is bound to the mark it stands under.
"""

import struct
from dataclasses import dataclass, field

from oracles.clocks import ClockFit
from oracles.refusals import Reason
from oracles.sealing import SubjectSeal
from protocol.minutes import SignedMinute
from protocol.quantities import Day, DeviceId, SubjectId
from protocol.records import Origin

_STATE = struct.Struct(">QQ16s32sqqQ")
_FIT = struct.Struct(">Qqqqq?")
_MINUTE = struct.Struct(">qq8sQ160s")
_DAY, _NUMBER = struct.Struct(">q"), struct.Struct(">8sQ")


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The newest record of a shoe that stands in its chain."""

    subject: SubjectId
    boot: int
    sequence: int
    chain: bytes
    """What the next record must carry as `previous`; 16 bytes."""
    seen: bytes
    """SHA-256 of the newest 160 bytes: tells a resend from a fork."""
    end_ms: int
    """End of the latest minute, ms since boot."""
    end_utc_ms: int
    """The same in UTC ms; 0 if unknown."""
    resumes_at: int = 0
    """The shoe has proved that it holds nothing below this sequence; 0 for no such gap."""


@dataclass(frozen=True, slots=True)
class WaitingMinute:
    """An accepted minute and when it began."""

    device: DeviceId
    sequence: int
    subject: SubjectId
    day: Day
    start_utc_ms: int
    minute: bytes
    """160 bytes as the shoe sent them."""

    @property
    def signed(self) -> SignedMinute:
        """The minute itself."""
        return SignedMinute.from_bytes(self.minute)


@dataclass(frozen=True, slots=True)
class RefusedMinute:
    """A minute that was really signed by its shoe, and why it was refused."""

    device: DeviceId
    sequence: int
    minute: bytes
    subject: SubjectId
    day: Day
    reason: Reason


@dataclass(slots=True)
class IntakeChanges:
    """What one intake writes, in one commit."""

    states: dict[DeviceId, DeviceState] = field(default_factory=dict)
    accepted: dict[tuple[DeviceId, int], WaitingMinute] = field(default_factory=dict)
    refused: list[RefusedMinute] = field(default_factory=list)


class SpoolRows:
    """Makes and reads the rows of `oracles.spool`. Everything raises `KEY_ERASED` for a subject without a key."""

    def __init__(self, seal: SubjectSeal) -> None:
        self._seal = seal

    # marks
    def shoe_mark(self, subject: SubjectId, device: DeviceId) -> bytes:
        """A subject's shoe."""
        return self._seal.mark(subject, b"spool/shoe/" + device)

    def boot_mark(self, subject: SubjectId, device: DeviceId, boot: int) -> bytes:
        """A boot of a subject's shoe."""
        return self._seal.mark(subject, b"spool/boot/" + _NUMBER.pack(device, boot))

    def number_mark(self, subject: SubjectId, device: DeviceId, sequence: int) -> bytes:
        """A sequence number of a subject's shoe."""
        return self._seal.mark(subject, b"spool/number/" + _NUMBER.pack(device, sequence))

    def minute_mark(self, subject: SubjectId, minute: bytes) -> bytes:
        """A minute's bytes."""
        return self._seal.mark(subject, b"spool/minute/" + minute)

    def day_mark(self, subject: SubjectId, day: Day, origin: Origin | None = None) -> bytes:
        """A subject's day; with an origin, that such a record of it is on its way to the vault."""
        label = b"spool/day/" if origin is None else f"spool/{origin.value}/".encode()
        return self._seal.mark(subject, label + _DAY.pack(day))

    # rows
    def state_row(self, device: DeviceId, state: DeviceState) -> tuple[bytes, SubjectId, bytes]:
        """(mark, subject, sealed) of a shoe's state."""
        mark = self.shoe_mark(state.subject, device)
        plain = _STATE.pack(
            state.boot, state.sequence, state.chain, state.seen, state.end_ms, state.end_utc_ms, state.resumes_at
        )
        return mark, state.subject, self._seal.seal(state.subject, plain, mark)

    def state(self, subject: SubjectId, mark: bytes, sealed: bytes) -> DeviceState:
        """A shoe's state."""
        return DeviceState(subject, *_STATE.unpack(self._seal.open(subject, sealed, mark)))

    def fit_row(self, device: DeviceId, subject: SubjectId, fit: ClockFit) -> tuple[bytes, SubjectId, bytes]:
        """(mark, subject, sealed) of a clock fit."""
        mark = self.boot_mark(subject, device, fit.boot)
        plain = _FIT.pack(fit.boot, fit.shoe_ms, fit.utc_ms, fit.first_shoe_ms, fit.first_utc_ms, fit.trusted)
        return mark, subject, self._seal.seal(subject, plain, mark)

    def fit(self, subject: SubjectId, mark: bytes, sealed: bytes) -> ClockFit:
        """A clock fit."""
        return ClockFit(*_FIT.unpack(self._seal.open(subject, sealed, mark)))

    def filed_row(self, subject: SubjectId, day: Day) -> tuple[SubjectId, bytes, bytes]:
        """(subject, mark, sealed) of a day on which a subject has minutes."""
        mark = self.day_mark(subject, day)
        return subject, mark, self._seal.seal(subject, _DAY.pack(day), mark)

    def filed_day(self, subject: SubjectId, mark: bytes, sealed: bytes) -> Day:
        """Which day that is."""
        return Day(*_DAY.unpack(self._seal.open(subject, sealed, mark)))

    def waiting_row(self, item: WaitingMinute) -> tuple[bytes, SubjectId, bytes, bytes]:
        """(number, subject, day, sealed) of an accepted minute."""
        mark = self.number_mark(item.subject, item.device, item.sequence)
        plain = _MINUTE.pack(item.day, item.start_utc_ms, item.device, item.sequence, item.minute)
        return mark, item.subject, self.day_mark(item.subject, item.day), self._seal.seal(item.subject, plain, mark)

    def waiting(self, subject: SubjectId, number: bytes, sealed: bytes) -> WaitingMinute:
        """An accepted minute."""
        day, start, device, sequence, minute = _MINUTE.unpack(self._seal.open(subject, sealed, number))
        return WaitingMinute(DeviceId(device), sequence, subject, Day(day), start, minute)

    def refused_row(self, item: RefusedMinute) -> tuple[bytes, bytes, SubjectId, bytes, bytes]:
        """(number, minute, subject, day, sealed) of a refused minute."""
        number = self.number_mark(item.subject, item.device, item.sequence)
        minute = self.minute_mark(item.subject, item.minute)
        plain = _MINUTE.pack(item.day, 0, item.device, item.sequence, item.minute) + item.reason.value.encode()
        sealed = self._seal.seal(item.subject, plain, number + minute)
        return number, minute, item.subject, self.day_mark(item.subject, item.day), sealed

    def refused(self, subject: SubjectId, number: bytes, minute: bytes, sealed: bytes) -> RefusedMinute:
        """A refused minute."""
        plain = self._seal.open(subject, sealed, number + minute)
        day, _, device, sequence, data = _MINUTE.unpack_from(plain)
        reason = Reason(plain[_MINUTE.size :].decode())
        return RefusedMinute(DeviceId(device), sequence, data, subject, Day(day), reason)
