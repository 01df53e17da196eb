"""Stand-ins for the oracle's neighbours, and people who walk. Clocks are numbers; nothing here sleeps."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from oracles.anchoring import Anchoring
from oracles.batches import BatchBuilder
from oracles.closing import DayCloser
from oracles.devices import EnrolledDevice
from oracles.intake import Intake
from oracles.issuer import Issuer
from oracles.ledger import Ledger
from oracles.pending import RecordId
from oracles.rewards import Rewards
from oracles.sealing import ErasableSeal
from oracles.series_keys import SeriesKeys
from oracles.shoes.device import Shoe
from oracles.shoes.keys import DeviceKey
from oracles.shoes.measures import MinuteMeasures
from oracles.shoes.pair import ShoePair, make_pair
from oracles.shoes.walkers import Walker, record_minutes
from oracles.sidecar import Oracle, OracleParts
from oracles.spool import Spool
from protocol.calendar import start_of
from protocol.canonical import canonical
from protocol.errors import TideprintError
from protocol.minutes import MinuteRecord, SignedMinute, signed_message
from protocol.quantities import Day, DeviceId, Reference, Salt, Seconds, SubjectId
from protocol.records import RecordKind
from protocol.references import Kind, Opening
from protocol.rules import RuleSet

DAY = Day(20_770)
MORNING_MS = (start_of(DAY) + 8 * 3_600) * 1_000
NEXT_DAY_MS = start_of(Day(DAY + 1)) * 1_000
LONG_AFTER = Seconds(start_of(Day(DAY + 3)))
FACTORY = DeviceKey.generate()
RULES = RuleSet()
WALK = (98, 104, 106, 102, 108, 100, 97, 105, 103, 101)


class Crash(BaseException):
    """The process dies here."""


class Register(dict[DeviceId, EnrolledDevice]):
    """A device register in memory."""

    def find(self, device: DeviceId) -> EnrolledDevice | None:
        return self.get(device)


@dataclass
class TagKeys:
    """Whose key is there: everybody's but of those erased. The same in every process."""

    erased: set[SubjectId] = field(default_factory=set)

    def __call__(self, subject: SubjectId) -> bytes | None:
        return None if subject in self.erased else digest(b"tag key of " + subject)


@dataclass
class Wearer:
    """A subject with a pair of shoes, switched on at the start of the day."""

    subject: SubjectId
    shoes: ShoePair
    walker: Walker

    @classmethod
    def new(cls, seed: int = 1, booted_at_ms: int = start_of(DAY) * 1_000) -> "Wearer":
        shoes = make_pair(FACTORY)
        shoes.boot(booted_at_ms)
        return cls(SubjectId(secrets.token_bytes(16)), shoes, Walker(seed))

    def enrolled(self) -> list[EnrolledDevice]:
        return [
            EnrolledDevice(s.key.device, s.key.public_bytes, s.identity.side, s.identity.pair, self.subject)
            for s in (self.shoes.left, self.shoes.right)
        ]

    def enroll(self, register: Register, intake: Intake, booted_at_ms: int = start_of(DAY) * 1_000) -> None:
        for device in self.enrolled():
            register[device.device] = device
            intake.synchronise(device, 1, 0, booted_at_ms)

    def walk(self, minutes: Sequence[int] = WALK, at_ms: int = MORNING_MS) -> list[SignedMinute]:
        both = record_minutes(self.walker, self.shoes.left, self.shoes.right, minutes, at_ms)
        return [minute for pair in both for minute in pair]


@dataclass
class Receipt:
    record_id: RecordId
    reference: Reference


@dataclass
class Sealed:
    record_id: RecordId
    subject: SubjectId
    kind: RecordKind
    day: Day
    record: dict[str, Any]
    opening: Opening


@dataclass
class Keeper:
    """A vault in memory: all of a call or nothing of it. `stopped`: subjects that are being erased."""

    records: dict[str, Sealed] = field(default_factory=dict)
    proofs: dict[RecordId, tuple[int, bytes, tuple[bytes, ...]]] = field(default_factory=dict)
    stopped: set[SubjectId] = field(default_factory=set)
    full: bool = False

    def seal_many(self, drafts: Sequence[Any], /) -> list[Receipt]:
        if self.full:
            raise TideprintError("STORE_FULL", "no room")
        if any(draft.subject in self.stopped for draft in drafts):
            raise TideprintError("ERASURE_UNDER_WAY", "this is being erased")
        receipts = []
        for draft in drafts:
            opening = Opening(draft.kind.reference_kind, Salt(secrets.token_bytes(64)), canonical(draft.record))
            name = f"{len(self.records):014x}"
            self.records[name] = Sealed(name, draft.subject, draft.kind, draft.day, dict(draft.record), opening)
            receipts.append(Receipt(name, opening.reference))
        return receipts

    def records_of(
        self, subject: SubjectId, kinds: Iterable[RecordKind] | None = None, days: Iterable[int] | None = None
    ) -> list[Sealed]:
        if subject in self.stopped:
            raise TideprintError("ERASURE_UNDER_WAY", "this is being erased")
        return [
            r
            for r in self.records.values()
            if r.subject == subject and (kinds is None or r.kind in kinds) and (days is None or r.day in days)
        ]

    def attach_proof(self, record_id: RecordId, anchor_id: int, root: bytes, proof: Sequence[bytes], /) -> None:
        sealed = self.records.get(str(record_id))
        if sealed is None:
            raise TideprintError("RECORD_UNKNOWN", "there is no such record")
        if sealed.subject in self.stopped:
            raise TideprintError("ERASURE_UNDER_WAY", "this is being erased")
        known = self.proofs.setdefault(record_id, (anchor_id, root, tuple(proof)))
        assert known == (anchor_id, root, tuple(proof)), "another proof for the same record"


@dataclass
class Chain:
    """A registry in memory; a root may be anchored once."""

    roots: dict[bytes, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)

    def anchor(self, kind: Kind, epoch: Day, root: bytes, count: int) -> int:
        assert root not in self.roots, "a root once"
        self.roots[root] = len(self.roots) + 1
        self.counts.append(count)
        return self.roots[root]

    def anchor_of(self, kind: Kind, root: bytes) -> int | None:
        return self.roots.get(root)


@dataclass
class House:
    """An oracle on files, with its neighbours; `reopen` is what a restart does."""

    directory: Path
    keeper: Keeper = field(default_factory=Keeper)
    chain: Chain = field(default_factory=Chain)
    register: Register = field(default_factory=Register)
    tag_keys: TagKeys = field(default_factory=TagKeys)
    now_ms: int = LONG_AFTER * 1_000

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        self.seal = ErasableSeal(self.tag_keys)
        self.spool = Spool(self.directory / "spool.db", self.seal)
        self.ledger = Ledger(self.directory / "ledger.db", self.seal)
        keys = SeriesKeys(self.directory / "keys", bytes(32))
        self.issuer = Issuer(keys, self.ledger)
        self.intake = Intake(self.spool)
        self.builder = BatchBuilder(self.spool.pending, RULES.k_floor)
        self.anchoring = Anchoring(self.builder, self.chain, {Kind.READING: self.keeper})
        self.closer = DayCloser(self.spool, self.keeper, Rewards(self.ledger, RULES), RULES)
        self.oracle = Oracle(
            OracleParts(
                self.spool, self.register, self.closer, self.builder, self.anchoring, self.issuer, lambda: self.now_ms
            )
        )

    def restart(self) -> None:
        self.close()
        self.reopen()

    def close(self) -> None:
        self.spool.close()
        self.ledger.close()

    def wearers(self, count: int, minutes: Sequence[int] = WALK) -> list[Wearer]:
        """Enrolled people whose walk has been accepted."""
        people = [Wearer.new(seed) for seed in range(count)]
        for person in people:
            person.enroll(self.register, self.intake)
            report = self.oracle.accept(person.walk(minutes))
            assert report.accepted == 2 * len(minutes)
        return people


def resigned(shoe: Shoe, minute: SignedMinute, **changes: Any) -> SignedMinute:
    """The minute with other fields, signed by its shoe again: what stolen or broken firmware would do."""
    raw = replace(minute.record, **changes).pack()
    return SignedMinute(raw, shoe.key.sign(signed_message(raw)))


def record_of(**changes: Any) -> MinuteRecord:
    """A plausible minute of a left shoe."""
    fields: dict[str, Any] = {
        "version": 1, "algorithm": 1, "side": 1, "flags": 1, "device": b"L" * 8, "pair": b"P" * 8, "boot": 1,
        "sequence": 1, "start_ms": 0, "duration_ms": 60_000, "steps": 52, "strides_used": 49, "stride_mean_ms": 1_130,
        "stride_sd_tenth_ms": 220, "stance_mean_ms": 710, "peak_force_n": 920, "peak_force_sd_tenth_n": 400,
        "first_contact_ms": 300, "last_contact_ms": 59_000, "battery_percent": 90, "temperature_c": 30,
        "mid_swing_deg_s": 320, "impact_centi_g": 220, "firmware": bytes(8), "previous": bytes(16),
    }  # fmt: skip
    return MinuteRecord(**(fields | changes))


def metronome(steps: int = 52) -> MinuteMeasures:
    """What a machine does to a shoe: every stride the same."""
    return MinuteMeasures(steps, steps - 2, 1_150, 3, 720, 900, 2, 10, 59_000, 300, 200)


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
