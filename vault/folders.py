"""Stores that are directories of files: dead letters, files handed over, temporary files; and the access log.

    Drawer   each file belongs to one subject, named SUBJECT.RANDOM, sealed under the subject's key:
             nonce (12) ‖ AES-256-GCM(HMAC(tag key, "tideprint/drawer/1"), content, additional data = the name)
    Scratch  files of nobody in particular, all gone with every erasure and at every start

Both, and `UnmappedLog`, go into the store register.
"""

import hmac
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.quantities import SubjectId
from vault.access_log import AccessLog
from vault.errors import KeyErased, StoreDamaged
from vault.stores import ErasureTarget
from vault.tags import TagKey

NONCE_SIZE, RANDOM_SIZE = 12, 8
PART = ".part"
_LABEL = b"tideprint/drawer/1"


class Drawer:
    """A directory of sealed files that belong to subjects."""

    method = "files, sealed under the erased key, unlinked"
    proof = "the directory listed again"

    def __init__(self, name: str, folder: Path, tag_key: TagKey, entropy: Callable[[int], bytes] = os.urandom) -> None:
        """Makes the directory (0700) if it is not there."""
        self.name = name
        self._folder = folder
        self._tag_key = tag_key
        self._entropy = entropy
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, subject: SubjectId, content: bytes) -> str:
        """Keep a file, durably; its name. Raises `KEY_ERASED`."""
        nonce = self._entropy(NONCE_SIZE)
        sealed = nonce + AESGCM(self._key(subject)).encrypt(nonce, content, self.name.encode())
        name = f"{subject.hex()}.{self._entropy(RANDOM_SIZE).hex()}"
        part = self._folder / (name + PART)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._folder / name)
        _sync(self._folder)
        return name

    def names(self, subject: SubjectId) -> list[str]:
        """The files of a subject."""
        return sorted(path.name for path in self._files(subject) if path.suffix != PART)

    def get(self, subject: SubjectId, name: str) -> bytes:
        """A file's content. Raises `KEY_ERASED`, `FILE_DAMAGED`."""
        try:
            sealed = (self._folder / Path(name).name).read_bytes()
            key = AESGCM(self._key(subject))
            return key.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], self.name.encode())
        except (FileNotFoundError, InvalidTag, ValueError) as error:
            raise StoreDamaged("FILE_DAMAGED", f"a file of {self.name} is gone or changed") from error

    def count(self, target: ErasureTarget) -> int:
        """Files of the subject."""
        return 0 if target.subject is None else len(self._files(target.subject))

    def erase(self, target: ErasureTarget) -> None:
        """Unlink them."""
        if target.subject is not None:
            for path in self._files(target.subject):
                path.unlink(missing_ok=True)
            _sync(self._folder)

    def absent(self, target: ErasureTarget) -> bool:
        """Is none left?"""
        return self.count(target) == 0

    def _files(self, subject: SubjectId) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.name.startswith(subject.hex())]

    def _key(self, subject: SubjectId) -> bytes:
        key = self._tag_key(subject)
        if key is None:
            raise KeyErased
        return hmac.digest(key, _LABEL, "sha256")


class Scratch:
    """A directory for files of the moment."""

    method = "every file of the directory overwritten and unlinked, whoever it was about"
    proof = "the directory listed again"

    def __init__(self, name: str, folder: Path) -> None:
        """Makes the directory (0700) if it is not there, and empties it: what lies there is of a process that died."""
        self.name = name
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.empty()

    def empty(self) -> None:
        """Overwrite and unlink all files."""
        for path in self._files():
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.write(bytes(size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        _sync(self.folder)

    def count(self, target: ErasureTarget) -> int:
        """All files."""
        return len(self._files())

    def erase(self, target: ErasureTarget) -> None:
        """Empty it."""
        self.empty()

    def absent(self, target: ErasureTarget) -> bool:
        """Is it empty?"""
        return not self._files()

    def _files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]


class UnmappedLog:
    """The access log: events stay, as the law wants, and nobody can tell any more whom they were about."""

    name = "access-log"
    method = "lines stay without a person: the key of their tags is destroyed"
    proof = "every line asked again for the person: none answers"

    def __init__(self, log: AccessLog) -> None:
        self._log = log

    def count(self, target: ErasureTarget) -> int:
        """Lines about the subject, while its key is there."""
        return 0 if target.subject is None else len(self._log.of_subject(target.subject))

    def erase(self, target: ErasureTarget) -> None:
        """Nothing to do: the key store did it."""

    def absent(self, target: ErasureTarget) -> bool:
        """Does no line answer to the subject?"""
        return self.count(target) == 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
