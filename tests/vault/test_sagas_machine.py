"""Erasures against a model: requests, refusals, silent stores, holds, crashes, restores, and people who come again."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, SubjectId
from protocol.records import RecordKind
from tests.vault.support import MEMORY, TODAY, Clock, Crash, options, seal_days
from vault import Cause, ErasureTarget, State, Vault, VaultError, VaultOptions
from vault.holds.officer import write_officer_key
from vault.holds.silo import Silo

NAMES = st.sampled_from(["anna", "ben", "cleo"])
CAUSES = st.sampled_from([Cause.ERASURE_REQUEST, Cause.CONSENT_WITHDRAWN, Cause.CONTRACT_END, Cause.PURPOSE_ACHIEVED])
UNTIL = Day(TODAY + 300)
DAYS = frozenset({RecordKind.DAY})


@dataclass
class Person:
    """What the model knows of somebody who is enrolled."""

    subject: SubjectId
    records: int = 0
    held: bool = False
    erasure: str | None = None


@dataclass
class Cache:
    """A store of somebody else's, which may not answer."""

    entries: set[SubjectId] = field(default_factory=set)
    answers: bool = True
    name: str = "cache"
    method: str = "deleted"
    proof: str = "asked again"

    def count(self, target: ErasureTarget) -> int:
        if not self.answers:
            raise ConnectionError("no answer")
        return int(target.subject in self.entries)

    def erase(self, target: ErasureTarget) -> None:
        if target.subject is not None:
            self.entries.discard(target.subject)

    def absent(self, target: ErasureTarget) -> bool:
        return target.subject not in self.entries


class Sagas(RuleBasedStateMachine):
    """One vault, its model, a store elsewhere and a silo."""

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.home = self.place / "vault"
        self.people: dict[str, Person] = {}
        self.gone: set[SubjectId] = set()
        self.certificates = self.kept = 0
        self.cache, self.clock, self.steps_left = Cache(), Clock(), -1
        Vault.create(self.home, self.options()).close()
        officer = write_officer_key(self.place / "officer.key")
        Silo.create(self.place / "vault-silo", officer, self.options()).close()
        self.saved: tuple[dict[str, Person], int] | None = None
        self.open()

    def options(self) -> VaultOptions:
        return options(clock=self.clock, on_step=self.step)

    def step(self, _: str) -> None:
        self.steps_left -= 1
        if self.steps_left == 0:
            raise Crash

    def open(self) -> None:
        self.vault = Vault.open(self.home, self.options())
        self.vault.erasures.register(self.cache)

    @property
    def quiet(self) -> bool:
        """Is no erasure open?"""
        return all(person.erasure is None for person in self.people.values())

    @rule(name=NAMES)
    def enrol(self, name: str) -> None:
        if name in self.people:
            return
        subject = self.vault.identity.enroll(name, [name.encode()])
        assert subject not in self.gone
        self.people[name] = Person(subject)
        self.cache.entries.add(subject)

    @rule(name=NAMES, count=st.integers(1, 3))
    def seal(self, name: str, count: int) -> None:
        person = self.people.get(name)
        if person is None:
            return
        if person.erasure is not None:
            with pytest.raises(VaultError, match=r"ERASURE_UNDER_WAY|SUBJECT_UNKNOWN"):
                seal_days(self.vault, person.subject, count)
            return
        seal_days(self.vault, person.subject, count)
        person.records += count

    @rule(name=NAMES)
    def hold(self, name: str) -> None:
        person = self.people.get(name)
        if person is not None and person.erasure is None:
            self.vault.holds.place(person.subject, "COURT_EVIDENCE", UNTIL, "clerk", DAYS)
            person.held = True

    @rule(name=NAMES, cause=CAUSES)
    def request(self, name: str, cause: Cause) -> None:
        person = self.people.get(name)
        if person is None or self.vault.identity.subject_of(name) is None:
            return
        erasure = self.vault.request_erasure(person.subject, cause).id
        assert person.erasure in (None, erasure)
        person.erasure = erasure

    @rule(name=NAMES)
    def take_back(self, name: str) -> None:
        person = self.people.get(name)
        if person is None or person.erasure is None:
            return
        if self.vault.erasures.get(person.erasure).state is State.REQUESTED:
            self.vault.erasures.cancel(person.erasure)
            person.erasure = None
        else:
            with pytest.raises(VaultError, match="ERASURE_BEGUN"):
                self.vault.erasures.cancel(person.erasure)

    @rule()
    def the_store_falls_silent_or_answers(self) -> None:
        self.cache.answers = not self.cache.answers

    @rule(name=NAMES, verified=st.booleans(), crash_after=st.integers(0, 60))
    def run(self, name: str, verified: bool, crash_after: int) -> None:
        person = self.people.get(name)
        if person is None or person.erasure is None:
            return
        before = self.vault.erasures.get(person.erasure)
        self.steps_left = crash_after or -1
        try:
            self.vault.erasures.run(person.erasure, identity_verified=verified)
        except Refusal as refused:
            self.check_refusal(refused, before.state, before.cause, verified)
        except Crash:
            self.vault.close()
            self.steps_left = -1
            self.open()
        self.steps_left = -1
        self.settle()

    def check_refusal(self, refused: Refusal, state: State, cause: Cause, verified: bool) -> None:
        if refused.refusal is RefusalCode.IDENTITY_UNVERIFIED:
            assert (state, cause.needs_identity, verified) == (State.REQUESTED, True, False)
        else:
            assert (refused.refusal, refused.detail) == (RefusalCode.STORE_UNREACHABLE, "cache")
            assert not self.cache.answers

    @rule(name=NAMES, cause=CAUSES, hold=st.booleans())
    def live_and_be_erased(self, name: str, cause: Cause, hold: bool) -> None:
        """A whole life in one step, so that generated lives reach their end often."""
        self.enrol(name)
        self.seal(name, 1)
        if hold:
            self.hold(name)
        self.request(name, cause)
        self.run(name, True, 0)

    @rule()
    def resume(self) -> None:
        self.vault.erasures.resume()
        self.settle()

    def settle(self) -> None:
        """Take into the model which erasures are over, and check what their certificates say."""
        for name, person in list(self.people.items()):
            if person.erasure is None or not self.vault.erasures.get(person.erasure).state.final:
                continue
            body = self.vault.erasures.certificate_of(self.vault.erasures.get(person.erasure)).body
            keeps = person.held and person.records > 0
            assert body["state"] == (State.PARTIAL_RETAINED if keeps else State.CERTIFIED)
            assert body["salts_destroyed"] == person.records
            self.certificates += 1
            self.kept += person.records if keeps else 0
            self.gone.add(person.subject)
            assert person.subject not in self.cache.entries
            del self.people[name]

    @precondition(lambda self: self.quiet)
    @rule()
    def back_up(self) -> None:
        self.vault.close()
        shutil.rmtree(self.place / "saved", ignore_errors=True)
        for store in ("records", "identity"):
            shutil.copytree(self.home / store, self.place / "saved" / store)
        people = {name: Person(each.subject, each.records, each.held) for name, each in self.people.items()}
        self.saved = people, self.certificates
        self.open()

    @precondition(lambda self: self.quiet and self.saved is not None)
    @rule()
    def restore(self) -> None:
        """Yesterday's records and identity map beside today's keys: nothing erased comes back."""
        assert self.saved is not None
        self.vault.close()
        for store in ("records", "identity"):
            shutil.rmtree(self.home / store)
            shutil.copytree(self.place / "saved" / store, self.home / store)
        people, self.certificates = self.saved
        back = {each.subject for each in people.values()} & self.gone
        self.people = {
            name: Person(each.subject, each.records, each.held)
            for name, each in people.items()
            if each.subject not in self.gone
        }
        self.open()
        if back:
            assert self.vault.status().locked
            with pytest.raises(Refusal, match="SERVICE_LOCKED_PENDING_REPLAY"):
                self.vault.identity.subject_of("anna")
        self.vault.replay()

    @invariant()
    def who_is_there_has_everything_and_who_is_gone_nothing(self) -> None:
        assert not self.vault.status().locked
        for name, person in self.people.items():
            if person.erasure is None:
                assert self.vault.identity.subject_of(name) == person.subject
                assert len(list(self.vault.records.records_of(person.subject))) == person.records
        for subject in self.gone:
            assert subject not in self.vault.identity
        assert len(self.vault.certificates.all()) == self.certificates
        assert len(self.vault._root.epochs()) == 1
        assert len(self.vault.holds.placed()) == 0 or any(person.held for person in self.people.values())

    @invariant()
    def the_silo_keeps_what_the_law_keeps(self) -> None:
        with self.vault.open_silo() as silo:
            assert sum(held.rows for held in silo.all()) >= self.kept

    def teardown(self) -> None:
        self.vault.close()
        shutil.rmtree(self.place)


TestSagas = Sagas.TestCase
TestSagas.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
