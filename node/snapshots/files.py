"""A snapshot in one file: sign, chunks, manifest, its length (8 bytes, big-endian), its SHA-256.

The file appears under its name only when it is whole and on disk.
"""

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from types import TracebackType

from node.snapshots.exporting import export
from node.snapshots.manifest import Manifest, SnapshotError, corrupt
from node.store import StoreReader

SIGN = b"tideprint snapshot 1\n"
_TAIL = 40
_MANIFEST_MOST = 256 * 1024 * 1024


def write_file(
    reader: StoreReader, height: int | None, path: Path, heard: Callable[[int], None] = lambda _: None
) -> Manifest:
    """Write the snapshot at a height (None: the head). Raises SnapshotError, StoreError; an existing file stays."""
    if path.exists():
        raise SnapshotError("SNAPSHOT_EXISTS", f"{path} exists", "choose another --out")
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(SIGN)
                manifest = export(reader, height, file.write, heard)
                raw = manifest.encode()
                file.write(raw + len(raw).to_bytes(8, "big") + sha256(raw).digest())
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SnapshotError(
            "SNAPSHOT_UNWRITABLE", f"{path} cannot be written: {error.strerror}", "make room, or choose another --out"
        ) from error
    return manifest


class SnapshotFile:
    """A snapshot's manifest and chunks, read from a file; every chunk is checked as it is read."""

    def __init__(self, path: Path) -> None:
        """Raises SnapshotError: SNAPSHOT_UNREADABLE, SNAPSHOT_CORRUPT, SNAPSHOT_FORMAT."""
        try:
            self._file = path.open("rb")
            self._size = path.stat().st_size
        except OSError as error:
            raise SnapshotError(
                "SNAPSHOT_UNREADABLE", f"{path} cannot be read: {error.strerror}", "name a snapshot's file"
            ) from error
        try:
            self.manifest = self._manifest()
        except SnapshotError:
            self._file.close()
            raise
        ends = accumulate(chunk.size for chunk in self.manifest.chunks)
        self._starts = [len(SIGN), *(len(SIGN) + end for end in ends)]

    def __enter__(self) -> "SnapshotFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def chunk(self, index: int) -> bytes:
        """A chunk that is what the manifest says. Raises SnapshotError SNAPSHOT_CORRUPT."""
        wanted = self.manifest.chunks[index]
        raw = self._read(self._starts[index], wanted.size)
        if sha256(raw).digest() != wanted.digest:
            raise corrupt(f"chunk {index} is not what the manifest says")
        return raw

    def chunks(self) -> Iterator[bytes]:
        """All chunks in order."""
        return map(self.chunk, range(len(self.manifest.chunks)))

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        raw = self._file.read(size)
        if len(raw) != size:
            raise corrupt("it is cut short")
        return raw

    def _manifest(self) -> Manifest:
        if self._size < len(SIGN) + _TAIL or self._read(0, len(SIGN)) != SIGN:
            raise corrupt("it does not begin like one")
        tail = self._read(self._size - _TAIL, _TAIL)
        length = int.from_bytes(tail[:8], "big")
        start = self._size - _TAIL - length
        if start < len(SIGN) or length > _MANIFEST_MOST:
            raise corrupt("it is cut short")
        raw = self._read(start, length)
        if sha256(raw).digest() != tail[8:]:
            raise corrupt("its manifest is not what its end says")
        manifest = Manifest.decode(raw)
        if len(SIGN) + manifest.size != start:
            raise corrupt("its chunks have another size")
        return manifest
