"""Marks and seals: bound to person, purpose and place, and gone with the key."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.errors import OracleError, SubjectGone
from oracles.sealing import CACHED_SUBJECTS, MARK_SIZE, ErasableSeal
from protocol.quantities import SubjectId
from tests.oracles.core_support import TagKeys

ANN, BEN = SubjectId(b"a" * 16), SubjectId(b"b" * 16)


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_what_was_sealed_opens_at_its_place_only(plain: bytes, place: bytes) -> None:
    seal = ErasableSeal(TagKeys())
    sealed = seal.seal(ANN, plain, place)
    assert ErasableSeal(TagKeys()).open(ANN, sealed, place) == plain
    assert seal.seal(ANN, plain, place) != sealed
    for subject, at, data in ((BEN, place, sealed), (ANN, place + b"x", sealed), (ANN, place, sealed[:-1])):
        with pytest.raises(OracleError, match="ROW_DAMAGED"):
            seal.open(subject, data, at)


def test_marks_are_stable_for_a_person_and_differ_between_persons() -> None:
    seal, again = ErasableSeal(TagKeys()), ErasableSeal(TagKeys())
    assert seal.mark(ANN, b"day") == again.mark(ANN, b"day")
    assert len({seal.mark(subject, what) for subject in (ANN, BEN) for what in (b"day", b"dax")}) == 4
    assert len(seal.mark(ANN, b"")) == MARK_SIZE


def test_without_a_key_nothing_is_marked_sealed_or_opened() -> None:
    keys = TagKeys()
    seal = ErasableSeal(keys)
    sealed = seal.seal(ANN, b"plain", b"place")
    keys.erased.add(ANN)
    seal.forget(ANN)
    calls: list[Callable[[], bytes]] = [
        lambda: seal.mark(ANN, b""),
        lambda: seal.seal(ANN, b"", b""),
        lambda: seal.open(ANN, sealed, b"place"),
    ]
    for call in calls:
        with pytest.raises(SubjectGone, match="KEY_ERASED"):
            call()
    assert seal.mark(BEN, b"")


def test_the_key_is_asked_for_once_and_the_memory_of_keys_is_bounded() -> None:
    asked: list[SubjectId] = []

    def tag_key(subject: SubjectId) -> bytes:
        asked.append(subject)
        return bytes(32)

    seal = ErasableSeal(tag_key)
    for _ in range(3):
        seal.mark(ANN, b"")
    assert asked == [ANN]
    for number in range(CACHED_SUBJECTS):
        seal.mark(SubjectId(number.to_bytes(16, "big")), b"")
    assert len(seal._cached) <= CACHED_SUBJECTS
