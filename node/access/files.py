"""The access file: JSON, 0600, written as a whole. A running node notices a change within a second.

{"version": 1, "keys": [{"name", "sha256", "methods", "created", "expires" or null, "revoked"}]}; times in UTC seconds.
"""

import fcntl
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node.access.errors import AccessError
from node.access.keys import KeyRecord, KeyRing
from node.access.rights import require_patterns

log = logging.getLogger(__name__)
VERSION = 1
LOOK_SECONDS = 1.0
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def require_private(path: Path) -> None:
    """Raises AccessError ACCESS_FILE_MODE if others than its owner may read or write a secret file."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise AccessError("ACCESS_FILE_MODE", f"others can read {path}", f"chmod 600 {path}")


def read_ring(path: Path) -> KeyRing:
    """The keys of a file, none if there is no file. Raises AccessError ACCESS_FILE, ACCESS_FILE_MODE."""
    try:
        text = path.read_text()
        require_private(path)
        table = json.loads(text)
        if table["version"] != VERSION:
            raise ValueError(f"version {table['version']}")
        return KeyRing(tuple(_record(entry) for entry in table["keys"]))
    except FileNotFoundError:
        return KeyRing()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AccessError("ACCESS_FILE", f"{path} cannot be read: {error!r}", "restore it, or revoke all: remove it") \
            from error  # fmt: skip


def _record(entry: dict[str, Any]) -> KeyRecord:
    require_patterns(entry["methods"])
    digest, expires = bytes.fromhex(entry["sha256"]), entry["expires"]
    if len(digest) != 32 or not NAME.fullmatch(entry["name"]) or not isinstance(expires, int | None):
        raise ValueError(f"the record of {entry['name']}")
    return KeyRecord(entry["name"], digest, tuple(entry["methods"]), int(entry["created"]), expires,
                     bool(entry["revoked"]))  # fmt: skip


def write_ring(path: Path, ring: KeyRing) -> None:
    """Replace the file: readers see the old or the new one."""
    table = {
        "version": VERSION,
        "keys": [
            {"name": one.name, "sha256": one.digest.hex(), "methods": list(one.methods), "created": one.created,
             "expires": one.expires, "revoked": one.revoked}
            for one in ring.records
        ],
    }  # fmt: skip
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(table, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One writer at a time."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class KeyFile:
    """The keys as they stand now: the file is looked at once a second at most."""

    def __init__(self, path: Path, elapsed: Callable[[], float]) -> None:
        """Raises AccessError when the file is there and cannot be used."""
        self._path, self._elapsed = path, elapsed
        self._mark = self._look()
        self._ring = read_ring(path)
        self._looked = elapsed()

    def ring(self) -> KeyRing:
        """A file that became unreadable holds no keys: better nobody than somebody who was revoked."""
        if self._elapsed() - self._looked >= LOOK_SECONDS:
            self.reload()
        return self._ring

    def reload(self) -> None:
        """Read the file if it changed."""
        self._looked, mark = self._elapsed(), self._look()
        if mark == self._mark:
            return
        self._mark = mark
        try:
            self._ring = read_ring(self._path)
            log.info("%d access keys", sum(not record.revoked for record in self._ring.records))
        except AccessError as error:
            self._ring = KeyRing()
            log.error("%s; no key is accepted until then", error)

    def _look(self) -> tuple[int, int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode
