import itertools
from pathlib import Path

import pytest

from protocol.calendar import day_of, start_of
from protocol.errors import Refusal
from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import RecordKind
from protocol.references import Kind
from tests.vault.holds_support import scene
from tests.vault.support import Clock, options, seal_days
from vault import AnchorProof, Cause, Draft, ErasureTarget, Vault
from vault.clocks import ClockKind
from vault.paths import period_of
from vault.retention.policy import RetentionPolicy, first_day
from vault.retention.scheduler import LONGEST_PAUSE, Scheduler
from vault.standing import OrderKind

DAY = 86_400
KEEP_MINUTES = RetentionPolicy({RecordKind.MINUTES: 2, RecordKind.DAY: 6})
FIRST = first_day(period_of(day_of(Seconds(1_795_000_000))))
"""The first day of the month in which the clock of the tests stands."""


def at(day: int) -> int:
    """Noon of a day."""
    return start_of(Day(day)) + DAY // 2


def months_later(count: int) -> int:
    return at(first_day(period_of(FIRST) + count))


def sealed(vault: Vault, subject: SubjectId, kind: RecordKind, day: int) -> AnchorProof:
    """A record and the proof of its anchor."""
    (receipt,) = vault.records.seal_many([Draft(subject, kind, Day(day), {"day": day})])
    proof = AnchorProof(receipt.record_id, 1, bytes(32), (bytes(32),))
    vault.records.attach_proofs([proof])
    return proof


def kinds_of(vault: Vault, subject: SubjectId) -> list[str]:
    return sorted(found.kind for found in vault.records.records_of(subject))


def test_classes_end_in_their_own_time_and_whole_months_in_one_epoch(home: Path) -> None:
    with scene(home, KEEP_MINUTES) as now:
        vault, run = now.vault, Scheduler(now.vault)
        anna, ben = vault.identity.enroll("anna", []), vault.identity.enroll("ben", [])
        for subject in (anna, ben):
            for kind in (RecordKind.MINUTES, RecordKind.DAY):
                sealed(vault, subject, kind, FIRST)
        for months, kinds, certificates in ((2, 4, 0), (3, 2, 1), (6, 2, 1), (7, 0, 2)):
            now.clock.at = months_later(months)
            report = run.tick(clock_checked=True)
            assert len(kinds_of(vault, anna)) == len(kinds_of(vault, ben)) == kinds
            assert len(vault.certificates.all()) == certificates
            assert report.well
            assert run.tick().erased == ()
        assert {found.body["cause"] for found in vault.certificates.all()} == {"RETENTION_END"}
        leaves = sorted(found.body["salts_destroyed"] for found in vault.certificates.all())
        assert leaves == [4, 4]
        assert len(vault.identity) == 2


def test_a_class_that_ends_takes_its_proof_and_leaves_its_neighbours(home: Path) -> None:
    with scene(home, KEEP_MINUTES) as now:
        anna = now.vault.identity.enroll("anna", [])
        kept = sealed(now.vault, anna, RecordKind.DAY, FIRST)
        sealed(now.vault, anna, RecordKind.MINUTES, FIRST)
        now.clock.at = months_later(3)
        assert len(Scheduler(now.vault).tick().erased) == 1
        assert kinds_of(now.vault, anna) == ["DAY", "PROOF"]
        assert now.vault.records.proof_of(kept.record_id) == kept
        assert now.vault.records.open(kept.record_id).opening.kind is Kind.READING


def test_the_certificate_counts_from_the_day_the_period_ended(home: Path) -> None:
    with scene(home, RetentionPolicy({RecordKind.DAY: 1})) as now:
        seal_days(now.vault, now.vault.identity.enroll("anna", []), 1, Day(FIRST))
        Scheduler(now.vault).tick()
        now.clock.at = months_later(2) + 20 * DAY
        report = Scheduler(now.vault).tick(clock_checked=True)
        (certificate,) = now.vault.certificates.all()
        assert certificate.body["cause_at"] == start_of(first_day(period_of(FIRST) + 2))
        assert certificate.body["certified_at"] > certificate.body["due_at"]
        assert (report.days_off > 50, now.vault.status().missed) == (True, 1)


def test_agreed_ends_and_the_end_of_the_project(home: Path) -> None:
    last = Day(FIRST + 40)
    with scene(home, RetentionPolicy(project_end=last)) as now:
        people = {name: now.vault.identity.enroll(name, []) for name in ("anna", "ben", "cleo")}
        for subject in people.values():
            seal_days(now.vault, subject, 2, Day(FIRST))
        for name, cause, day in (("anna", Cause.CONTRACT_END, FIRST + 31), ("ben", Cause.PURPOSE_ACHIEVED, FIRST + 33)):
            now.vault.orders.add(OrderKind.END, people[name], {"cause": cause, "day": day})
        for day, left in ((31, 3), (32, 2), (33, 2), (34, 1), (40, 1), (41, 0)):
            now.clock.at = at(FIRST + day)
            assert Scheduler(now.vault).tick().well
            assert len(now.vault.identity) == left, day
        causes = sorted(found.body["cause"] for found in now.vault.certificates.all())
        assert causes == ["CONTRACT_END", "PROJECT_END", "PROJECT_END", "PURPOSE_ACHIEVED"] or causes == [
            "CONTRACT_END", "PROJECT_END", "PURPOSE_ACHIEVED",
        ]  # fmt: skip
        assert now.vault.status().records == 0


def test_a_hold_ends_on_its_day_with_a_certificate_to_be_anchored(home: Path) -> None:
    with scene(home) as now:
        until = Day(day_of(Seconds(now.clock.at)) + 10)
        anna = now.vault.identity.enroll("anna", [])
        seal_days(now.vault, anna, 2)
        now.vault.holds.place(anna, "COURT_EVIDENCE", until, "clerk")
        now.vault.erase(anna, Cause.CONTRACT_END)
        for day, ended in ((until, 0), (until + 1, 1), (until + 2, 0)):
            now.clock.at = at(day)
            assert len(Scheduler(now.vault).tick().holds_ended) == ended
        assert len(now.vault.certificates.pending()) == 2
        with now.silo() as silo:
            (held,) = silo.all()
            assert held.certificate == silo.certificates()[0].number


def test_one_epoch_a_day_and_nothing_twice(home: Path) -> None:
    with scene(home) as now:
        epochs = [now.vault.status().epoch]
        for add in (0, 60, DAY, 0, 3 * DAY):
            now.clock.at += add
            report = Scheduler(now.vault).tick()
            epochs.append(now.vault.status().epoch)
            assert report.refreshed == (epochs[-1] > epochs[-2])
        assert [after - before for before, after in itertools.pairwise(epochs)] == [1, 0, 1, 0, 1]
        assert report.days_off == 2


def test_a_clock_that_leaps_or_runs_back_is_refused(home: Path) -> None:
    with scene(home, RetentionPolicy({RecordKind.DAY: 1})) as now:
        seal_days(now.vault, now.vault.identity.enroll("anna", []), 1)
        run = Scheduler(now.vault)
        run.tick()
        now.clock.at += (LONGEST_PAUSE + 2) * DAY
        with pytest.raises(Refusal, match="CLOCK_UNTRUSTED"):
            run.tick()
        assert now.vault.status().records == 1
        assert run.tick(clock_checked=True).days_off == LONGEST_PAUSE + 1
        now.clock.at -= DAY
        with pytest.raises(Refusal, match="CLOCK_UNTRUSTED"):
            run.tick(clock_checked=True)


class Silent:
    """A store that does not answer until it does."""

    name, method, proof, answers = "cache", "deleted", "asked", False

    def count(self, target: ErasureTarget) -> int:
        if not self.answers:
            raise ConnectionError
        return 0

    def erase(self, target: ErasureTarget) -> None:
        return None

    def absent(self, target: ErasureTarget) -> bool:
        return True


def test_what_fails_is_said_and_tried_again(home: Path) -> None:
    with scene(home) as now:
        anna = now.vault.identity.enroll("anna", [])
        store = Silent()
        now.vault.erasures.register(store)
        now.vault.orders.add(OrderKind.END, anna, {"cause": Cause.CONTRACT_END, "day": FIRST})
        asked = now.vault.request_erasure(now.vault.identity.enroll("ben", []), Cause.ERASURE_REQUEST)
        first = Scheduler(now.vault).tick()
        assert [(failed.code, failed.detail) for failed in first.failed] == [("STORE_UNREACHABLE", "cache")]
        assert not first.well
        assert f"{ClockKind.ERASE} {asked.id}" not in first.overdue
        store.answers = True
        second = Scheduler(now.vault).tick()
        assert ([done.cause for done in second.erased], second.failed) == (["CONTRACT_END"], ())
        now.clock.at += 20 * DAY
        third = Scheduler(now.vault).tick()
        assert f"{ClockKind.ERASE} {asked.id}" in third.overdue


def test_a_run_cut_short_is_done_by_the_next(home: Path) -> None:
    policy = RetentionPolicy({RecordKind.DAY: 1})
    clock = Clock(months_later(0))
    with scene(home, policy, clock) as now:
        seal_days(now.vault, now.vault.identity.enroll("anna", []), 3, Day(FIRST))
    clock.at = months_later(2)
    cut(home, policy, clock)
    with scene(home, policy, clock) as now:
        assert len(Scheduler(now.vault).tick().erased) == 1
        assert now.vault.status().records == 0
        assert Scheduler(now.vault).tick().erased == ()


def cut(home: Path, policy: RetentionPolicy, clock: Clock) -> None:
    def step(name: str) -> None:
        if name == "keys erased":
            raise KeyboardInterrupt

    with (
        Vault.open(home, options(clock=clock, retention=policy, on_step=step)) as vault,
        pytest.raises(KeyboardInterrupt),
    ):
        Scheduler(vault).tick()
