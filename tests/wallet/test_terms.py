import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.calendar import SECONDS_PER_DAY, SEOUL
from wallet import WalletError, whole_days

NOW = st.integers(0, 2**33)


@given(NOW, st.integers(1, 366))
def test_a_term_begins_and_ends_at_midnight_in_seoul(now: int, days: int) -> None:
    starts, expires = whole_days(now, days)
    assert starts <= now < starts + SECONDS_PER_DAY <= expires == starts + days * SECONDS_PER_DAY
    for end in (starts, expires):
        assert dt.datetime.fromtimestamp(end, SEOUL).time() == dt.time(0)


@given(NOW, st.integers(0, SECONDS_PER_DAY - 1))
def test_all_who_sign_on_a_day_get_the_same_term(now: int, later: int) -> None:
    starts, expires = whole_days(now, 28)
    assert whole_days(starts + later, 28) == (starts, expires)


@pytest.mark.parametrize("days", [0, -1])
def test_no_day_is_no_term(days: int) -> None:
    with pytest.raises(WalletError, match="TERM_EMPTY"):
        whole_days(1_700_000_000, days)
