"""What every kind of root slot does alike."""

from collections.abc import Iterator

import pytest

from tests.vault.roots.support import Place
from vault.errors import RootRefused
from vault.roots import RootSlot, Secret

VAULT_ID = b"v" * 16
A, B, C, D = (bytes([letter]) * 16 for letter in b"abcd")


@pytest.fixture
def slot(place: Place) -> Iterator[RootSlot]:
    opened = place.open()
    yield opened
    opened.close()


def test_a_new_slot_holds_nothing(slot: RootSlot) -> None:
    assert (slot.held(), slot.epochs(), slot.owner()) == ((), (), b"")
    with pytest.raises(RootRefused, match="ROOT_EPOCH_GONE"):
        slot.root_key(0)
    slot.settle(0, A)
    assert slot.settled(0, A)


def test_a_secret_outlives_the_process_that_made_it(place: Place) -> None:
    slot = place.open()
    slot.prepare(0, VAULT_ID, A)
    key = slot.root_key(0, A)
    slot.close()
    slot.close()
    slot = place.open()
    assert (slot.held(), slot.owner()) == ((Secret(0, A),), VAULT_ID)
    assert slot.root_key(0) == slot.root_key(0, A) == key
    assert len(key) == 32
    with pytest.raises(RootRefused, match="ROOT_EPOCH_GONE"):
        slot.root_key(0, B)
    slot.close()


def test_the_old_secret_is_destroyed_and_the_new_one_stays(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    old, new = slot.root_key(0), slot.root_key(1)
    assert old != new
    assert not slot.settled(1, B)
    assert slot.report(1, B).witnesses == ()
    slot.settle(1, B)
    slot.settle(1, B)
    assert slot.settled(1, B)
    assert slot.held() == (Secret(1, B),)
    assert slot.root_key(1, B) == new
    with pytest.raises(RootRefused, match="ROOT_EPOCH_GONE"):
        slot.root_key(0)


def test_a_destroyed_secret_stays_destroyed_after_opening_again(place: Place) -> None:
    slot = place.open()
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    slot.settle(1, B)
    slot.close()
    slot = place.open()
    assert slot.held() == (Secret(1, B),)
    slot.close()


def test_a_retry_replaces_its_own_secret_that_never_came_into_use(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    first = slot.root_key(1)
    slot.prepare(1, VAULT_ID, C, [B, C])
    assert slot.held() == (Secret(0, A), Secret(1, C))
    assert slot.root_key(1) != first


def test_a_secret_that_another_database_made_is_never_replaced(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    newer = slot.root_key(1)
    with pytest.raises(RootRefused, match="ROOT_STALE"):
        slot.prepare(1, VAULT_ID, C, [C, D])
    assert slot.held() == (Secret(0, A), Secret(1, B))
    assert slot.root_key(1, B) == newer


def test_nothing_is_made_below_a_newer_secret(slot: RootSlot) -> None:
    slot.prepare(4, VAULT_ID, A)
    with pytest.raises(RootRefused, match="ROOT_STALE"):
        slot.prepare(3, VAULT_ID, B, [A, B])
    assert slot.held() == (Secret(4, A),)


def test_an_old_epoch_settles_nothing_newer(slot: RootSlot) -> None:
    slot.prepare(4, VAULT_ID, A)
    slot.settle(2, B)
    assert slot.held() == (Secret(4, A),)


def test_two_epochs_at_most(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    with pytest.raises(RootRefused, match="ROOT_FULL"):
        slot.prepare(2, VAULT_ID, C)
    assert slot.epochs() == (0, 1)


def test_one_vault_only(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    with pytest.raises(RootRefused, match="ROOT_FOREIGN"):
        slot.prepare(1, bytes(16), B)
    assert (slot.owner(), slot.epochs()) == (VAULT_ID, (0,))


def test_the_report_names_witnesses_and_no_debt(slot: RootSlot) -> None:
    slot.prepare(0, VAULT_ID, A)
    slot.prepare(1, VAULT_ID, B)
    assert slot.report(1, B).debts
    slot.settle(1, B)
    report = slot.report(1, B)
    assert report.witnesses
    assert report.debts == ()
    assert report.kind in ("file", "shares", "pkcs11")
