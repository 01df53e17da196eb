"""Series keys: encrypted at rest, correct or silent, and gone when destroyed."""

from dataclasses import replace
from pathlib import Path

import gmpy2
import pytest

from oracles.series_keys import SeriesKeyError, SeriesKeys
from protocol.vouchers import EXPONENT

SERIES = 202_611_005
WRAPPING = bytes(range(32))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("keys") / "series"
    SeriesKeys(directory, WRAPPING).create(SERIES)
    return directory


def test_a_key_signs_what_its_modulus_verifies(made: Path) -> None:
    keys = SeriesKeys(made, WRAPPING)
    modulus = keys.modulus(SERIES)
    key = keys.key(SERIES)
    assert (len(modulus), key.modulus, key.n.bit_length()) == (256, modulus, 2_048)
    signed = key.sign_blinded(123_456_789)
    assert gmpy2.powmod(signed, EXPONENT, key.n) == 123_456_789
    assert key.sign_blinded(123_456_789) == signed
    assert keys.create(SERIES) == modulus


@pytest.mark.parametrize("blinded", [0, -1, None])
def test_messages_outside_the_modulus_are_refused(made: Path, blinded: int | None) -> None:
    key = SeriesKeys(made, WRAPPING).key(SERIES)
    for message in (key.n if blinded is None else blinded, key.p):
        with pytest.raises(SeriesKeyError, match="MESSAGE_OUT_OF_RANGE"):
            key.sign_blinded(message)


@pytest.mark.parametrize("part", ["d_p", "d_q", "q_inverse"])
def test_a_faulty_computation_answers_nothing(made: Path, part: str) -> None:
    key = SeriesKeys(made, WRAPPING).key(SERIES)
    broken = replace(key, **{part: getattr(key, part) ^ 2})
    with pytest.raises(SeriesKeyError, match="SIGNATURE_FAULT"):
        broken.sign_blinded(42)


def test_the_file_is_private_encrypted_and_bound_to_its_series(made: Path) -> None:
    path = made / f"{SERIES}.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.stat().st_mode & 0o777 == 0o700
    key = SeriesKeys(made, WRAPPING).key(SERIES)
    assert key.p.to_bytes(128, "big") not in path.read_bytes()
    assert str(key.p) not in repr(key)
    with pytest.raises(SeriesKeyError, match="SERIES_KEY_UNREADABLE"):
        SeriesKeys(made, bytes(32)).key(SERIES)
    (made / "7.key").write_bytes(path.read_bytes())
    (made / "7.modulus").write_bytes(key.modulus)
    with pytest.raises(SeriesKeyError, match="SERIES_KEY_UNREADABLE"):
        SeriesKeys(made, WRAPPING).key(7)


def test_a_destroyed_key_is_gone_and_never_replaced(tmp_path: Path) -> None:
    keys = SeriesKeys(tmp_path, WRAPPING)
    modulus = keys.create(9)
    keys.key(9)
    keys.destroy(9)
    keys.destroy(9)
    assert list(tmp_path.iterdir()) == [tmp_path / "9.modulus"]
    assert keys.create(9) == keys.modulus(9) == modulus
    with pytest.raises(SeriesKeyError, match="SERIES_DESTROYED"):
        keys.key(9)


def test_unknown_series_and_wrong_wrapping_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SeriesKeyError, match="SERIES_UNKNOWN"):
        SeriesKeys(tmp_path, WRAPPING).key(1)
    with pytest.raises(SeriesKeyError, match="WRAPPING_KEY_INVALID"):
        SeriesKeys(tmp_path, b"short")
