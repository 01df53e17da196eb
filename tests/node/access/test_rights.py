"""Rights by method: what grants, what takes away, and that order does not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.access.rights import EVERYTHING, Rights, is_pattern, parse_methods

METHODS = ["eth_call", "eth_chainId", "net_version", "debug_traceCall", "txpool_status", "metrics"]


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [
        (("*",), METHODS),
        ((), []),
        (("eth_*",), ["eth_call", "eth_chainId"]),
        (("net_version",), ["net_version"]),
        (("net_*", "!net_version"), []),
        (("!debug_*", "*"), ["eth_call", "eth_chainId", "net_version", "txpool_status", "metrics"]),
        (("*", "!debug_*", "!txpool_*", "!testing_*"), ["eth_call", "eth_chainId", "net_version", "metrics"]),
        (("!debug_*",), []),
        (("*", "!*"), []),
    ],
)
def test_what_is_allowed(patterns: tuple[str, ...], allowed: list[str]) -> None:
    assert [method for method in METHODS if Rights(patterns).allow(method)] == allowed


PATTERNS = st.lists(st.sampled_from(["*", "eth_*", "!eth_*", "net_version", "!debug_*", "!eth_call", "debug_*"]))


@given(PATTERNS, st.sampled_from(METHODS), st.randoms())
def test_order_does_not_matter_and_a_denial_always_wins(patterns: list[str], method: str, random: object) -> None:
    shuffled = list(patterns)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert Rights(tuple(patterns)).allow(method) == Rights(tuple(shuffled)).allow(method)
    assert not Rights((*patterns, f"!{method}")).allow(method)


def test_patterns_as_an_operator_types_them() -> None:
    assert parse_methods("eth_*, net_version,!debug_*,") == ("eth_*", "net_version", "!debug_*")
    for bad in ("eth_*_x", "e t h", "!!x", "**", "eth-call"):
        with pytest.raises(ValueError, match="no method or pattern"):
            parse_methods(bad)
    assert not is_pattern(5)
    assert not is_pattern("x" * 101)
    assert EVERYTHING.allow("anything_at_all")
