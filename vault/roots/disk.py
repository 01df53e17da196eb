"""The file of a root slot or of a keeper's share: opened with care, overwritten in place, never copied.

A slot is overwritten in place with O_DSYNC, never by writing a new file and renaming, which would leave every old
secret on the disk. Keep this file out of every backup and snapshot: a copy undoes later erasures.
"""

import fcntl
import os
import stat
from collections.abc import Collection
from pathlib import Path

from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.remnants import Finding, examine
from vault.roots.layout import EMPTY, SLOT_DISTANCE, SLOT_SIZE, Entry, unpack
from vault.roots.slot import Secret, is_kept

NUMBERS = (0, 1)


class SlotFile:
    """Two slots in a file of 8 KiB, mode 0600, used by one process at a time."""

    def __init__(self, path: Path, *, create: bool = False, allow_remnants: bool = False) -> None:
        """Open or create the file. Raises `ROOT_REMNANTS` where old secrets would stay readable, `ROOT_EXPOSED` when
        others may read it, `VAULT_IN_USE`, `ROOT_MISSING`, `ROOT_EXISTS`, `ROOT_READ_ONLY`, `ROOT_DAMAGED`."""
        self.path = path
        self._judge(path.parent, allow_remnants)
        self._descriptor = self._create() if create else self._open()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.finding = self._judge(path, allow_remnants)
        except BlockingIOError:
            self.close()
            hint = "stop the other process first; two writers would destroy each other's root"
            raise StoreUnavailable("VAULT_IN_USE", "another process has this root slot open", hint) from None
        except RootRefused:
            self.close()
            raise

    def _judge(self, place: Path, allow_remnants: bool) -> Finding:
        finding = examine(place)
        if finding.keeps_remnants and not allow_remnants:
            hint = "put the root slot on ext4 (data=ordered), xfs or tmpfs, or accept the remnants explicitly"
            raise RootRefused("ROOT_REMNANTS", f"{finding.file_system}: {finding.reason}", hint)
        return finding

    def _create(self) -> int:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_DSYNC, 0o600)
        except FileExistsError:
            raise RootRefused("ROOT_EXISTS", "a root slot is here already", "open it; never write over it") from None
        except OSError as error:
            raise _unwritable(f"cannot create the root slot: {error}") from error
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
            raise _unwritable(f"cannot write the root slot: {error}") from error
        facts = os.fstat(descriptor)
        if facts.st_size != 2 * SLOT_DISTANCE:
            os.close(descriptor)
            hint = "do not write to it; keep a disk image"
            raise StoreDamaged("ROOT_DAMAGED", "the root slot has the wrong size", hint)
        if stat.S_IMODE(facts.st_mode) & 0o077:
            os.close(descriptor)
            raise RootRefused("ROOT_EXPOSED", "others may read the root slot", "chmod 600, then treat it as leaked")
        return descriptor

    def entries(self) -> dict[int, Entry]:
        """Slot number -> entry, of the slots that read whole. Wipe them."""
        found = {}
        for number in NUMBERS:
            raw = self._read(number)
            entry = unpack(raw)
            raw[:] = EMPTY
            if entry is not None:
                found[number] = entry
        return found

    def held(self) -> tuple[Secret, ...]:
        """Which secrets are here, by epoch."""
        entries = self.entries().values()
        for entry in entries:
            entry.wipe()
        return tuple(sorted(entry.secret for entry in entries))

    def owner(self) -> bytes:
        """The id of the vault it serves; empty while nothing is held."""
        owner = b""
        for entry in self.entries().values():
            entry.wipe()
            owner = owner or entry.vault_id
        return owner

    def put(self, entry: Entry, replaces: Collection[bytes]) -> None:
        """Write an entry into a free slot, or over one of the same epoch that an attempt in `replaces` made.

        Raises `ROOT_FOREIGN`, `ROOT_STALE`, `ROOT_FULL`; then nothing is written."""
        entries = self.entries()
        for found in entries.values():
            found.wipe()
        if any(found.vault_id != entry.vault_id for found in entries.values()):
            raise RootRefused(
                "ROOT_FOREIGN", "another vault's secret is here", "give every vault a root slot of its own"
            )
        known = {*replaces, entry.attempt}
        for number, found in entries.items():
            if found.epoch > entry.epoch or (found.epoch == entry.epoch and found.attempt not in known):
                hint = "this key database is an old copy; open the current one, nothing was changed"
                raise RootRefused("ROOT_STALE", "a newer root secret is held that this key database never made", hint)
            if found.epoch == entry.epoch:
                self._write(number, entry.pack())
                return
        free = [number for number in NUMBERS if number not in entries]
        if not free:
            raise RootRefused("ROOT_FULL", "both slots hold other epochs", "open the vault again: it settles first")
        self._write(free[0], entry.pack())

    def settle(self, current: Secret) -> None:
        """Overwrite everything but `current` and later epochs, torn writes too."""
        entries = self.entries()
        for entry in entries.values():
            entry.wipe()
        for number in NUMBERS:
            stays = number in entries and is_kept(entries[number].secret, current)
            if not stays and self._read(number) != EMPTY:
                self._write(number, bytearray(EMPTY))

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _read(self, number: int) -> bytearray:
        raw = bytearray(SLOT_SIZE)
        os.preadv(self._descriptor, [raw], number * SLOT_DISTANCE)
        return raw

    def _write(self, number: int, content: bytearray) -> None:
        try:
            written = os.pwrite(self._descriptor, content, number * SLOT_DISTANCE)
        except OSError as error:
            raise _unwritable(f"the root slot does not take a write: {error}") from error
        finally:
            content[:] = EMPTY
        if written != SLOT_SIZE:
            raise _unwritable("the root slot took only part of a write")


def _unwritable(message: str) -> StoreUnavailable:
    return StoreUnavailable("ROOT_READ_ONLY", message, "check the device and who owns the file")
