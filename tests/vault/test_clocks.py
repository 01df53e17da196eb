import datetime as dt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.calendar import SEOUL, date_of, day_of
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds
from tests.vault.support import Clock, options, seal_days
from vault import Cause, Vault, VaultError
from vault.clocks import NEARLY, STEP_BACK_ALLOWED, ClockKind, Urgency, due

DAY = 86_400


def requested(vault: Vault) -> str:
    anna = vault.identity.enroll("anna", [])
    seal_days(vault, anna, 1)
    return vault.request_erasure(anna, Cause.ERASURE_REQUEST).id


@given(st.integers(1_600_000_000, 2_500_000_000), st.sampled_from(list(ClockKind)))
def test_the_last_day_ends_at_midnight_in_seoul(at: int, kind: ClockKind) -> None:
    end = dt.datetime.fromtimestamp(due(kind, Seconds(at)), SEOUL)
    assert (end.hour, end.minute, end.second) == (0, 0, 0)
    assert end.date() - date_of(day_of(Seconds(at))) == dt.timedelta(days=kind.days + 1)


def test_clocks_run_stop_and_become_urgent(home: Path) -> None:
    clock = Clock()
    with Vault.create(home, options(clock=clock)) as vault:
        erasure = requested(vault)
        deadlines = vault.erasures.deadlines
        assert [(found.kind, found.urgency) for found in deadlines.running()] == [
            (ClockKind.ERASE, Urgency.RUNNING), (ClockKind.NOTICE, Urgency.RUNNING),
        ]  # fmt: skip
        end = deadlines.running()[0].due_at
        for at, urgency in (
            (end - NEARLY - 1, Urgency.RUNNING),
            (end - NEARLY, Urgency.NEARLY_OVERDUE),
            (end - 1, Urgency.NEARLY_OVERDUE),
            (end, Urgency.OVERDUE),
        ):
            clock.at = at
            assert deadlines.running()[0].urgency is urgency
        assert (vault.status().overdue, vault.status().nearly_overdue) == (1, 0)
        vault.erasures.run(erasure, identity_verified=True)
        assert [found.kind for found in deadlines.running()] == [ClockKind.NOTICE]
        assert (vault.status().overdue, vault.status().missed) == (0, 1)
        deadlines.meet(erasure, ClockKind.NOTICE)
        with pytest.raises(VaultError, match="CLOCK_UNKNOWN"):
            deadlines.meet(erasure, ClockKind.NOTICE)
        deadlines.begin(erasure, ClockKind.APPEAL, Seconds(clock.at))
        deadlines.begin(erasure, ClockKind.APPEAL, Seconds(clock.at))
        assert [found.kind for found in deadlines.running()] == [ClockKind.APPEAL]


def test_a_request_taken_back_has_no_clock(vault: Vault) -> None:
    erasure = requested(vault)
    vault.erasures.cancel(erasure)
    assert vault.erasures.deadlines.running() == []


def test_causes_that_nobody_asked_for_need_no_notice(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [])
    vault.request_erasure(anna, Cause.CONTRACT_END)
    assert [found.kind for found in vault.erasures.deadlines.running()] == [ClockKind.ERASE]


def test_the_clock_runs_from_the_cause_and_the_certificate_says_so(home: Path) -> None:
    clock = Clock()
    with Vault.create(home, options(clock=clock)) as vault:
        anna = vault.identity.enroll("anna", [])
        cause_at = Seconds(clock.at - 20 * DAY)
        erasure = vault.request_erasure(anna, Cause.CONTRACT_END, cause_at=cause_at)
        assert vault.status().overdue == 1
        body = vault.erasures.certificate_of(vault.erasures.run(erasure.id)).body
        assert (body["cause_at"], body["due_at"]) == (cause_at, due(ClockKind.ERASE, cause_at))
        late = vault.erasures.request(Cause.CONTRACT_END, vault.target_of(vault.identity.enroll("ben", [])))
        assert late.cause_at == clock.at


def test_a_clock_set_back_is_refused_also_after_a_restart(home: Path) -> None:
    clock = Clock()
    with Vault.create(home, options(clock=clock)) as vault:
        erasure = requested(vault)
        clock.at -= STEP_BACK_ALLOWED
        assert vault.clock() == clock.at + STEP_BACK_ALLOWED
        clock.at -= 1
        with pytest.raises(Refusal) as refused:
            vault.erasures.run(erasure, identity_verified=True)
        assert refused.value.refusal is RefusalCode.CLOCK_UNTRUSTED
    with Vault.open(home, options(clock=clock)) as vault:
        with pytest.raises(Refusal, match="CLOCK_UNTRUSTED"):
            vault.request_erasure(vault.identity.enroll("ben", []), Cause.CONTRACT_END)
        assert vault.certificates.all() == []
        with pytest.raises(Refusal, match="CLOCK_UNTRUSTED"):
            vault.status()
        clock.at += DAY
        assert len(vault.erasures.resume()) == 1
        assert len(vault.certificates.all()) == 1
