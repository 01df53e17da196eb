import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from vault import payloads
from vault.cids import BLOCK_LIMIT
from vault.errors import StoreDamaged, VaultError
from vault.paths import leaf_path
from vault.payloads import PAYLOAD_LIMIT, SMALLEST_BLOCK, Place, Purpose, block_size, seal, unseal

KEY = bytes(range(32))
PLACE = Place(bytes(16), leaf_path(7), Purpose.RECORD)


@given(st.binary(max_size=3000))
def test_what_is_sealed_opens(payload: bytes) -> None:
    assert unseal(KEY, PLACE, seal(KEY, PLACE, payload, os.urandom)) == payload


@given(st.integers(0, PAYLOAD_LIMIT))
def test_block_sizes_are_powers_of_two(size: int) -> None:
    padded = block_size(size)
    assert padded & (padded - 1) == 0
    assert max(SMALLEST_BLOCK, size) <= padded <= BLOCK_LIMIT


def test_payloads_of_one_class_look_alike() -> None:
    assert len(seal(KEY, PLACE, b"", os.urandom)) == len(seal(KEY, PLACE, bytes(448), os.urandom)) == 512
    assert len(seal(KEY, PLACE, bytes(449), os.urandom)) == 1024


def test_the_largest_payload_fills_one_block() -> None:
    assert len(seal(KEY, PLACE, bytes(PAYLOAD_LIMIT), os.urandom)) == BLOCK_LIMIT
    with pytest.raises(VaultError, match="PAYLOAD_TOO_LARGE"):
        block_size(PAYLOAD_LIMIT + 1)


def test_the_same_payload_never_looks_the_same() -> None:
    assert seal(KEY, PLACE, b"steps", os.urandom)[32:] != seal(KEY, PLACE, b"steps", os.urandom)[32:]


def test_a_leaf_used_again_after_a_rollback_encrypts_under_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bytes] = []

    def cipher(key: bytes) -> AESGCM:
        used.append(key)
        return AESGCM(key)

    monkeypatch.setattr(payloads, "AESGCM", cipher)
    seal(KEY, PLACE, b"steps", os.urandom)
    seal(KEY, PLACE, b"other", os.urandom)
    assert len(set(used)) == 2
    assert KEY not in used


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(PLACE, path=leaf_path(8)),
        replace(PLACE, purpose=Purpose.OWNER),
        replace(PLACE, vault_id=bytes(15) + b"\1"),
    ],
)
def test_a_block_opens_at_its_own_place_only(elsewhere: Place) -> None:
    block = seal(KEY, PLACE, b"steps", os.urandom)
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        unseal(KEY, elsewhere, block)


def test_another_key_is_refused_by_the_commitment() -> None:
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        unseal(bytes(32), PLACE, seal(KEY, PLACE, b"steps", os.urandom))


@given(st.integers(0, 511), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    block = bytearray(seal(KEY, PLACE, b"steps", os.urandom))
    block[place] ^= change
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        unseal(KEY, PLACE, bytes(block))


@pytest.mark.parametrize("kept", [0, 31, 32, 44, 60, 63, 300])
def test_a_cut_block_is_noticed(kept: int) -> None:
    block = seal(KEY, PLACE, b"steps", os.urandom)
    with pytest.raises(StoreDamaged, match="PAYLOAD_DAMAGED"):
        unseal(KEY, PLACE, block[:kept])
