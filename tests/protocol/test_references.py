import hashlib
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Salt
from protocol.references import MIN_DISTINCT_SALT_BYTES, SALT_SIZE, Kind, Opening, check_salt, reference_of

SALTS = st.permutations(range(256)).map(lambda values: bytes(values[:SALT_SIZE]))
SALT = bytes(range(64))


@given(st.binary(), SALTS, SALTS)
def test_the_same_record_twice_gives_two_references(record: bytes, one: bytes, other: bytes) -> None:
    same = reference_of(Kind.READING, one, record) == reference_of(Kind.READING, other, record)
    assert same is (one == other)


@given(st.binary(), SALTS)
def test_kinds_are_separate(record: bytes, salt: bytes) -> None:
    references = [reference_of(kind, salt, record) for kind in Kind]
    assert all(one != other for one, other in combinations(references, 2))
    assert {len(reference) for reference in references} == {32}


@given(st.binary(), st.binary(), SALTS)
def test_another_record_gives_another_reference(one: bytes, other: bytes, salt: bytes) -> None:
    assert (reference_of(Kind.READING, salt, one) == reference_of(Kind.READING, salt, other)) is (one == other)


def test_the_formula_is_the_documented_one() -> None:
    written_out = hashlib.sha256(b"tideprint/reference/1" + b"\x03" + SALT + b"{}").digest()
    assert reference_of(Kind.ERASURE, SALT, b"{}") == written_out
    assert written_out != hashlib.sha256(b"\x03" + SALT + b"{}").digest()


@given(st.sampled_from(Kind), SALTS, st.binary())
def test_an_opening_recomputes_its_reference(kind: Kind, salt: bytes, record: bytes) -> None:
    assert Opening(kind, Salt(salt), record).reference == reference_of(kind, salt, record)


WEAK = {
    "empty": b"",
    "short": SALT[:-1],
    "long": SALT + b"\x00",
    "zeros": bytes(SALT_SIZE),
    "text": b"ab" * 32,
    "one value short": bytes(index % (MIN_DISTINCT_SALT_BYTES - 1) for index in range(SALT_SIZE)),
}


@pytest.mark.parametrize("salt", WEAK.values(), ids=WEAK.keys())
def test_salt_weak(salt: bytes) -> None:
    for attempt in (lambda: check_salt(salt), lambda: reference_of(Kind.READING, salt, b"{}")):
        with pytest.raises(Refusal) as refused:
            attempt()
        assert refused.value.refusal is RefusalCode.SALT_WEAK
        assert salt.hex() not in str(refused.value) or not salt


@given(SALTS)
def test_a_random_salt_is_taken_as_it_is(salt: bytes) -> None:
    assert check_salt(salt) == salt


def test_the_least_varied_salt_that_passes() -> None:
    salt = bytes(index % MIN_DISTINCT_SALT_BYTES for index in range(SALT_SIZE))
    assert check_salt(salt) == salt


def test_kinds_carry_the_numbers_of_the_contract() -> None:
    assert {kind.name: kind.value for kind in Kind} == {
        "READING": 1, "AUDIT": 2, "ERASURE": 3, "ISSUANCE": 4, "DOSSIER": 5
    }  # fmt: skip
