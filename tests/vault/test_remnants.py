import fcntl
import os
from pathlib import Path

import pytest

from vault import remnants
from vault.remnants import examine

ROOT_LINE = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw"


def mounts(file_system: str, options: str = "rw") -> str:
    return f"{ROOT_LINE}\n40 22 0:33 / /vault rw,relatime - {file_system} source {options}\n"


@pytest.mark.parametrize("file_system", ["ext4", "xfs", "tmpfs", "ext3"])
def test_file_systems_that_overwrite_in_place_are_fine(file_system: str) -> None:
    finding = examine(Path("/vault/keys"), mounts(file_system))
    assert (finding.file_system, finding.keeps_remnants) == (file_system, False)


@pytest.mark.parametrize("file_system", ["btrfs", "zfs", "overlay", "nfs4", "nfs", "cifs", "fuse.sshfs", "f2fs"])
def test_others_keep_remnants_and_say_why(file_system: str) -> None:
    finding = examine(Path("/vault/keys"), mounts(file_system))
    assert finding.keeps_remnants
    assert finding.reason


def test_a_data_journal_keeps_remnants() -> None:
    assert examine(Path("/vault"), mounts("ext4", "rw,data=journal")).keeps_remnants
    assert not examine(Path("/vault"), mounts("ext4", "rw,data=ordered")).keeps_remnants


def test_btrfs_without_copy_on_write_is_fine() -> None:
    assert not examine(Path("/vault"), mounts("btrfs", "rw,nodatacow")).keeps_remnants


def test_btrfs_with_the_flag_of_chattr_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = f"40 22 0:33 / {tmp_path} rw - btrfs source rw"
    assert examine(tmp_path, table).keeps_remnants
    flags = remnants.NO_COPY_ON_WRITE.to_bytes(8, "little")
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: flags)
    assert not examine(tmp_path, table).keeps_remnants


def test_a_file_system_without_flags_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    assert examine(tmp_path, f"40 22 0:33 / {tmp_path} rw - btrfs source rw").keeps_remnants


def test_the_deepest_mount_counts_and_of_two_the_latest() -> None:
    table = mounts("zfs") + "41 40 0:34 / /vault/keys rw - tmpfs tmpfs rw\nnonsense\n"
    assert examine(Path("/vault/keys/x"), table).file_system == "tmpfs"
    assert examine(Path("/vault/other"), table).file_system == "zfs"
    assert examine(Path("/vaulted"), table).file_system == "ext4"
    assert examine(Path("/vault"), mounts("ext4") + mounts("zfs")).file_system == "zfs"


def test_mount_points_with_blanks_are_read() -> None:
    table = f"{ROOT_LINE}\n40 22 0:33 / /my\\040vault rw - zfs pool rw"
    assert examine(Path("/my vault"), table).file_system == "zfs"


def test_a_system_without_a_mount_table_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remnants, "MOUNT_TABLE", tmp_path / "none")
    assert examine(tmp_path).keeps_remnants


def test_a_file_or_directory_whose_data_is_journalled_keeps_remnants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = f"40 22 0:33 / {tmp_path} rw - ext4 source rw"
    assert not examine(tmp_path, table).keeps_remnants
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: remnants.JOURNAL_DATA.to_bytes(8, "little"))
    assert examine(tmp_path, table).keeps_remnants


@pytest.mark.parametrize(("options", "kept"), [("rw\ndata=journal\n", True), ("rw\ndata=ordered\n", False)])
def test_a_data_journal_by_default_of_the_superblock_keeps_remnants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, kept: bool
) -> None:
    device = os.stat(tmp_path).st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    (tmp_path / name).mkdir()
    (tmp_path / name / "options").write_text(options)
    monkeypatch.setattr(remnants, "EXT4_OPTIONS", tmp_path)
    assert examine(tmp_path, f"40 22 0:33 / {tmp_path} rw - ext4 source rw").keeps_remnants == kept
