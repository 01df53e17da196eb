from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from vault.errors import StoreUnavailable
from vault.holds.officer import public_key_of, read_officer_key, seal_to, unseal_with, write_officer_key


def test_only_the_officer_opens_and_only_in_its_place(tmp_path: Path) -> None:
    public = write_officer_key(tmp_path / "a")
    write_officer_key(tmp_path / "b")
    key, other = read_officer_key(tmp_path / "a"), read_officer_key(tmp_path / "b")
    assert public_key_of(key) == public
    sealed = seal_to(public, b"a day", b"place")
    assert unseal_with(key, sealed, b"place") == b"a day"
    assert seal_to(public, b"a day", b"place") != sealed
    for wrong_key, box, place in ((other, sealed, b"place"), (key, sealed[:-1] + b"x", b"place"), (key, sealed, b"x")):
        with pytest.raises(Refusal) as refused:
            unseal_with(wrong_key, box, place)
        assert refused.value.refusal is RefusalCode.ROLE_SEPARATION


def test_a_key_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    write_officer_key(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreUnavailable, match="OFFICER_KEY_EXISTS"):
        write_officer_key(tmp_path / "a")


def test_a_key_that_is_missing_or_cut_says_so(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"short")
    for name in ("short", "none"):
        with pytest.raises(StoreUnavailable, match="OFFICER_KEY_MISSING"):
            read_officer_key(tmp_path / name)
