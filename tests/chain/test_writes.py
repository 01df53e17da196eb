from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain import writes
from chain.writes import RsaValue, Signature, Word, Write, check
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Address
from protocol.typed_data import Consent, Contract

ACCOUNT = Address("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")
WORD = Word(range(32))
SIGNATURE = Signature(65)
CONSENT = Consent(WORD, ACCOUNT, 1, 2)
CONTRACT = Contract(WORD, ACCOUNT, ACCOUNT, ACCOUNT, 1, 2)
EXAMPLES: list[Write] = [
    writes.Anchor(1, 20_000, WORD, 5, WORD),
    writes.Redeem(202611005, ACCOUNT, (WORD,) * 8, (RsaValue(256),) * 8),
    writes.Transfer(ACCOUNT, 5),
    writes.Burn(5),
    writes.GiveConsent.of(CONSENT, SIGNATURE),
    writes.ConcludeContract.of(CONTRACT, SIGNATURE, SIGNATURE, SIGNATURE),
    writes.RevokeConsent.of(CONSENT, 9, SIGNATURE),
    writes.Propose(writes.CloseSeries(202611005, 900), WORD),
    writes.Approve(WORD),
    writes.Execute(writes.SetRules(WORD), WORD),
    writes.OpenSeries(202611005, RsaValue(512), 1_000, 5),
    writes.CloseSeries(202611005, 900),
    writes.SetRole(WORD, ACCOUNT, True),
    writes.SetRedeemer(ACCOUNT, 3),
    writes.SetRules(WORD),
    writes.SetAllowance(10_000_000),
    writes.DeclareBreach(WORD),
]


def with_each_field(value: Any) -> Iterator[Write]:
    """Every example with one field set to a value."""
    for example in EXAMPLES:
        for field in fields(example):
            yield replace(example, **{field.name: value})


def forbidden(write: Write) -> bool:
    """Is the write refused, and by the right code?"""
    try:
        check(write)
    except Refusal as refusal:
        return refusal.refusal is RefusalCode.ONCHAIN_FIELD_FORBIDDEN
    return False


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda write: type(write).__name__)
def test_what_the_list_names_passes(example: Write) -> None:
    check(example)
    assert example.arguments() == [getattr(example, field.name) for field in fields(example)]


def test_the_list_has_an_example_for_everything_on_it() -> None:
    assert {type(example).__name__ for example in EXAMPLES} == {known.__name__ for known in writes.KNOWN}


@dataclass(frozen=True, slots=True)
class Rumour(Write):
    """Something that was never on the list."""

    CONTRACT: ClassVar[str] = "ReferenceRegistry"
    FUNCTION: ClassVar[str] = "anchor"
    amount: int


class Disguised(writes.Burn):
    """A record of the list with something added."""


class Conspiracy(writes.CloseSeries):
    """A decision of the list with something added."""


@pytest.mark.parametrize(
    "unknown",
    [Rumour(1), Disguised(1), writes.Propose(Conspiracy(1, 2), WORD), object(), {"amount": 1}, None],
    ids=lambda made: type(made).__name__,
)
def test_type_unknown(unknown: Any) -> None:
    with pytest.raises(Refusal) as refused:
        check(unknown)
    assert refused.value.refusal is RefusalCode.TYPE_UNKNOWN


@given(st.text())
def test_onchain_field_forbidden_text(text: str) -> None:
    assert all(forbidden(write) for write in with_each_field(text))


@given(st.binary(max_size=600))
def test_onchain_field_forbidden_plain_bytes(raw: bytes) -> None:
    assert all(forbidden(write) for write in with_each_field(raw))


@given(st.integers(max_value=-1) | st.integers(min_value=2**64) | st.floats() | st.none() | st.lists(st.integers()))
def test_onchain_field_forbidden_numbers_and_shapes(value: Any) -> None:
    assert all(forbidden(write) for write in with_each_field(value))


@given(st.integers(0, 2**64 - 1))
def test_a_number_passes_only_where_a_number_stands(number: int) -> None:
    for example in EXAMPLES:
        for field in fields(example):
            assert forbidden(replace(example, **{field.name: number})) is (field.type is not int)


@pytest.mark.parametrize(("kind", "sizes"), [(Word, {32}), (Signature, {0, 65}), (RsaValue, {256, 384, 512})])
def test_onchain_field_forbidden_lengths(kind: type, sizes: set[int]) -> None:
    """Bytes pass in their own kind of field, and there in their own lengths only."""
    for size in {0, 1, 3, 31, 33, 64, 66, 255, 257, 511, 513, 4_097} | {min(sizes), max(sizes)}:
        for example in EXAMPLES:
            for field in fields(example):
                passes = field.type is kind and size in sizes
                assert forbidden(replace(example, **{field.name: kind(size)})) is not passes


@pytest.mark.parametrize(
    "address",
    [
        "",
        "0x",
        ACCOUNT[:-1],
        ACCOUNT + "0",
        ACCOUNT[2:] + "00",
        "0x" + "g" * 40,
        "0x" + "Kim Minsoo, 010 1234 5678, Seoul, ward 7",
    ],
)
def test_onchain_field_forbidden_addresses(address: str) -> None:
    assert forbidden(writes.Transfer(Address(address), 1))


@given(st.lists(st.one_of(st.just(WORD), st.binary(max_size=40), st.text(max_size=9)), max_size=40))
def test_onchain_field_forbidden_in_a_lot(items: list[Any]) -> None:
    right = all(type(item) is Word for item in items) and len(items) <= 32
    assert forbidden(writes.Redeem(1, ACCOUNT, tuple(items), ())) is not right


def test_the_refusal_names_the_field_and_not_what_it_held() -> None:
    with pytest.raises(Refusal, match=r"Transfer\.amount") as refused:
        check(writes.Transfer(ACCOUNT, "Kim Minsoo"))  # type: ignore[arg-type]
    assert "Kim" not in str(refused.value)


def test_a_truth_is_no_number_and_a_number_no_truth() -> None:
    assert forbidden(writes.Burn(True))
    assert forbidden(writes.SetRole(WORD, ACCOUNT, 1))  # type: ignore[arg-type]
