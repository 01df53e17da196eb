import datetime as dt

import pytest

from protocol.calendar import day_from_date
from protocol.quantities import Day
from protocol.records import RecordKind
from vault import VaultError
from vault.paths import period_of
from vault.retention.policy import RetentionPolicy, first_day


def day(text: str) -> Day:
    return day_from_date(dt.date.fromisoformat(text))


@pytest.mark.parametrize("text", ["2000-01-01", "2026-12-01", "2027-01-01", "2341-03-01"])
def test_a_period_begins_with_its_first_day(text: str) -> None:
    assert first_day(period_of(day(text))) == day(text)


@pytest.mark.parametrize(
    ("today", "due"),
    [
        ("2026-03-31", set()),
        ("2026-04-01", {"MINUTES"}),
        ("2027-01-31", {"MINUTES"}),
        ("2027-02-01", {"MINUTES", "DAY"}),
    ],
)
def test_a_month_is_due_when_it_is_over_for_as_long_as_its_class_is_kept(today: str, due: set[str]) -> None:
    policy = RetentionPolicy({RecordKind.MINUTES: 2, RecordKind.DAY: 12})
    assert policy.due(period_of(day("2026-01-31")), day(today)) == due


def test_what_is_not_named_is_never_due() -> None:
    assert RetentionPolicy().due(1, Day(40_000)) == frozenset()
    assert RetentionPolicy({RecordKind.DAY: 1}).due_on(RecordKind.CONSENT, 1) is None


@pytest.mark.parametrize("months", [{RecordKind.DAY: 0}, {RecordKind.PROOF: 3}])
def test_a_policy_that_makes_no_sense_is_refused(months: dict[RecordKind, int]) -> None:
    with pytest.raises(VaultError, match="RETENTION_INVALID"):
        RetentionPolicy(months)
