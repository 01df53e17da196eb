"""A backup as one file: a tar of `manifest.json`, then one member per store.

    full backup      NAME.db       the SQLite file of that moment
    changes          NAME.changes  one JSON line [table, key, row or null] per row changed since an earlier backup

The manifest names epoch, moment, size and SHA-256 of every member, and carries a MAC under the key store's credential,
so that whoever can write to the backups cannot make one. Files have mode 0600.
"""

import hashlib
import hmac
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.canonical import canonical
from vault.credentials import Credential
from vault.errors import StoreDamaged, StoreUnavailable

MANIFEST = "manifest.json"
MANIFEST_LIMIT = 1 << 20
CHUNK = 1 << 20
DB, CHANGES = ".db", ".changes"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `since` is the epoch its changes start from; None for a full backup."""

    vault_id: str
    number: int
    epoch: int
    since: int | None
    at: int
    files: Mapping[str, tuple[int, str]]
    """Member -> size in bytes, SHA-256 in hex."""

    @property
    def body(self) -> dict[str, Any]:
        """What is authenticated."""
        return {
            "at": self.at,
            "epoch": self.epoch,
            "files": {name: [size, digest] for name, (size, digest) in self.files.items()},
            "number": self.number,
            "since": self.since,
            "vault": self.vault_id,
            "version": 1,
        }


def write_archive(path: Path, manifest: Manifest, members: Path, credential: Credential) -> None:
    """Write a backup durably, complete or not there at all. Raises `BACKUP_EXISTS`."""
    sealed = canonical({**manifest.body, "mac": credential.mac(canonical(manifest.body)).hex()})
    part = members / "archive"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            tar.addfile(_entry(MANIFEST, len(sealed)), io.BytesIO(sealed))
            for name in sorted(manifest.files):
                with (members / name).open("rb") as member:
                    tar.addfile(_entry(name, manifest.files[name][0]), member)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        raise StoreUnavailable("BACKUP_EXISTS", f"{path.name} is there already", "choose another name") from None
    sync_directory(path.parent)


def read_manifest(path: Path, credential: Credential) -> Manifest:
    """The manifest of a backup, authenticated. Raises `BACKUP_MISSING`, `BACKUP_DAMAGED`."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            entry = tar.next()
            if entry is None or entry.name != MANIFEST or entry.size > MANIFEST_LIMIT:
                raise damaged(path, "it does not begin with a manifest")
            stream = tar.extractfile(entry)
            found = json.loads(stream.read() if stream else b"")
        mac = bytes.fromhex(found.pop("mac"))
        files = {str(name): (int(size), str(digest)) for name, (size, digest) in found["files"].items()}
        made = Manifest(found["vault"], found["number"], found["epoch"], found["since"], found["at"], files)
        genuine = hmac.compare_digest(mac, credential.mac(canonical(made.body)))
    except FileNotFoundError:
        raise StoreUnavailable("BACKUP_MISSING", f"there is no {path.name}", "look at `backup list`") from None
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"its manifest does not read: {error}") from error
    if not genuine:
        raise damaged(path, "its manifest was not made under this key store's credential")
    return made


def extract(path: Path, manifest: Manifest, wanted: str, destination: Path) -> None:
    """Write one member to `destination` (0600), checked against the manifest. Raises `BACKUP_DAMAGED`."""
    try:
        size, digest = manifest.files[wanted]
        with tarfile.open(path, mode="r:") as tar:
            source = tar.extractfile(wanted)
            if source is None:
                raise damaged(path, f"{wanted} is not a file")
            descriptor = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as target:
                seen, written = hashlib.sha256(), 0
                while chunk := source.read(CHUNK):
                    seen.update(chunk)
                    written += len(chunk)
                    target.write(chunk)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise damaged(path, f"{wanted} does not read: {error}") from error
    if written != size or seen.hexdigest() != digest:
        raise damaged(path, f"{wanted} was changed or cut")


def measure(path: Path) -> tuple[int, str]:
    """Size and SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def damaged(path: Path, what: str) -> StoreDamaged:
    """The error of a backup that was cut or changed."""
    return StoreDamaged(
        "BACKUP_DAMAGED", f"{path.name}: {what}", "use another copy of this backup; nothing was restored"
    )


def sync_directory(path: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry
