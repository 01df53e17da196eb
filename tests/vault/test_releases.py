"""count(releases) = count(valid consents used), against a small model; and the book of uses by itself."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.agreements import AgreementState
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day
from protocol.records import RecordKind
from tests.vault.gate_house import House
from tests.vault.support import scratch
from vault.envelope import RecordId
from vault.paths import Path as TreePath
from vault.releases import ReleaseBook, filtered
from vault.stores import ErasureTarget

ONE, OTHER = RecordId("000ab000000100"), RecordId("000ab000000200")


@pytest.fixture
def book(tmp_path: Path) -> Iterator[ReleaseBook]:
    opened = ReleaseBook(tmp_path / "releases.db", create=True)
    yield opened
    opened.close()


def test_uses_count_up_to_the_limit_for_each_consent(book: ReleaseBook) -> None:
    for _ in range(2):
        book.take(ONE, 2)
    with pytest.raises(Refusal) as caught:
        book.take(ONE, 2)
    assert caught.value.refusal is RefusalCode.USES_EXHAUSTED
    book.take(OTHER, 2)
    assert (book.used(ONE), book.used(OTHER)) == (2, 1)


def test_no_limit_means_no_limit(book: ReleaseBook) -> None:
    for _ in range(5):
        book.take(ONE, 0)
    assert book.used(ONE) == 5


def test_a_use_given_back_can_be_taken_again(book: ReleaseBook) -> None:
    book.take(ONE, 1)
    book.give_back(ONE)
    book.take(ONE, 1)
    assert book.used(ONE) == 1


def test_of_many_at_once_only_as_many_as_allowed_go_through(book: ReleaseBook) -> None:
    through: list[int] = []

    def ask(number: int) -> None:
        try:
            book.take(ONE, 3)
        except Refusal:
            return
        through.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == book.used(ONE) == 3


def test_counts_go_with_the_path_and_only_with_it(book: ReleaseBook) -> None:
    book.take(ONE, 0)
    book.take(OTHER, 0)
    target = ErasureTarget(None, (TreePath("000ab0000001"),))
    assert book.erasable.count(target) == 1
    assert not book.erasable.absent(target)
    book.erasable.erase(target)
    book.erasable.erase(target)
    assert book.erasable.absent(target)
    assert (book.used(ONE), book.used(OTHER)) == (0, 1)


def test_filtering_keeps_order_days_and_only_the_fields_asked_for() -> None:
    days: list[tuple[Day, dict[str, Any]]] = [
        (Day(3), {"steps": 30, "gait": {}}),
        (Day(1), {"steps": 10, "minutes": 1}),
    ]
    assert filtered(days, ("steps", "minutes")) == ({"day": 1, "steps": 10, "minutes": 1}, {"day": 3, "steps": 30})


class ReleasesMachine(RuleBasedStateMachine):
    """Consents are given, used, withdrawn and run out; the chain comes and goes. The model is three small maps."""

    def __init__(self) -> None:
        super().__init__()
        self._scratch = scratch()
        self.house = House(self._scratch.__enter__())
        self.limits: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.withdrawn: set[int] = set()
        self.consents: list[Any] = []
        self.released = 0

    @initialize()
    def conclude(self) -> None:
        self.contract = self.house.contract()

    @precondition(lambda self: len(self.consents) < 4)
    @rule(limit=st.integers(0, 2), days=st.integers(1, 3))
    def give(self, limit: int, days: int) -> None:
        now = self.house.clock.at
        number, ends = len(self.consents), now + days * 3_600
        self.consents.append(self.house.consent(max_uses=limit, starts=now, expires=ends))
        self.limits[number], self.used[number], self.ends[number] = limit, 0, ends

    @precondition(lambda self: self.consents)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(range(len(self.consents))))
        self.house.registry.states[self.consents[number].id] = AgreementState.REVOKED
        self.withdrawn.add(number)

    @rule(hours=st.integers(1, 2))
    def wait(self, hours: int) -> None:
        self.house.clock.at += hours * 3_600

    @rule(up=st.booleans())
    def chain(self, up: bool) -> None:
        self.house.registry.trouble = None if up else ConnectionError("no route")

    @precondition(lambda self: self.consents)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(range(len(self.consents))))
        expected = self._expected(number)
        request = self.house.request(self.consents[number], self.contract)
        if expected != "ALLOWED":
            with pytest.raises(Refusal, match=expected):
                self.house.gate.release(request)
            return
        self.house.gate.release(request)
        self.used[number] += 1
        self.released += 1

    def _expected(self, number: int) -> str:
        if self.house.registry.trouble:
            return "STORE_UNREACHABLE"
        if number in self.withdrawn:
            return "CONSENT_REVOKED"
        if self.house.clock.at >= self.ends[number]:
            return "CONSENT_EXPIRED"
        if self.limits[number] and self.used[number] >= self.limits[number]:
            return "USES_EXHAUSTED"
        return "ALLOWED"

    @invariant()
    def releases_are_valid_consents_used(self) -> None:
        counted = sum(self.house.releases.used(consent.record_id) for consent in self.consents)
        receipts = list(self.house.vault.records.records_of(self.house.patient, {RecordKind.RELEASE}))
        assert self.released == counted == sum(self.used.values()) == len(receipts)
        assert self.house.decisions().count("ALLOWED") == self.released

    def teardown(self) -> None:
        assert self.house.log.verify().count == len(self.house.decisions())
        self.house.close()
        self._scratch.__exit__(None, None, None)


TestReleases = ReleasesMachine.TestCase
TestReleases.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
