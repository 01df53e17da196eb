"""A root slot in a file of two sectors (`vault.roots.layout`).

A slot is overwritten in place with O_DSYNC, never by writing a new file and renaming, which would leave every old
secret on the disk. Never copy this file, and keep it out of every backup and snapshot: a copy undoes later erasures.
"""

import os
import stat
import zlib
from pathlib import Path

from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.remnants import Finding, examine
from vault.roots.layout import BODY, CHECKSUM, EMPTY, MAGIC, SLOT_DISTANCE, SLOT_SIZE, read_slots
from vault.roots.slot import root_key


class FileRootSlot:
    """A root slot in a file of 8 KiB, mode 0600."""

    def __init__(self, path: Path, *, create: bool = False, allow_remnants: bool = False) -> None:
        """Open or create the file. Raises `ROOT_REMNANTS` where old secrets would stay readable, `ROOT_EXPOSED` when
        others may read it, `ROOT_MISSING`, `ROOT_EXISTS`, `ROOT_READ_ONLY`, `ROOT_DAMAGED`."""
        self.path = path
        self.finding: Finding = examine(path.parent)
        if self.finding.keeps_remnants and not allow_remnants:
            hint = "put the root slot on ext4 (data=ordered), xfs or tmpfs, or accept the remnants explicitly"
            raise RootRefused("ROOT_REMNANTS", f"{self.finding.file_system}: {self.finding.reason}", hint)
        self._descriptor = self._create() if create else self._open()

    def _create(self) -> int:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_DSYNC, 0o600)
        except FileExistsError:
            raise RootRefused("ROOT_EXISTS", "a root slot is here already", "open it; never write over it") from None
        except OSError as error:
            raise StoreUnavailable(
                "ROOT_READ_ONLY", f"cannot create the root slot: {error}", "check the owner"
            ) from error
        os.pwrite(descriptor, bytes(2 * SLOT_DISTANCE), 0)
        os.fsync(descriptor)
        parent = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)
        return descriptor

    def _open(self) -> int:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_DSYNC | os.O_NOFOLLOW)
        except FileNotFoundError:
            hint = "without its root secret a vault cannot be opened; bring the slot's device back"
            raise RootRefused("ROOT_MISSING", "there is no root slot", hint) from None
        except OSError as error:
            raise StoreUnavailable(
                "ROOT_READ_ONLY", f"cannot write the root slot: {error}", "check the owner"
            ) from error
        facts = os.fstat(descriptor)
        if facts.st_size != 2 * SLOT_DISTANCE:
            os.close(descriptor)
            raise StoreDamaged(
                "ROOT_DAMAGED", "the root slot has the wrong size", "do not write to it; keep a disk image"
            )
        if stat.S_IMODE(facts.st_mode) & 0o077:
            os.close(descriptor)
            raise RootRefused("ROOT_EXPOSED", "others may read the root slot", "chmod 600, then treat it as leaked")
        return descriptor

    def epochs(self) -> tuple[int, ...]:
        """The epochs whose secret is held, ascending."""
        return tuple(sorted(self._slots()))

    def owner(self) -> bytes:
        """The id of the vault it serves; empty while no secret is held."""
        return next((vault_id for _, vault_id, _ in self._slots().values()), b"")

    def root_key(self, epoch: int) -> bytes:
        """The key of the root node of an epoch. Raises `ROOT_EPOCH_GONE`."""
        slot = self._slots().get(epoch)
        if slot is None:
            raise RootRefused("ROOT_EPOCH_GONE", f"no secret for epoch {epoch}", "this key database is an old copy")
        _, vault_id, secret = slot
        return root_key(secret, vault_id, epoch)

    def prepare(self, epoch: int, vault_id: bytes, secret: bytes) -> None:
        """Write the secret of an epoch into the free slot, or over the one left from the same epoch."""
        slots = self._slots()
        if epoch in slots:
            place = slots[epoch][0]
        else:
            free = {0, 1} - {number for number, _, _ in slots.values()}
            if not free:
                raise RootRefused("ROOT_FULL", "both slots hold other epochs", "open the vault again: it settles first")
            place = min(free)
        body = BODY.pack(MAGIC, epoch, vault_id, secret)
        self._write(place, body + CHECKSUM.pack(zlib.crc32(body)))

    def destroy(self, epoch: int) -> None:
        """Overwrite the secret of an epoch in place."""
        slot = self._slots().get(epoch)
        if slot is not None:
            self._write(slot[0], EMPTY)

    def clear_torn(self) -> None:
        """Overwrite a slot that holds bytes but no secret that reads."""
        whole = {number for number, _, _ in self._slots().values()}
        for number in {0, 1} - whole:
            if os.pread(self._descriptor, SLOT_SIZE, number * SLOT_DISTANCE) != EMPTY:
                self._write(number, EMPTY)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _slots(self) -> dict[int, tuple[int, bytes, bytes]]:
        """Epoch -> (slot number, vault id, secret) of the slots that read whole."""
        return read_slots(os.pread(self._descriptor, 2 * SLOT_DISTANCE, 0))

    def _write(self, number: int, content: bytes) -> None:
        if os.pwrite(self._descriptor, content, number * SLOT_DISTANCE) != len(content):
            raise StoreUnavailable("ROOT_READ_ONLY", "the root slot took only part of a write", "check the device")
