from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.roots.support import Place, shares_place
from vault.errors import RootRefused, StoreDamaged, StoreUnavailable, VaultError
from vault.roots import Secret, SharesRootSlot
from vault.roots.keeper import ShareBox

VAULT_ID, A, B = b"v" * 16, b"a" * 16, b"b" * 16


@pytest.fixture
def five(tmp_path: Path) -> Iterator[Place]:
    place = shares_place(tmp_path, 3, 5)
    yield place
    place.stop()


@pytest.mark.parametrize(("threshold", "count"), [(1, 3), (4, 3), (2, 1), (2, 16)])
def test_impossible_numbers_are_refused(threshold: int, count: int) -> None:
    links = [type("Link", (), {"name": str(number)})() for number in range(count)]
    with pytest.raises(VaultError, match="ROOT_SETTINGS"):
        SharesRootSlot(links, threshold)


def test_an_old_secret_is_gone_when_n_minus_k_plus_1_confirmed(five: Place) -> None:
    slot = five.open()
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    five.keepers[4].silent = five.keepers[3].silent = True
    slot.settle(1, B)
    assert slot.report(1, B).witnesses == ("keeper-1", "keeper-2", "keeper-3")
    five.keepers[4].silent = five.keepers[3].silent = False
    assert slot.held() == (Secret(1, B),)
    with pytest.raises(RootRefused, match="ROOT_EPOCH_GONE"):
        slot.root_key(0)
    slot.close()


def test_fewer_confirmations_are_not_enough(tmp_path: Path) -> None:
    place = shares_place(tmp_path, 2, 4)
    slot = place.open()
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    place.keepers[0].silent = place.keepers[1].silent = True
    with pytest.raises(StoreUnavailable, match=r"ROOT_STILL_HELD: 2 of 3 .* keeper-1, keeper-2"):
        slot.settle(1, B)
    assert not slot.settled(1, B)
    assert slot.report(1, B).witnesses == ()
    place.keepers[0].silent = False
    slot.settle(1, B)
    assert slot.settled(1, B)
    slot.close()
    place.stop()


def test_a_share_of_an_attempt_that_never_committed_is_destroyed_too(five: Place) -> None:
    slot = five.open()
    slot.prepare(0, VAULT_ID, A)
    for keeper in five.keepers[3:]:
        keeper.silent = True
    slot.prepare(0, VAULT_ID, B, [A])
    slot.settle(0, B)
    for keeper in five.keepers[3:]:
        keeper.silent = False
    assert any("still holds an old share" in debt for debt in slot.report(0, B).debts)
    slot.settle(0, B)
    assert [slot.held(), slot.owner()] == [(Secret(0, B),), VAULT_ID]
    slot.close()


def test_a_damaged_share_is_passed_over_and_too_many_are_named(five: Place) -> None:
    slot = five.open()
    slot.prepare(0, VAULT_ID, A)
    key = slot.root_key(0)
    slot.close()
    real = [keeper.ask for keeper in five.keepers]

    def lie(number: int) -> None:
        def ask(request: dict[str, object]) -> dict[str, object]:
            answer = real[number](request)
            return answer | ({"share": "00" * 32} if "share" in answer else {})

        five.keepers[number].ask = ask  # type: ignore[method-assign]

    lie(0)
    lie(1)
    slot = five.open()
    assert slot.root_key(0) == key
    lie(2)
    with pytest.raises(StoreDamaged, match="ROOT_SHARES_DAMAGED"):
        slot.root_key(0)
    slot.close()


def test_keepers_of_different_vaults_are_refused(five: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    foreign = shares_place(tmp_path / "other", 3, 5)
    for place, vault_id in ((five, VAULT_ID), (foreign, bytes(16))):
        slot = place.open()
        slot.prepare(0, vault_id, A)
        slot.close()
    mixed = SharesRootSlot([*five.keepers[:4], foreign.keepers[4]], 3)
    with pytest.raises(RootRefused, match="ROOT_FOREIGN"):
        mixed.owner()
    mixed.close()
    foreign.stop()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"do": "open"}',
        b'{"do": []}',
        b"[" * 5000,
        b'{"do": "share", "epoch": -1, "attempt": "' + b"00" * 16 + b'"}',
        b'{"do": "share", "epoch": 1, "attempt": "00"}',
        b'{"do": "settle", "epoch": 1.5, "attempt": "' + b"00" * 16 + b'"}',
        b'{"do": "prepare", "epoch": 1, "attempt": "' + b"00" * 16 + b'", "index": 0, "replaces": []}',
    ],
)
def test_nonsense_is_answered_as_such_and_changes_nothing(five: Place, line: bytes) -> None:
    slot = five.open()
    slot.prepare(0, VAULT_ID, A)
    box = five.keepers[0]._box
    assert isinstance(box, ShareBox)
    assert box.answer(line)["error"] == "KEEPER_REQUEST"
    assert slot.held() == (Secret(0, A),)
    slot.close()
