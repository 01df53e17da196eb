import os
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault.roots.shamir import combine, inverse, multiply, split


@pytest.mark.parametrize(
    ("left", "right", "product"),
    [(0x57, 0x83, 0xC1), (0x57, 0x13, 0xFE), (0x57, 0x02, 0xAE), (0x57, 0x10, 0x07), (0, 0xFF, 0), (1, 0xFF, 0xFF)],
)
def test_products_are_those_of_fips_197(left: int, right: int, product: int) -> None:
    assert multiply(left, right) == multiply(right, left) == product


def test_every_value_but_0_has_an_inverse() -> None:
    assert inverse(0x53) == 0xCA
    assert all(multiply(value, inverse(value)) == 1 for value in range(1, 256))
    assert inverse(0) == 0


def test_shares_of_a_worked_example() -> None:
    shares = split(bytearray(b"\x42"), 2, 3, lambda _: b"\x57")
    assert shares == {1: bytearray(b"\x15"), 2: bytearray(b"\xec"), 3: bytearray(b"\xbb")}
    assert combine({1: shares[1], 3: shares[3]}) == b"\x42"


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 3))
def test_any_threshold_of_shares_rebuilds_the_secret(secret: bytes, threshold: int, more: int) -> None:
    shares = split(bytearray(secret), threshold, threshold + more, os.urandom)
    for chosen in combinations(shares, threshold):
        assert combine({number: shares[number] for number in chosen}) == secret
    assert combine(shares) == secret


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 255))
def test_one_share_of_two_fits_every_secret(share: int, guess: int, number: int) -> None:
    """For each secret there is exactly one polynomial through a known share, so it says nothing."""
    slope = multiply(share ^ guess, inverse(number))
    assert split(bytearray([guess]), 2, 255, lambda _: bytes([slope]))[number] == bytes([share])


def test_coefficients_are_wiped() -> None:
    given = bytearray(b"\x57")
    split(bytearray(b"\x42"), 2, 3, lambda _: given)
    assert given == b"\0"


@pytest.mark.parametrize(("threshold", "count"), [(0, 3), (4, 3), (2, 256)])
def test_impossible_numbers_are_refused(threshold: int, count: int) -> None:
    with pytest.raises(ValueError, match="threshold"):
        split(bytearray(1), threshold, count, os.urandom)
