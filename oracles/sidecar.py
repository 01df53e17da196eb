"""The oracle beside a node: from a shoe's minutes to sealed, anchored and rewarded days."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from oracles.anchoring import Anchoring, AnchorReport
from oracles.batches import BatchBuilder
from oracles.closing import DayCloser, DayReport, Progress
from oracles.devices import DeviceRegister, EnrolledDevice
from oracles.errors import OracleError
from oracles.intake import Intake, IntakeReport
from oracles.issuer import Issuer
from oracles.links.link import ShoeLink
from oracles.pending import PendingReference
from oracles.pulling import pull_shoe
from oracles.spool import Spool
from protocol.calendar import day_of, start_of
from protocol.minutes import SignedMinute
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import DayRecord
from protocol.references import Kind


@dataclass(frozen=True, slots=True)
class OracleParts:
    """What an oracle is put together from."""

    spool: Spool
    register: DeviceRegister
    closer: DayCloser
    builder: BatchBuilder
    anchoring: Anchoring
    issuer: Issuer
    now_ms: Callable[[], int]
    """UTC milliseconds."""


class Oracle:
    """Composes intake, closing of days, batches and issuance; every call may be repeated after a crash."""

    def __init__(self, parts: OracleParts) -> None:
        self._parts = parts
        self._intake = Intake(parts.spool)

    # minutes
    async def pull(self, link: ShoeLink, shoe: EnrolledDevice) -> IntakeReport:
        """Visit a shoe; see `oracles.pulling.pull_shoe`."""
        return await pull_shoe(link, shoe, self._parts.register, self._intake, self._parts.now_ms)

    def synchronise(self, shoe: EnrolledDevice, boot: int, shoe_ms: int, utc_ms: int) -> bool:
        """Note a comparison of clocks for minutes that come by `accept`; see `Intake.synchronise`."""
        return self._intake.synchronise(shoe, boot, shoe_ms, utc_ms)

    def accept(self, minutes: Iterable[SignedMinute | bytes]) -> IntakeReport:
        """Take signed minutes however they came; see `Intake.accept`."""
        return self._intake.accept(self._parts.register, minutes, Seconds(self._parts.now_ms() // 1_000))

    # days
    def open_days(self) -> list[Day]:
        """Days that hold minutes and are over, the oldest first."""
        today = day_of(Seconds(self._parts.now_ms() // 1_000))
        return [day for day in self._parts.spool.days() if day < today]

    def close_day(self, day: Day, progress: Progress | None = None) -> DayReport:
        """Seal and pay a day of everybody. Raises `DAY_NOT_OVER`."""
        if self._parts.now_ms() < start_of(Day(day + 1)) * 1_000:
            raise OracleError("DAY_NOT_OVER", "the day is not over in Seoul", "close it after midnight")
        return self._parts.closer.close_day(day, progress)

    def import_day(self, subject: SubjectId, record: DayRecord) -> None:
        """Seal a day read from a file (`oracles.days.imported`), once; never paid."""
        self._parts.closer.seal_imported(subject, record)

    # references
    def add_references(self, references: Iterable[PendingReference]) -> None:
        """Queue references of others (AUDIT, ERASURE) for their kind's next batch."""
        self._parts.builder.add(references)

    def anchor(self, kind: Kind = Kind.READING, epoch: Day | None = None) -> AnchorReport:
        """Anchor what waits of a kind, under today's or another epoch; below k it is held and reported."""
        today = day_of(Seconds(self._parts.now_ms() // 1_000))
        return self._parts.anchoring.run(kind, today if epoch is None else epoch)

    # vouchers
    def collectable(self, subject: SubjectId) -> dict[int, int]:
        """How many vouchers a subject may collect, by series."""
        return self._parts.issuer.collectable(subject)

    def collect(self, subject: SubjectId, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Blind signatures; see `Issuer.collect`."""
        return self._parts.issuer.collect(subject, series, request, blinded)

    def stores(self) -> tuple[Spool, Issuer]:
        """What the erasure register has to know of."""
        return self._parts.spool, self._parts.issuer
