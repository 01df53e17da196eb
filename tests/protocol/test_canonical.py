import json
from collections import deque
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from protocol.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical

WHOLE = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | WHOLE | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.text(), VALUES, max_size=5)


@given(RECORDS, st.randoms())
def test_the_order_of_the_fields_is_irrelevant(record: dict[str, Any], random: Any) -> None:
    items = list(record.items())
    random.shuffle(items)
    assert canonical(dict(items)) == canonical(record)


@given(RECORDS)
def test_the_bytes_say_the_record_and_nothing_else(record: dict[str, Any]) -> None:
    """What can be read back in full cannot be the bytes of another record."""
    assert json.loads(canonical(record)) == record


ASCII = st.text(st.characters(codec="ascii"))


@given(st.dictionaries(ASCII | st.text(), VALUES | ASCII | st.dictionaries(ASCII, ASCII | WHOLE | st.booleans())))
def test_short_cuts_write_what_rfc_8785_says(record: dict[str, Any]) -> None:
    assert canonical(record) == rfc8785.dumps(record)


def test_fields_stand_in_the_order_of_utf_16() -> None:
    """RFC 8785, section 3.2.3: its own example, as far as integers and text go."""
    record = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert [*json.loads(canonical(record)).values()] == [2, 4, 6, 7, 1, 5, 3]


def test_one_and_true_are_two_records() -> None:
    assert canonical({"a": 1}) == b'{"a":1}' != canonical({"a": True})


def test_named_numbers_and_words_are_written_as_what_they_are() -> None:
    class Number(IntEnum):
        TWO = 2

    class Word(StrEnum):
        WALK = "WALK"

    assert canonical(MappingProxyType({"n": Number.TWO, "w": (Word.WALK,)})) == b'{"n":2,"w":["WALK"]}'


@pytest.mark.parametrize(
    "value",
    [
        0.0, 1.5, float("nan"), b"raw", bytearray(b"raw"), memoryview(b"raw"), {1}, deque([1]), range(2), object(),
        MAX_SAFE_INTEGER + 1, -MAX_SAFE_INTEGER - 1, {1: "one"}, "\ud800", {"\udfff": 1}, MappingProxyType({"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_machines_could_read_differently_is_refused(value: Any) -> None:
    for record in ({"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(NotCanonical, match=r"^NOT_CANONICAL: record\.a"):
            canonical(record)


def test_the_error_names_the_place_and_not_the_value() -> None:
    with pytest.raises(NotCanonical) as refused:
        canonical({"gait": [1, {"cadence": 97.7}]})
    assert "record.gait[1].cadence" in str(refused.value)
    assert "97.7" not in str(refused.value)
