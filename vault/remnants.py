"""Does a file system keep what was overwritten? A root slot may live only where overwriting in place overwrites.

Known from searching raw disk images after 200 rotations: ext4 (ordered) and xfs leave nothing of an in-place O_DSYNC
overwrite; ext4 with data=journal and btrfs without the no-copy-on-write flag leave every old secret.
"""

import fcntl
import os
import struct
from dataclasses import dataclass
from pathlib import Path

MOUNT_TABLE = Path("/proc/self/mountinfo")
OVERWRITES_IN_PLACE = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs"})
WHY_NOT = {
    "btrfs": "btrfs writes changed blocks elsewhere; use chattr +C on the empty directory first",
    "zfs": "ZFS writes changed blocks elsewhere and keeps snapshots",
    "bcachefs": "bcachefs writes changed blocks elsewhere",
    "f2fs": "f2fs writes changed blocks elsewhere",
    "overlay": "an overlay hides where its bytes really lie",
    "nfs": "a server keeps its own copies",
    "nfs4": "a server keeps its own copies",
    "cifs": "a server keeps its own copies",
}
GET_FLAGS = 0x80086601
"""ioctl FS_IOC_GETFLAGS of linux/fs.h on 64-bit machines."""
NO_COPY_ON_WRITE = 0x00800000
"""FS_NOCOW_FL of linux/fs.h, what `chattr +C` sets."""

JOURNAL_DATA = 0x00004000
"""FS_JOURNAL_DATA_FL of linux/fs.h, what `chattr +j` sets."""
EXT4_OPTIONS = Path("/proc/fs/ext4")
"""All options in force, also those that come from the superblock (tune2fs -o journal_data)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known about the place of a root slot."""

    file_system: str
    options: str
    keeps_remnants: bool
    reason: str


def examine(place: Path, mount_table: str | None = None) -> Finding:
    """Judge the file system that holds `place` (a file or directory that exists) from the mount table of Linux.

    What is not known to overwrite in place counts as keeping remnants.
    """
    if mount_table is None:
        try:
            mount_table = MOUNT_TABLE.read_text()
        except OSError:
            return Finding("unknown", "", True, "this system does not say which file system holds the root slot")
    file_system, options = _mount_of(place.resolve(), mount_table)
    if file_system in ("ext3", "ext4") and ("data=journal" in options.split(",") or _journals_data(place)):
        return Finding(file_system, options, True, "data=journal writes every secret into the journal as well")
    if file_system in OVERWRITES_IN_PLACE:
        return Finding(file_system, options, False, "overwrites in place")
    if file_system == "btrfs" and ("nodatacow" in options.split(",") or _no_copy_on_write(place)):
        return Finding(file_system, options, False, "no copy on write here")
    return Finding(
        file_system, options, True, WHY_NOT.get(file_system, f"{file_system} is not known to overwrite in place")
    )


def _mount_of(place: Path, mount_table: str) -> tuple[str, str]:
    """File system and options of the deepest, latest mount above `place`; see proc_pid_mountinfo(5)."""
    best, found = -1, ("unknown", "")
    for line in mount_table.splitlines():
        left, _, right = line.partition(" - ")
        fields, behind = left.split(), right.split()
        if len(fields) < 6 or len(behind) < 2:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, found = len(point.parts), (behind[0], f"{fields[5]},{behind[2] if len(behind) > 2 else ''}")
    return found


def _no_copy_on_write(place: Path) -> bool:
    return bool(_flags(place) & NO_COPY_ON_WRITE)


def _journals_data(place: Path) -> bool:
    """By a flag of file or directory, or by a default in the superblock, which the mount table does not show."""
    if _flags(place) & JOURNAL_DATA:
        return True
    try:
        device = os.stat(place).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        return "data=journal" in (EXT4_OPTIONS / name / "options").read_text().split()
    except OSError:
        return False


def _flags(place: Path) -> int:
    try:
        descriptor = os.open(place, os.O_RDONLY)
    except OSError:
        return 0
    try:
        flags: int = struct.unpack("=q", fcntl.ioctl(descriptor, GET_FLAGS, bytes(8)))[0]
    except OSError:
        return 0
    finally:
        os.close(descriptor)
    return flags
