import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.remnants import Finding
from vault.roots import SLOT_DISTANCE, FileRootSlot, disk, read_slots, root_key

VAULT_ID, FIRST_MARK, SECOND_MARK = b"v" * 16, b"a" * 16, b"b" * 16
FIRST, SECOND = b"1" * 32, b"2" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "root.slot"


def new(path: Path, *secrets: bytes) -> FileRootSlot:
    supply: Iterator[bytes] = iter(secrets)
    return FileRootSlot(path, create=True, allow_remnants=True, entropy=lambda _: next(supply))


def again(path: Path) -> FileRootSlot:
    return FileRootSlot(path, allow_remnants=True)


def test_a_secret_lies_in_the_file_as_its_layout_says(path: Path) -> None:
    slot = new(path, FIRST)
    slot.prepare(3, VAULT_ID, FIRST_MARK)
    assert read_slots(path.read_bytes()) == {3: (0, VAULT_ID, FIRST)}
    assert slot.root_key(3) == root_key(FIRST, VAULT_ID, 3) != root_key(FIRST, VAULT_ID, 1)
    slot.close()


def test_a_destroyed_secret_is_gone_from_the_file(path: Path) -> None:
    slot = new(path, FIRST, SECOND)
    slot.prepare(0, VAULT_ID, FIRST_MARK)
    slot.prepare(1, VAULT_ID, SECOND_MARK)
    assert FIRST in path.read_bytes()
    slot.settle(1, SECOND_MARK)
    assert FIRST not in path.read_bytes()
    assert SECOND in path.read_bytes()
    slot.close()


def test_the_file_never_moves(path: Path) -> None:
    slot = FileRootSlot(path, create=True, allow_remnants=True)
    before = path.stat()
    for epoch in range(5):
        slot.prepare(epoch, VAULT_ID, FIRST_MARK)
        slot.settle(epoch, FIRST_MARK)
    assert (path.stat().st_ino, path.stat().st_size) == (before.st_ino, 2 * SLOT_DISTANCE)
    assert path.stat().st_mode & 0o777 == 0o600
    slot.close()


def test_a_torn_write_is_no_secret_and_is_cleared(path: Path) -> None:
    slot = new(path, FIRST, SECOND)
    slot.prepare(0, VAULT_ID, FIRST_MARK)
    slot.prepare(1, VAULT_ID, SECOND_MARK)
    with path.open("r+b") as stream:
        stream.seek(SLOT_DISTANCE + 80)
        stream.write(b"torn")
    assert slot.epochs() == (0,)
    assert SECOND[:8] in path.read_bytes()
    slot.settle(0, FIRST_MARK)
    assert SECOND[:8] not in path.read_bytes()
    assert slot.epochs() == (0,)
    slot.close()


def test_places_that_keep_remnants_are_refused_unless_accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "examine", lambda _: Finding("zfs", "rw", True, "keeps snapshots"))
    with pytest.raises(RootRefused, match="ROOT_REMNANTS: zfs"):
        FileRootSlot(path, create=True)
    assert not path.exists()
    slot = FileRootSlot(path, create=True, allow_remnants=True)
    assert slot.finding.keeps_remnants
    slot.close()


def test_a_file_that_keeps_remnants_on_a_file_system_that_does_not_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new(path).close()
    monkeypatch.setattr(disk, "examine", lambda place: Finding("ext4", "rw", place == path, "chattr +j"))
    with pytest.raises(RootRefused, match=r"ROOT_REMNANTS: ext4: chattr \+j"):
        FileRootSlot(path)


def test_a_slot_serves_one_process(path: Path) -> None:
    slot = new(path)
    with pytest.raises(StoreUnavailable, match="VAULT_IN_USE"):
        again(path)
    slot.close()
    again(path).close()


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
    monkeypatch.setattr(disk, "examine", lambda _: Finding("tmpfs", "rw", False, ""))
    with pytest.raises(StoreUnavailable, match="ROOT_READ_ONLY"):
        new(tmp_path / "none" / "root.slot")


@pytest.mark.parametrize("trouble", ["short", "error"])
def test_a_write_that_fails_is_noticed(path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    slot = new(path, FIRST)

    def write(*_: object) -> int:
        if trouble == "error":
            raise OSError("device gone")
        return 3

    monkeypatch.setattr(os, "pwrite", write)
    with pytest.raises(StoreUnavailable, match="ROOT_READ_ONLY"):
        slot.prepare(0, VAULT_ID, FIRST_MARK)
    slot.close()


def test_a_secret_of_the_entropy_is_wiped_from_memory(path: Path) -> None:
    given = bytearray(FIRST)
    slot = FileRootSlot(path, create=True, allow_remnants=True, entropy=lambda _: given)
    slot.prepare(0, VAULT_ID, FIRST_MARK)
    assert given == bytes(32)
    slot.close()
