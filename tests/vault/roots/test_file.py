import os
from pathlib import Path

import pytest

from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.remnants import Finding
from vault.roots import SLOT_DISTANCE, FileRootSlot, file, root_key

VAULT_ID = b"v" * 16
FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.slot"


def new(path: Path) -> FileRootSlot:
    return FileRootSlot(path, create=True, allow_remnants=True)


def again(path: Path) -> FileRootSlot:
    return FileRootSlot(path, allow_remnants=True)


def test_a_secret_survives_and_gives_the_root_key(path: Path) -> None:
    slot = new(path)
    assert slot.epochs() == ()
    assert slot.owner() == b""
    slot.prepare(0, VAULT_ID, FIRST)
    slot.close()
    slot.close()
    slot = again(path)
    assert (slot.epochs(), slot.owner()) == ((0,), VAULT_ID)
    assert slot.root_key(0) == root_key(FIRST, VAULT_ID, 0) != root_key(FIRST, VAULT_ID, 1)
    slot.close()


def test_a_destroyed_secret_is_gone_from_the_file(path: Path) -> None:
    slot = new(path)
    slot.prepare(0, VAULT_ID, FIRST)
    slot.prepare(1, VAULT_ID, SECOND)
    assert FIRST in path.read_bytes()
    slot.destroy(0)
    slot.destroy(0)
    assert slot.epochs() == (1,)
    assert FIRST not in path.read_bytes()
    with pytest.raises(RootRefused, match="ROOT_EPOCH_GONE"):
        slot.root_key(0)
    slot.close()


def test_a_pending_secret_is_written_over_and_a_third_refused(path: Path) -> None:
    slot = new(path)
    slot.prepare(0, VAULT_ID, FIRST)
    slot.prepare(1, VAULT_ID, FIRST)
    slot.prepare(1, VAULT_ID, SECOND)
    assert slot.root_key(1) == root_key(SECOND, VAULT_ID, 1)
    with pytest.raises(RootRefused, match="ROOT_FULL"):
        slot.prepare(2, VAULT_ID, SECOND)
    slot.close()


def test_the_file_never_moves(path: Path) -> None:
    slot = new(path)
    before = path.stat()
    for epoch in range(5):
        slot.prepare(epoch, VAULT_ID, os.urandom(32))
        slot.destroy(epoch - 1)
    assert (path.stat().st_ino, path.stat().st_size) == (before.st_ino, 2 * SLOT_DISTANCE)
    assert path.stat().st_mode & 0o777 == 0o600
    slot.close()


def test_a_torn_write_is_no_secret_and_can_be_cleared(path: Path) -> None:
    slot = new(path)
    slot.prepare(0, VAULT_ID, FIRST)
    slot.prepare(1, VAULT_ID, SECOND)
    with path.open("r+b") as stream:
        stream.seek(SLOT_DISTANCE + 50)
        stream.write(b"torn")
    assert slot.epochs() == (0,)
    assert SECOND[:10] in path.read_bytes()
    slot.clear_torn()
    assert SECOND[:10] not in path.read_bytes()
    assert slot.epochs() == (0,)
    slot.close()


def test_places_that_keep_remnants_are_refused_unless_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "examine", lambda _: Finding("zfs", "rw", True, "keeps snapshots"))
    with pytest.raises(RootRefused, match="ROOT_REMNANTS: zfs"):
        FileRootSlot(path, create=True)
    assert not path.exists()
    slot = FileRootSlot(path, create=True, allow_remnants=True)
    assert slot.finding.keeps_remnants
    slot.close()


def test_a_slot_is_never_made_over_another(path: Path) -> None:
    new(path).close()
    with pytest.raises(RootRefused, match="ROOT_EXISTS"):
        new(path)


def test_a_missing_slot_is_not_made_anew(path: Path) -> None:
    with pytest.raises(RootRefused, match="ROOT_MISSING"):
        again(path)
    assert not path.exists()


def test_a_slot_others_can_read_is_refused(path: Path) -> None:
    new(path).close()
    path.chmod(0o640)
    with pytest.raises(RootRefused, match="ROOT_EXPOSED"):
        again(path)


def test_a_slot_of_the_wrong_size_is_refused(path: Path) -> None:
    new(path).close()
    os.truncate(path, 100)
    with pytest.raises(StoreDamaged, match="ROOT_DAMAGED"):
        again(path)


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    new(path).close()
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(StoreUnavailable, match="ROOT_READ_ONLY"):
        again(link)


def test_a_slot_cannot_be_made_in_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "examine", lambda _: Finding("tmpfs", "rw", False, ""))
    with pytest.raises(StoreUnavailable, match="ROOT_READ_ONLY"):
        new(tmp_path / "none" / "root.slot")


def test_a_short_write_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = new(path)
    monkeypatch.setattr(os, "pwrite", lambda *_: 3)
    with pytest.raises(StoreUnavailable, match="only part"):
        slot.prepare(0, VAULT_ID, FIRST)
    slot.close()
