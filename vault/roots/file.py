"""A root slot in a file on this machine (`vault.roots.disk`)."""

from collections.abc import Collection
from pathlib import Path

from vault.errors import RootRefused
from vault.process import random_buffer, wipeable
from vault.roots.disk import SlotFile
from vault.roots.layout import WHOLE, Entry, check_of
from vault.roots.slot import SECRET_SIZE, Entropy, RootReport, Secret, is_kept, root_key


class FileRootSlot:
    """A root slot in a file of 8 KiB, mode 0600."""

    def __init__(
        self, path: Path, *, create: bool = False, allow_remnants: bool = False, entropy: Entropy = random_buffer
    ) -> None:
        """Open or create the file; see `SlotFile` for what it refuses."""
        self._file = SlotFile(path, create=create, allow_remnants=allow_remnants)
        self._entropy = entropy
        self.path = path
        self.finding = self._file.finding

    def held(self) -> tuple[Secret, ...]:
        """The secrets in the file."""
        return self._file.held()

    def epochs(self) -> tuple[int, ...]:
        """The epochs whose secret is held, ascending."""
        return tuple(secret.epoch for secret in self.held())

    def owner(self) -> bytes:
        """The id of the vault it serves; empty while no secret is held."""
        return self._file.owner()

    def root_key(self, epoch: int, attempt: bytes = b"") -> bytes:
        """The key of the root node of an epoch. Raises `ROOT_EPOCH_GONE`."""
        key = None
        for entry in self._file.entries().values():
            if entry.epoch == epoch and attempt in (b"", entry.attempt):
                key = root_key(entry.value, entry.vault_id, epoch)
            entry.wipe()
        if key is None:
            raise RootRefused("ROOT_EPOCH_GONE", f"no secret for epoch {epoch}", "this key database is an old copy")
        return key

    def prepare(self, epoch: int, vault_id: bytes, attempt: bytes, replaces: Collection[bytes] = ()) -> None:
        """Make a secret in the free slot, or over one of the same epoch that never came into use."""
        secret = wipeable(self._entropy(SECRET_SIZE))
        entry = Entry(epoch, vault_id, attempt, check_of(secret, vault_id, Secret(epoch, attempt)), WHOLE, secret)
        try:
            self._file.put(entry, replaces)
        finally:
            entry.wipe()

    def settle(self, epoch: int, attempt: bytes) -> None:
        """Overwrite in place everything but this secret and those of later epochs."""
        self._file.settle(Secret(epoch, attempt))

    def settled(self, epoch: int, attempt: bytes) -> bool:
        """Is nothing else in the file?"""
        return all(is_kept(found, Secret(epoch, attempt)) for found in self.held())

    def report(self, epoch: int, attempt: bytes) -> RootReport:
        """How things stand; the file is its own witness."""
        settled = self.settled(epoch, attempt)
        return RootReport(
            "file",
            f"{self.finding.file_system}: {self.finding.reason}",
            ("root slot file",) if settled else (),
            () if settled else ("root slot file still holds an old secret",),
        )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()
