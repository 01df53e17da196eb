import datetime as dt

import pytest

from protocol.calendar import day_from_date
from protocol.quantities import Day
from protocol.records import RecordKind
from vault import Hold, VaultError
from vault.holds.bases import BASES, LIST_HASH, basis_of, check_hold, last_day

OPEN = day_from_date(dt.date(2024, 2, 29))


def test_the_list_is_closed_and_dated() -> None:
    assert len({(basis.code, basis.since) for basis in BASES}) == len(BASES)
    assert all(basis.law and basis.keeps and basis.years > 0 for basis in BASES)
    assert all(RecordKind.PROOF not in basis.keeps for basis in BASES)
    assert len(LIST_HASH) == 32


@pytest.mark.parametrize("code", ["because", "", "medical_record"])
def test_free_text_is_no_basis(code: str) -> None:
    with pytest.raises(VaultError, match="BASIS_UNKNOWN"):
        basis_of(code, OPEN)
    with pytest.raises(VaultError, match="BASIS_UNKNOWN"):
        check_hold(Hold(code, OPEN))


def test_a_basis_counts_from_its_day() -> None:
    first = day_from_date(BASES[0].since)
    assert basis_of(BASES[0].code, first) is BASES[0]
    with pytest.raises(VaultError, match="BASIS_UNKNOWN"):
        basis_of(BASES[0].code, Day(first - 1))


def test_a_hold_ends_after_its_years_also_on_a_leap_day() -> None:
    court = basis_of("COURT_EVIDENCE", OPEN)
    assert last_day(court, OPEN) == day_from_date(dt.date(2029, 3, 1))
    assert last_day(court, Day(OPEN + 1)) == day_from_date(dt.date(2029, 3, 1))
