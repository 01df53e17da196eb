"""A file system of one's own on a loop device, for as long as a trial takes; and its raw bytes."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vault.errors import StoreUnavailable

MEBIBYTE = 2**20
SIZES = {"ext4": 64 * MEBIBYTE, "xfs": 320 * MEBIBYTE}
"""The smallest that each is happy with."""
QUIET = {"ext4": ("-q", "-F"), "xfs": ("-q", "-f")}


@contextmanager
def mounted(kind: str, folder: Path, options: str = "") -> Iterator[tuple[Path, Path]]:
    """A fresh file system: (where it is mounted, its image file). Raises `IMAGE_IMPOSSIBLE` with the reason: not root,
    no tool, no loop device. The image is deleted afterwards."""
    if os.geteuid() != 0:
        raise _impossible("only root mounts file systems")
    image, place = folder / f"{kind}.img", folder / f"{kind}.mount"
    for tool in (f"mkfs.{kind}", "mount", "umount"):
        if shutil.which(tool) is None:
            raise _impossible(f"{tool} is not installed")
    with image.open("wb") as file:
        file.truncate(SIZES[kind])
    place.mkdir()
    try:
        _run(f"mkfs.{kind}", *QUIET[kind], str(image))
        _run("mount", "-o", f"loop,nodev,nosuid{',' * bool(options)}{options}", str(image), str(place))
        try:
            yield place, image
        finally:
            _run("umount", str(place))
    finally:
        image.unlink()
        place.rmdir()


def count_in_image(place: Path, image: Path, wanted: Mapping[str, bytes]) -> dict[str, int]:
    """How often each value stands in the raw bytes of the image, after all writes have reached it."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _run("sync", "-f", str(place))
    counts = dict.fromkeys(wanted, 0)
    for piece in _written(image):
        for name, value in wanted.items():
            counts[name] += piece.count(value)
    return counts


def _written(image: Path) -> Iterator[bytes]:
    """Every stretch of the image that was ever written to; the rest of the file are holes, which read as zeros."""
    with image.open("rb") as file:
        size, place = os.fstat(file.fileno()).st_size, 0
        while place < size:
            try:
                start = os.lseek(file.fileno(), place, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                return
            place = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield os.pread(file.fileno(), place - start, start)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise _impossible(f"{command[0]}: {error.stderr.strip()}") from error


def _impossible(why: str) -> StoreUnavailable:
    return StoreUnavailable("IMAGE_IMPOSSIBLE", why, "run it as root on a host with loop devices")
