"""Taking a backup of a vault that goes on working, through read transactions of its own.

One moment after the other: records, identity, control, blocks, and the keys last. So no row lacks its block, no store
is ahead of the slot counters, and an erasure that ran meanwhile has left its tombstone: the set is consistent, at worst
with rows whose key is gone, which the replay after a restore removes.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from protocol.quantities import Seconds
from vault.backup.archive import CHANGES, DB, Manifest, measure, write_archive
from vault.backup.ledger import BackupLedger
from vault.blocks import EmbeddedSettings
from vault.changes import changes_since, install_journal, mark_of, prune_journal
from vault.config import load_settings
from vault.credentials import Store, load_credential
from vault.database import Database
from vault.errors import StoreUnavailable
from vault.files import BACKUP_LOCK, BLOCKS_FILE, CONTROL_FILE, CREDENTIALS, IDENTITY_FILE, KEYS_FILE, RECORDS_FILE
from vault.locking import ProcessLock

IN_ORDER = (RECORDS_FILE, IDENTITY_FILE, CONTROL_FILE, BLOCKS_FILE, KEYS_FILE)
"""What a backup holds, in the order its moments follow each other."""
PART = ".part"
NUMBER = re.compile(r"vault-[0-9a-f]+-(\d+)-")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was taken."""

    path: Path
    manifest: Manifest


def member_of(file: str) -> str:
    """The name, without its ending, of a store's file in a backup."""
    return Path(file).stem


def take_backup(directory: Path, out: Path, clock: Callable[[], Seconds], since: int | None = None) -> Backup:
    """Back up the vault in `directory` while it may be in use, into a file, or a directory under a telling name.

    `since`: only what changed since the backup of that epoch. Raises `BACKUP_EXISTS`, `BACKUP_UNKNOWN`,
    `BACKUP_RUNNING`, `DATABASE_FULL`, and what opening the stores says. What it raises leaves no backup behind.
    """
    credential = load_credential(directory / CREDENTIALS, Store.KEYS)
    with _only_one(directory), closing(Database(directory / CONTROL_FILE, "")) as control:
        ledger = BackupLedger(control)
        marks = {} if since is None else ledger.marks(since)
        folder = out if out.is_dir() else out.parent
        number = max(ledger.next_number(), 1 + _highest(folder))
        part = folder / f".backup-{number}{PART}"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(mode=0o700, parents=True)
            manifest, reached = _collect(directory, part, (number, since, clock()), marks)
            path = out / _name(manifest) if out.is_dir() else out
            write_archive(path, manifest, part, credential)
        except OSError as error:
            hint = "make room or choose another place; no backup was made"
            raise StoreUnavailable("BACKUP_FAILED", f"the backup cannot be written: {error}", hint) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        ledger.add(number, manifest.epoch, since, Seconds(manifest.at), reached)
        if since is None:
            _prune(directory, ledger.forget_before(number))
        return Backup(path, manifest)


def _highest(folder: Path) -> int:
    """The highest number among the backups there: one whose process was killed before it entered it has a file only."""
    return max((int(found[1]) for path in folder.glob("*") if (found := NUMBER.match(path.name))), default=0)


def ship(directory: Path, replica: Path, clock: Callable[[], Seconds]) -> Backup:
    """Send the replica what changed since the last backup; everything if there is none."""
    with closing(Database(directory / CONTROL_FILE, "")) as control:
        known = BackupLedger(control).epochs()
    if not replica.is_dir():
        hint = "bring it back; until then nothing is shipped and a loss would be total"
        raise StoreUnavailable("REPLICA_MISSING", "the replica's directory is not there", hint)
    return take_backup(directory, replica, clock, known[-1] if known else None)


def _only_one(directory: Path) -> "closing[ProcessLock]":
    try:
        return closing(ProcessLock(directory / BACKUP_LOCK))
    except StoreUnavailable as error:
        if error.code != "VAULT_IN_USE":
            raise
        raise StoreUnavailable("BACKUP_RUNNING", "another backup is being taken", "wait until it is done") from None


def _collect(
    directory: Path, part: Path, facts: tuple[int, int | None, Seconds], marks: dict[str, int]
) -> tuple[Manifest, dict[str, int]]:
    """Write the members; the manifest and how far each journal was read."""
    number, since, at = facts
    files, reached = {}, {}
    vault_id, epoch = "", 0
    embedded = isinstance(load_settings(directory).blocks, EmbeddedSettings)
    for name in IN_ORDER:
        if name == BLOCKS_FILE and not embedded:
            continue  # a swarm replicates its blocks itself
        with closing(Database(directory / name, "")) as database:
            install_journal(database)
            member = member_of(name) + (DB if since is None else CHANGES)
            with database.snapshot():
                reached[name] = mark_of(database)
                if since is None:
                    database.copy_to(part / member)
                else:
                    _write_changes(database, marks.get(name, 0), part / member)
                if name == KEYS_FILE:
                    vault_id = bytes(database.value("SELECT value FROM meta WHERE name = 'vault id'")).hex()
                    epoch = int(database.value("SELECT value FROM meta WHERE name = 'epoch'"))
        files[member] = measure(part / member)
    return Manifest(vault_id, number, epoch, since, at, files), reached


def _write_changes(database: Database, mark: int, path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        for change in changes_since(database, mark):
            file.write(json.dumps(change, separators=(",", ":")) + "\n")


def _prune(directory: Path, marks: dict[str, int]) -> None:
    for name, mark in marks.items():
        if (directory / name).exists():
            with closing(Database(directory / name, "")) as database:
                prune_journal(database, mark)


def _name(manifest: Manifest) -> str:
    kind = "full" if manifest.since is None else f"since-{manifest.since}"
    return f"vault-{manifest.vault_id[:8]}-{manifest.number:06d}-epoch-{manifest.epoch}-{kind}.backup"
