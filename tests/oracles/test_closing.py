"""Closing a day: sealed once, paid once, whatever dies in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oracles.closing import DayCloser
from oracles.days import imported
from oracles.errors import OracleError
from oracles.refusals import Reason
from oracles.rewards import Rewards, units_of
from protocol.errors import TideprintError
from protocol.merkle import verify
from protocol.quantities import Day
from protocol.records import DayRecord, Gait, Origin, RecordKind
from protocol.references import Kind
from tests.oracles.core_support import DAY, MORNING_MS, RULES, Crash, House, Wearer, resigned
from tests.oracles.test_batches import Faulty

LONG_WALK = (110,) * 30
UNITS = 13


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_a_day_becomes_records_units_and_references(house: House) -> None:
    people = house.wearers(5, LONG_WALK)
    progress: list[tuple[int, int]] = []
    report = house.oracle.close_day(DAY, lambda done, of: progress.append((done, of)))
    assert (report.subjects, report.records, report.units) == (5, 15, 5 * UNITS)
    assert (report.held, report.refused_minutes, report.skipped) == (0, 0, 0)
    assert progress == [(5, 5)]
    kinds = [record.kind for record in house.keeper.records_of(people[0].subject)]
    assert kinds == [RecordKind.DAY, RecordKind.MINUTES, RecordKind.ENTITLEMENT]
    record = DayRecord.from_record(house.keeper.records_of(people[0].subject)[0].record)
    assert (record.steps, record.paid_steps) == (3_300, 3_300)
    assert units_of(record, RULES) == UNITS
    assert house.builder.waiting(Kind.READING) == (15, 5)
    assert house.spool.days() == []
    assert house.oracle.collectable(people[0].subject) == {202_611_005: 2}
    assert house.oracle.close_day(DAY).subjects == 0


def test_anchoring_a_day_gives_every_record_its_proof(house: House) -> None:
    house.wearers(5)
    house.oracle.close_day(DAY)
    report = house.oracle.anchor()
    assert report.held is None
    assert report.anchored[0].count == 10
    for name, (anchor, root, proof) in house.keeper.proofs.items():
        assert anchor == 1
        assert verify(root, house.keeper.records[str(name)].opening.reference, proof)
    assert len(house.keeper.proofs) == len(house.keeper.records)


def test_four_walkers_on_a_holiday_wait_for_the_next_day(house: House) -> None:
    house.wearers(4)
    house.oracle.close_day(DAY)
    held = house.oracle.anchor(epoch=DAY).held
    assert held is not None
    assert (held.subjects, held.needed) == (4, 5)
    assert house.chain.roots == {}
    fifth, next_day = Wearer.new(), Day(DAY + 1)
    fifth.enroll(house.register, house.intake)
    house.oracle.accept(fifth.walk(at_ms=MORNING_MS + 86_400_000))
    assert house.oracle.open_days() == [next_day]
    house.oracle.close_day(next_day)
    assert house.oracle.anchor(epoch=next_day).anchored[0].count == 10


def test_a_closed_day_is_not_opened_by_late_minutes(house: House) -> None:
    wearer = Wearer.new()
    wearer.enroll(house.register, house.intake)
    walk = wearer.walk()
    house.oracle.accept(walk[:10])
    house.oracle.close_day(DAY)
    assert house.oracle.accept(walk[10:]).refused == {Reason.DAY_CLOSED: 10}
    assert house.oracle.close_day(DAY).subjects == 0
    assert len(house.keeper.records_of(wearer.subject, [RecordKind.DAY])) == 1


def test_refused_minutes_are_sealed_with_their_day(house: House) -> None:
    wearer = house.wearers(1)[0]
    left = wearer.shoes.left.key.device
    walk = [m for m in house.spool.waiting(wearer.subject, DAY) if m.device == left]
    house.oracle.accept([resigned(wearer.shoes.left, walk[0].signed)])
    report = house.oracle.close_day(DAY)
    assert report.refused_minutes == 3
    assert report.reasons == {Reason.FORK: 2, Reason.SHOE_MISSING: 1}
    refusal = house.keeper.records_of(wearer.subject, [RecordKind.REFUSAL])[0].record
    assert refusal["counts"]["FORK"] == 2


def test_a_day_that_is_not_over_is_not_closed(house: House) -> None:
    house.now_ms = 0
    with pytest.raises(OracleError, match="DAY_NOT_OVER"):
        house.oracle.close_day(DAY)
    assert not house.spool.is_frozen(DAY)


def _everything_once(house: House, people: list[Wearer]) -> None:
    for person in people:
        records = house.keeper.records_of(person.subject)
        kinds = [record.kind for record in records]
        assert sorted(kinds) == sorted([RecordKind.DAY, RecordKind.MINUTES, RecordKind.ENTITLEMENT])
        assert house.oracle.collectable(person.subject) == {202_611_005: 2}
        assert house.ledger.carried(person.subject) == 3
    queued = {waiting.reference for waiting in house.spool.pending.waiting(Kind.READING)}
    assert queued == {record.opening.reference for record in house.keeper.records.values()}
    assert house.spool.database.row("SELECT count(*) FROM sealing")[0] == 0
    assert house.spool.days() == []


CALLS = {"spool": 9, "keeper": 1, "rewards": 2}
"""How often closing two people's day calls each neighbour."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("where", "at"), [(name, at) for name, calls in CALLS.items() for at in range(1, calls + 1)])
def test_a_crash_at_any_step_seals_and_pays_once(tmp_path: Path, where: str, at: int, after: bool) -> None:
    house = House(tmp_path)
    people = house.wearers(2, LONG_WALK)
    parts: dict[str, Any] = {"spool": house.spool, "keeper": house.keeper, "rewards": Rewards(house.ledger, RULES)}
    parts[where] = Faulty(parts[where], at, after=after)
    with pytest.raises(Crash):
        DayCloser(parts["spool"], parts["keeper"], parts["rewards"], RULES).close_day(DAY)
    house.restart()
    house.oracle.close_day(DAY)
    _everything_once(house, people)
    house.close()


def test_a_full_vault_stops_the_day_and_nothing_is_lost(house: House) -> None:
    people = house.wearers(2, LONG_WALK)
    house.keeper.full = True
    with pytest.raises(TideprintError, match="STORE_FULL"):
        house.oracle.close_day(DAY)
    with pytest.raises(TideprintError, match="STORE_FULL"):
        house.oracle.close_day(DAY)
    house.keeper.full = False
    house.oracle.close_day(DAY)
    _everything_once(house, people)


def test_somebody_being_erased_does_not_stop_the_others(house: House) -> None:
    people = house.wearers(3, LONG_WALK)
    house.keeper.stopped.add(people[0].subject)
    report = house.oracle.close_day(DAY)
    assert (report.subjects, report.skipped) == (2, 1)
    assert house.oracle.close_day(DAY).skipped == 1
    for store in house.oracle.stores():
        store.erase(people[0].subject)
        assert not store.holds(people[0].subject)
    assert house.oracle.close_day(DAY).subjects == 0
    house.keeper.stopped.clear()
    _everything_once(house, people[1:])


def test_an_error_while_looking_for_an_earlier_attempt_is_raised(house: House) -> None:
    house.wearers(1)
    house.keeper.full = True
    with pytest.raises(TideprintError, match="STORE_FULL"):
        house.oracle.close_day(DAY)

    def broken(*_: Any) -> None:
        raise TideprintError("STORE_UNREACHABLE", "no")

    house.keeper.records_of = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(TideprintError, match="STORE_UNREACHABLE"):
        house.oracle.close_day(DAY)


def test_an_imported_day_is_sealed_once_and_never_paid(house: House) -> None:
    wearer = house.wearers(1, LONG_WALK)[0]
    record = imported(DAY, [100] * 100)
    for _ in range(2):
        house.oracle.import_day(wearer.subject, record)
    sealed = house.keeper.records_of(wearer.subject, [RecordKind.DAY])
    assert [item.record["origin"] for item in sealed] == ["IMPORTED"]
    assert house.builder.waiting(Kind.READING) == (1, 1)
    assert house.oracle.collectable(wearer.subject) == {}
    house.oracle.close_day(DAY)
    sealed = house.keeper.records_of(wearer.subject, [RecordKind.DAY])
    assert [item.record["origin"] for item in sealed] == ["IMPORTED", "ATTESTED"]
    assert house.builder.waiting(Kind.READING) == (4, 1)


@pytest.mark.parametrize(("where", "at"), [("spool", 1), ("spool", 2), ("keeper", 1), ("keeper", 2)])
def test_a_crash_while_importing_is_made_up_for(tmp_path: Path, where: str, at: int) -> None:
    house = House(tmp_path)
    wearer, record = Wearer.new(), imported(DAY, [100] * 100)
    parts: dict[str, Any] = {"spool": house.spool, "keeper": house.keeper}
    parts[where] = Faulty(parts[where], at, after=True)
    closer = DayCloser(parts["spool"], parts["keeper"], Rewards(house.ledger, RULES), RULES)
    with pytest.raises(Crash):
        closer.seal_imported(wearer.subject, record)
    house.restart()
    house.oracle.import_day(wearer.subject, record)
    assert len(house.keeper.records) == 1
    assert house.builder.waiting(Kind.READING) == (1, 1)
    house.close()


def test_only_attested_steps_earn() -> None:
    day = DayRecord(Day(1), Origin.ATTESTED, 9_000, 9_000, 90, 80, 0, 0, Gait())
    assert units_of(day, RULES) == 60
    assert units_of(imported(Day(1), [100] * 90), RULES) == 0
