import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.calendar import day_from_date
from vault.errors import VaultError
from vault.paths import (
    DEPTH,
    FAN_OUT,
    leaf_index,
    leaf_path,
    leaf_range,
    node_id,
    parse,
    period_of,
    period_path,
    record_path,
    subject_path,
)

leaves = st.integers(0, FAN_OUT**DEPTH - 1)


@given(leaves)
def test_leaf_and_index_are_one_to_one(index: int) -> None:
    assert leaf_index(leaf_path(index)) == index


@given(leaves, st.integers(1, DEPTH))
def test_a_prefix_holds_exactly_the_leaves_that_start_with_it(index: int, length: int) -> None:
    prefix = parse(leaf_path(index)[:length])
    first, end = leaf_range(prefix)
    assert first <= index < end
    assert leaf_path(first).startswith(prefix)
    assert leaf_path(end - 1).startswith(prefix)
    assert end - first == FAN_OUT ** (DEPTH - length)


def test_node_ids_are_dense_and_distinct() -> None:
    numbers = [node_id(level, index) for level in range(3) for index in range(FAN_OUT**level)]
    assert numbers == list(range(len(numbers)))


def test_a_path_reads_tenant_period_subject_record() -> None:
    period = period_path(1, period_of(day_from_date(dt.date(2026, 11, 30))))
    assert record_path(subject_path(period, 2), 3) == "01" + "143" + "00002" + "0003"


def test_periods_change_with_the_month_in_seoul() -> None:
    last, first = day_from_date(dt.date(2026, 11, 30)), day_from_date(dt.date(2026, 12, 1))
    assert period_of(first) == period_of(last) + 1


@pytest.mark.parametrize("text", ["", "g", "0" * 15, "AB", "0 "])
def test_anything_else_is_no_path(text: str) -> None:
    with pytest.raises(VaultError, match="PATH_INVALID"):
        parse(text)


def test_a_prefix_is_no_leaf() -> None:
    with pytest.raises(VaultError, match="PATH_INVALID"):
        leaf_index(parse("00"))


@pytest.mark.parametrize("slot", [-1, FAN_OUT**5])
def test_a_level_has_no_more_slots_than_its_digits_say(slot: int) -> None:
    with pytest.raises(VaultError, match="SLOTS_EXHAUSTED"):
        subject_path(period_path(0, 1), slot)
