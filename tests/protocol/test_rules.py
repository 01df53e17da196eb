from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.rules import CATEGORY_NUMBERS, Category, Purpose, RewardCurve, RuleSet

CURVE = RewardCurve()
STEPS = st.integers(-1_000, 100_000)


@given(STEPS, STEPS)
def test_more_steps_never_earn_less(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert CURVE.units(fewer) <= CURVE.units(more)


@given(STEPS)
def test_units_are_whole_and_capped(steps: int) -> None:
    units = CURVE.units(steps)
    assert type(units) is int
    assert 0 <= units <= 65
    assert units == CURVE.units(min(steps, 10_000))


@pytest.mark.parametrize(
    ("steps", "units"),
    [
        (-5, 0), (0, 0), (2_000, 0), (2_099, 0), (2_100, 1), (3_000, 10), (6_999, 49), (7_000, 50), (7_199, 50),
        (7_200, 51), (9_999, 64), (10_000, 65), (40_000, 65),
    ],
)  # fmt: skip
def test_the_curve_point_by_point(steps: int, units: int) -> None:
    assert CURVE.units(steps) == units


@given(st.integers(2_000, 9_000))
def test_a_thousand_steps_earn_ten_and_later_five(steps: int) -> None:
    earned = CURVE.units(steps + 1_000) - CURVE.units(steps)
    assert 5 <= earned <= 10
    if steps <= 6_000:
        assert earned == 10
    if steps >= 7_000:
        assert earned == 5


def other(value: Any) -> Any:
    """A value of the same type that is not this one."""
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple):
        return value[1:]
    return value + 1


def changed(rules: Any) -> list[Any]:
    """The rule set with one figure changed, for every figure in it."""
    sets = []
    for field in fields(rules):
        value = getattr(rules, field.name)
        values = changed(value) if is_dataclass(value) else [other(value)]
        sets += [replace(rules, **{field.name: item}) for item in values]
    return sets


def test_the_hash_changes_with_every_figure() -> None:
    sets = [RuleSet(), *changed(RuleSet())]
    assert len(sets) > 20
    assert len({rules.hash() for rules in sets}) == len(sets)
    assert {len(rules.hash()) for rules in sets} == {32}


def test_the_hash_is_the_rule_sets_alone() -> None:
    assert RuleSet().hash() == RuleSet(purposes=tuple(Purpose)).hash()


def test_categories_carry_the_numbers_of_the_contract() -> None:
    assert set(CATEGORY_NUMBERS) == set(Category)
    marks = {Category.CO_PAYMENT: 100, Category.CASH_OUT: 101}
    opened = [number for category, number in CATEGORY_NUMBERS.items() if category not in marks]
    assert sorted(opened) == [1, 2, 3, 4, 5]
    assert {category: CATEGORY_NUMBERS[category] for category in marks} == marks
