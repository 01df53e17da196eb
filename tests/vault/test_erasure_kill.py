"""SIGKILL a process at every step of an erasure, for every cause; it resumes and ends as if nothing had been."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.quantities import Day
from protocol.records import RecordKind
from tests.vault.support import TODAY, Clock, options, scratch, seal_days
from vault import Cause, ErasureTarget, State, Vault, VaultOptions
from vault.folders import Drawer
from vault.holds.officer import write_officer_key
from vault.holds.silo import Reader, Silo
from vault.paths import period_of, period_path

LETTER = b"a letter that nobody could deliver"


def prepared(home: Path) -> None:
    """Anna and Ben, a drawer with a letter of each, a silo, and a law that keeps something of Anna."""
    home.parent.mkdir(exist_ok=True)
    public = write_officer_key(home.parent / "officer.key")
    with Vault.create(home, options()) as vault:
        Silo.create(vault.silo_directory, public, options()).close()
        letters = drawer(vault)
        for name in ("anna", "ben"):
            subject = vault.identity.enroll(name, [name.encode()])
            seal_days(vault, subject, 2)
            seal_days(vault, subject, 1, Day(TODAY - 40))
            letters.put(subject, LETTER)
        kinds = frozenset({RecordKind.DAY})
        anna = vault.identity.subject_of("anna")
        assert anna is not None
        vault.holds.place(anna, "COURT_EVIDENCE", Day(TODAY + 100), "clerk", kinds)


def drawer(vault: Vault) -> Drawer:
    found = Drawer("dead letters", vault.directory.with_name("letters"), vault.tag_key_of)
    vault.erasures.register(found)
    return found


def target_of(vault: Vault, cause: Cause) -> ErasureTarget:
    if cause is Cause.RETENTION_END:
        return ErasureTarget(None, (period_path(0, period_of(TODAY)),))
    anna = vault.identity.subject_of("anna")
    assert anna is not None
    return vault.target_of(anna)


def erase(home: Path, cause: Cause, opened: VaultOptions) -> None:
    """What the process does that is killed: request and run."""
    with Vault.open(home, opened) as vault:
        drawer(vault)
        erasure = vault.erasures.request(cause, target_of(vault, cause), "request-1")
        vault.erasures.run(erasure.id, identity_verified=True)


def killed(act: Callable[[], None]) -> bool:
    """Do it in a process of its own; was that killed?"""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def killing(at: int) -> VaultOptions:
    """Options under which the process kills itself, as kill -9 would, at a step."""
    left = [at]

    def step(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return options(on_step=step)


def outcome(home: Path, cause: Cause) -> dict[str, object]:
    """Everything that may be seen of the end: certificates, who is left, what is kept, clocks, files."""
    with Vault.open(home, options()) as vault:
        letters = drawer(vault)
        (certificate,) = vault.certificates.all()
        body = {name: value for name, value in certificate.body.items() if name != "number"}
        people = {name: vault.identity.subject_of(name) for name in ("anna", "ben")}
        kept = {
            name: [(found.day, found.record) for found in vault.records.records_of(subject)]
            for name, subject in people.items()
            if subject is not None
        }
        notes = {name: len(letters.names(subject)) for name, subject in people.items() if subject is not None}
        with vault.open_silo() as silo:
            held = [(found.basis, found.until, found.rows) for found in silo.all()]
        assert not vault.status().locked
        assert len(vault._root.epochs()) == 1
        assert vault._rows.rows("SELECT ticket, ticket_path FROM erasure") == [(None, None)]
        running = [(clock.kind, clock.due_at) for clock in vault.erasures.deadlines.running()]
    return {"body": body, "kept": kept, "letters": notes, "held": held, "clocks": running, "cause": cause}


@pytest.mark.parametrize("cause", list(Cause))
def test_killed_at_every_step_it_ends_as_if_it_had_not_been(cause: Cause) -> None:
    with scratch() as place:
        before, home = place / "before", place / "now"
        prepared(before / "vault")
        steps: list[str] = []
        shutil.copytree(before, home)
        erase(home / "vault", cause, options(on_step=steps.append))
        expected = outcome(home / "vault", cause)
        assert expected["held"], "the hold has to be in play"
        for at, step in enumerate(steps):
            shutil.rmtree(home)
            shutil.copytree(before, home)
            assert killed(lambda at=at: erase(home / "vault", cause, killing(at))), step  # type: ignore[misc]
            check_between(home / "vault", cause, step)
            assert outcome(home / "vault", cause) == expected, step
    assert len(steps) >= 30


def check_between(home: Path, cause: Cause, step: str) -> None:
    """Started again after the kill: nothing is certified before its end, reading stays stopped, and it goes on."""
    with Vault.open(home, options()) as vault:
        drawer(vault)
        (erasure,) = vault.erasures.unfinished() or [vault.erasures.find("request-1")]
        assert erasure is not None, step
        assert bool(vault.certificates.all()) == erasure.state.final == (step == State.PARTIAL_RETAINED), step
        if not erasure.state.final and erasure.state is not State.VERIFIED:
            assert vault.erasures.is_stopped(None, target_of_open(vault, erasure.id).prefixes[0]), step
        again = vault.erasures.run(erasure.id, identity_verified=True)
        assert vault.erasures.run(again.id, identity_verified=True) == again
        assert len(vault.certificates.all()) == 1, step


def target_of_open(vault: Vault, erasure_id: str) -> ErasureTarget:
    found = vault.erasures._table.target(erasure_id)
    assert found is not None
    return found


def test_the_silo_has_what_the_law_keeps_and_only_the_officer_reads_it() -> None:
    with scratch() as place:
        home = place / "vault"
        prepared(home)
        erase(home, Cause.CONTRACT_END, options())
        key = (place / "officer.key").read_bytes()
        with Silo(place / "vault-silo", options(clock=Clock())) as silo:
            found = silo.read(Reader("Kim", key, "order 2026-1 of the court"))
            assert [(each.person, each.day, each.record["steps"]) for each in found] == [
                ("anna", TODAY - 40, 1000), ("anna", TODAY, 1000), ("anna", TODAY + 1, 1001),
            ]  # fmt: skip
