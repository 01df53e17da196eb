"""A canary is found wherever it lies, and nothing else is."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from audit import Canaries

CANARY = bytes(range(40, 60))


def watching(*canaries: bytes) -> Canaries:
    watched = Canaries()
    for number, data in enumerate(canaries):
        watched.add(f"canary {number}", data)
    return watched


@given(before=st.binary(max_size=40), after=st.binary(max_size=40), start=st.integers(0, 12))
def test_any_run_of_eight_bytes_is_found(before: bytes, after: bytes, start: int) -> None:
    assert watching(CANARY).found_in(before + CANARY[start : start + 8] + after) == {"canary 0"}


def test_seven_bytes_are_not_enough() -> None:
    assert watching(CANARY).found_in(bytes(9) + CANARY[:7] + bytes(9)) == set()


@given(data=st.binary(max_size=200))
def test_what_is_not_there_is_not_found(data: bytes) -> None:
    windows = {CANARY[start : start + 8] for start in range(len(CANARY) - 7)}
    really = any(data[start : start + 8] in windows for start in range(len(data)))
    assert bool(watching(CANARY).found_in(data)) == really


def test_padding_is_no_canary() -> None:
    watched = watching(bytes(64), b"\x01" * 30)
    assert watched.windows == 0
    assert watched.found_in(bytes(100)) == set()


def test_several_canaries_are_told_apart() -> None:
    other = bytes(range(100, 120))
    assert watching(CANARY, other).found_in(CANARY + bytes(5) + other) == {"canary 0", "canary 1"}
    assert watching(CANARY, other).found_in(other) == {"canary 1"}


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), canary=st.binary(min_size=8, max_size=65))
def test_an_identifier_is_found_as_text(before: bytes, after: bytes, canary: bytes) -> None:
    watched = Canaries()
    watched.add_all([("identifier", canary)])
    assert watched.found_in(b'{"subject": "' + canary.hex().encode() + b'"}')
    assert watched.found_in(canary.hex().upper().encode())
    assert watched.found_in(base64.b64encode(before + canary + after))
