"""Closes days: minutes become sealed records, units and pending reference values, each exactly once.

The steps, in order, and what a crash after each leaves to do:

    freeze     the day takes no more minutes, so judging it again gives the same
    begin      it is noted that the subject's day goes to the vault
    seal       if `begin` was noted before, the vault is asked first; what it holds of the day is what counts
    pay        the ledger pays a subject and day once
    finish     reference values are queued and the minutes deleted, in one commit
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from oracles.days import close
from oracles.errors import SubjectGone
from oracles.keeper import Draft, Receipt, RecordKeeper
from oracles.pending import PendingReference, RecordId
from oracles.refusals import Reason
from oracles.rewards import Rewards, entitlement_record, units_of
from oracles.spool import Spool
from protocol.errors import TideprintError
from protocol.quantities import Day, Reference, SubjectId
from protocol.records import DayRecord, Origin, RecordKind
from protocol.rules import RuleSet

GROUP = 32
"""Subjects sealed in one commit of the vault."""
UNAVAILABLE = frozenset({"ERASURE_UNDER_WAY", "SUBJECT_UNKNOWN", "KEY_ERASED"})
"""A keeper's codes for a subject whose records may not be sealed now; everybody else's are."""

Progress = Callable[[int, int], None]
"""Called with (subjects done, subjects in all)."""


@dataclass(frozen=True, slots=True)
class DayReport:
    """What closing a day did. Says nothing about a single person."""

    day: Day
    subjects: int = 0
    records: int = 0
    units: int = 0
    held: int = 0
    """Subjects whose whole day waits for review."""
    refused_minutes: int = 0
    reasons: Mapping[Reason, int] = field(default_factory=dict)
    """Refused shoe minutes by reason, those refused on arrival and kept included; held days by subject."""
    skipped: int = 0
    """Subjects that are being erased: their minutes stay until the erasure reaches the spool."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One subject's day, ready to seal."""

    subject: SubjectId
    drafts: tuple[Draft, ...]
    units: int
    held: Reason | None
    refused: Mapping[Reason, int]


@dataclass(frozen=True, slots=True)
class _Found:
    """A record sealed in an earlier attempt, as a receipt."""

    record_id: RecordId
    reference: Reference
    units: int


class DayCloser:
    """Closes the days of a spool into a vault and a ledger."""

    def __init__(self, spool: Spool, keeper: RecordKeeper, rewards: Rewards, rules: RuleSet) -> None:
        self._spool = spool
        self._keeper = keeper
        self._rewards = rewards
        self._rules = rules

    def close_day(self, day: Day, progress: Progress | None = None) -> DayReport:
        """Close a day for everybody with minutes on it. Call it again after a crash; a closed day stays as it is."""
        self._spool.freeze(day)
        subjects = self._spool.subjects_on(day)
        report = DayReport(day)
        for at in range(0, len(subjects), GROUP):
            part = subjects[at : at + GROUP]
            group = [judged for subject in part if (judged := self._judge(subject, day))]
            report = _total(report, len(part), group, self._settle(group, day))
            if progress is not None:
                progress(min(at + GROUP, len(subjects)), len(subjects))
        return report

    def seal_imported(self, subject: SubjectId, record: DayRecord) -> None:
        """Seal a day read from a file, once; it is anchored like any other and earns nothing."""
        again = subject in self._spool.begin_sealing([subject], record.day, Origin.IMPORTED)
        receipts: Sequence[Receipt] = self._sealed_before(subject, record.day, Origin.IMPORTED)
        if receipts and not again:
            self._spool.finish_sealing(subject, record.day, Origin.IMPORTED, [])
            return
        if not receipts:
            receipts = self._keeper.seal_many([Draft(subject, RecordKind.DAY, record.day, record.to_record())])
        self._spool.finish_sealing(subject, record.day, Origin.IMPORTED, _references(subject, receipts))

    def _judge(self, subject: SubjectId, day: Day) -> _Judged | None:
        """None if the subject's key has gone since they were listed."""
        try:
            waiting, refused = self._spool.waiting(subject, day), self._spool.refused(subject, day)
        except SubjectGone:
            return None
        outcome = close(day, waiting, refused, self._rules.plausibility)
        units = units_of(outcome.record, self._rules)
        drafts = [Draft(subject, kind, day, record) for kind, record in outcome.records]
        if units:
            drafts.append(Draft(subject, RecordKind.ENTITLEMENT, day, entitlement_record(day, units, self._rules)))
        return _Judged(subject, tuple(drafts), units, outcome.held, outcome.refused)

    def _settle(self, group: Sequence[_Judged], day: Day) -> set[SubjectId]:
        """Seal, pay and finish a group; the subjects for whom that was possible."""
        begun = self._spool.begin_sealing([item.subject for item in group], day, Origin.ATTESTED)
        fresh = [item for item in group if item.subject not in begun]
        done = set()
        for item, receipts in (*self._resume([i for i in group if i.subject in begun], day), *self._seal(fresh)):
            try:
                self._rewards.pay(item.subject, day, item.units)
                self._spool.finish_sealing(item.subject, day, Origin.ATTESTED, _references(item.subject, receipts))
            except SubjectGone:
                continue
            done.add(item.subject)
        return done

    def _resume(self, group: Sequence[_Judged], day: Day) -> Iterator[tuple[_Judged, Sequence[Receipt]]]:
        for item in group:
            try:
                receipts = self._sealed_before(item.subject, day, Origin.ATTESTED)
            except TideprintError as error:
                if error.code not in UNAVAILABLE:
                    raise
                continue
            if receipts:
                yield replace(item, units=sum(receipt.units for receipt in receipts)), receipts
            else:
                yield from self._seal([item])

    def _seal(self, group: Sequence[_Judged]) -> Iterator[tuple[_Judged, Sequence[Receipt]]]:
        try:
            receipts = list(self._keeper.seal_many([draft for item in group for draft in item.drafts])) if group else []
        except TideprintError as error:
            if error.code not in UNAVAILABLE:
                raise
            if len(group) > 1:
                for item in group:
                    yield from self._seal([item])
            return
        for item in group:
            yield item, [receipts.pop(0) for _ in item.drafts]

    def _sealed_before(self, subject: SubjectId, day: Day, origin: Origin) -> Sequence[_Found]:
        """Receipts of the day as the vault holds it. A keeper seals all of a day or none of it."""
        kinds = [RecordKind.DAY]
        if origin is Origin.ATTESTED:
            kinds += [RecordKind.MINUTES, RecordKind.REFUSAL, RecordKind.ENTITLEMENT]
        found = [
            record
            for record in self._keeper.records_of(subject, kinds, [day])
            if record.kind is not RecordKind.DAY or record.record["origin"] == origin
        ]
        return [_Found(r.record_id, r.opening.reference, r.record.get("units", 0)) for r in found]


def _references(subject: SubjectId, receipts: Sequence[Receipt]) -> list[PendingReference]:
    kind = RecordKind.DAY.reference_kind
    return [PendingReference(kind, receipt.reference, subject, receipt.record_id) for receipt in receipts]


def _reasons(item: _Judged) -> Counter[Reason]:
    return Counter(item.refused) + Counter([] if item.held is None else [item.held])


def _total(report: DayReport, listed: int, group: Sequence[_Judged], done: set[SubjectId]) -> DayReport:
    settled = [item for item in group if item.subject in done]
    return DayReport(
        day=report.day,
        subjects=report.subjects + len(settled),
        records=report.records + sum(len(item.drafts) for item in settled),
        units=report.units + sum(item.units for item in settled),
        held=report.held + sum(item.held is not None for item in settled),
        refused_minutes=report.refused_minutes + sum(sum(item.refused.values()) for item in settled),
        reasons=Counter(report.reasons) + sum((_reasons(item) for item in settled), Counter()),
        skipped=report.skipped + listed - len(settled),
    )
