"""Restoring: the newest full backup, the changes since in epoch order, the root slot and credentials that are here.

Everything is laid out and checked beside the vault first. Then a marker is set, the files are moved in, the marker
goes: a restore that was cut short is seen by whoever opens the vault, and repeating it completes it. A restored vault
serves nothing until the tombstones are replayed.
"""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from vault.access_log import AccessLog
from vault.backup.archive import CHANGES, DB, Manifest, damaged, extract, read_manifest, sync_directory
from vault.backup.taking import IN_ORDER, member_of
from vault.changes import apply_changes
from vault.credentials import Store, load_credential
from vault.database import Database
from vault.errors import RootRefused, StoreUnavailable, VaultError
from vault.files import CONTROL_FILE, CREDENTIALS, KEY_LOG_FILE, KEYS_FILE, LOCK_FILE, RESTORING, SIGNER_FILE
from vault.key_register import KeyRegister
from vault.locking import ProcessLock
from vault.options import system_clock
from vault.roots import Secret
from vault.service_keys import replace_lost_key

AT_ONCE = 10_000
LOGS = ("-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: the epoch, the backups used, the stores."""

    epoch: int
    backups: tuple[str, ...]
    stores: tuple[str, ...]


def restore(
    directory: Path,
    sources: Sequence[Path],
    root_held: Callable[[], Sequence[Secret]],
    *,
    only: Collection[str] = (),
    replace: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Restored:
    """Restore the stores of the vault in `directory` from backups (files, or a directory of them).

    `root_held` asks the live root slot. `only`: names such as `records`, `blocks`; the others stay as they are.
    `replace` overwrites stores that are there. Raises `BACKUP_DAMAGED`, `BACKUP_MISSING`, `BACKUP_FOREIGN`,
    `BACKUP_GAP`, `BACKUP_STALE` (the root slot has gone on), `VAULT_EXISTS`, `VAULT_IN_USE`; nothing was changed then.
    """
    credential = load_credential(directory / CREDENTIALS, Store.KEYS)
    chain = plan([(path, read_manifest(path, credential)) for path in found_in(sources)])
    files = _wanted(chain[0][1], only)
    _make_room(directory, files)
    with closing(ProcessLock(directory / LOCK_FILE)):
        _check_target(directory, files, replace)
        stage = directory / ".restore"
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
        try:
            for file in files:
                _lay_out(stage, file, chain)
                on_step(f"laid out {file}")
            if KEYS_FILE in files:
                _check_root(stage / member_of(KEYS_FILE), root_held())
            _move_in(directory, stage, files, on_step)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    last = chain[-1][1]
    return Restored(last.epoch, tuple(path.name for path, _ in chain), tuple(member_of(file) for file in files))


def found_in(sources: Sequence[Path]) -> list[Path]:
    """The backup files meant: files as given, directories as what lies in them."""
    found: list[Path] = []
    for source in sources:
        found += sorted(source.glob("*.backup")) if source.is_dir() else [source]
    if not found:
        raise StoreUnavailable("BACKUP_MISSING", "there is no backup here", "name files, or a directory of *.backup")
    return found


def plan(found: Sequence[tuple[Path, Manifest]]) -> list[tuple[Path, Manifest]]:
    """The newest full backup and the changes after it, in order. Raises `BACKUP_FOREIGN`, `BACKUP_GAP`."""
    if len({manifest.vault_id for _, manifest in found}) > 1:
        raise VaultError("BACKUP_FOREIGN", "these backups are of different vaults", "name those of one vault")
    ordered = sorted(found, key=lambda each: each[1].number)
    fulls = [place for place, (_, manifest) in enumerate(ordered) if manifest.since is None]
    if not fulls:
        raise VaultError("BACKUP_GAP", "there is no full backup among these", "add one: changes alone restore nothing")
    chain = ordered[fulls[-1] :]
    for (_, before), (path, manifest) in pairwise(chain):
        if manifest.since is not None and manifest.since > before.epoch:
            hint = "find the backup in between"
            raise VaultError("BACKUP_GAP", f"{path.name} starts at {manifest.since}, after epoch {before.epoch}", hint)
    return chain


def _wanted(full: Manifest, only: Collection[str]) -> list[str]:
    files = [file for file in IN_ORDER if member_of(file) + DB in full.files]
    known = {member_of(file) for file in files}
    if unknown := sorted(set(only) - known):
        hint = "known are " + ", ".join(sorted(known))
        raise VaultError("STORE_UNKNOWN", f"the backup holds no {', '.join(unknown)}", hint)
    return [file for file in files if not only or member_of(file) in only]


def _make_room(directory: Path, files: Sequence[str]) -> None:
    for file in (*files, LOCK_FILE):
        (directory / file).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _check_target(directory: Path, files: Sequence[str], replace: bool) -> None:
    there = [file for file in files if (directory / file).exists()]
    if there and not replace and not (directory / RESTORING).exists():
        hint = "move them away, or say that they are to be replaced"
        raise StoreUnavailable("VAULT_EXISTS", f"{', '.join(there)} are here", hint)


def _lay_out(stage: Path, file: str, chain: Sequence[tuple[Path, Manifest]]) -> None:
    """One store at the moment of the last backup."""
    name, target = member_of(file), stage / member_of(file)
    (path, full), later = chain[0], chain[1:]
    extract(path, full, name + DB, target)
    with closing(Database(target, "")) as database:
        for path, manifest in later:
            if name + CHANGES in manifest.files:
                extract(path, manifest, name + CHANGES, stage / "changes")
                _apply(database, path, stage / "changes")
        if file == CONTROL_FILE:
            database.execute("DELETE FROM backup")
            database.execute("INSERT OR REPLACE INTO meta VALUES ('replay pending', 1)")
        database.checkpoint()
    for log in LOGS:
        target.with_name(target.name + log).unlink(missing_ok=True)


def _apply(database: Database, path: Path, changes: Path) -> None:
    with changes.open() as lines:
        parsed = (json.loads(line) for line in lines)
        try:
            while batch := list(islice(parsed, AT_ONCE)):
                apply_changes(database, batch)
        except (ValueError, KeyError, TypeError, sqlite3.IntegrityError) as error:
            raise damaged(path, f"its changes do not apply: {error}") from error


def _check_root(keys: Path, held: Sequence[Secret]) -> None:
    """Does the live root open these keys? A secret of a later epoch that never came into use is taken over: the next
    epoch replaces it."""
    with closing(Database(keys, "")) as rows:
        meta = dict(rows.rows("SELECT name, value FROM meta WHERE name IN ('epoch', 'attempt', 'attempts')"))
        current = Secret(int(meta["epoch"]), bytes(meta["attempt"]))
        if current not in held:
            there = ", ".join(str(each.epoch) for each in held) or "nothing"
            hint = "add the changes up to that epoch; without them nothing opens, older roots are destroyed"
            raise RootRefused(
                "BACKUP_STALE", f"the backups end at epoch {current.epoch}, the root slot holds {there}", hint
            )
        later = b"".join(each.attempt for each in held if each.epoch > current.epoch)
        rows.execute("UPDATE meta SET value = ? WHERE name = 'attempts'", (bytes(meta["attempts"]) + later,))
        rows.checkpoint()
    for log in LOGS:
        keys.with_name(keys.name + log).unlink(missing_ok=True)


def _move_in(directory: Path, stage: Path, files: Sequence[str], on_step: Callable[[str], None]) -> None:
    marker = directory / RESTORING
    with os.fdopen(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(list(files), file)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(directory)
    on_step("marked")
    for name in files:
        target = directory / name
        for log in LOGS:
            target.with_name(target.name + log).unlink(missing_ok=True)
        (stage / member_of(name)).rename(target)
        sync_directory(target.parent)
        on_step(f"moved {name}")
    if CONTROL_FILE not in files and (directory / CONTROL_FILE).exists():
        with closing(Database(directory / CONTROL_FILE, "")) as control:
            control.execute("INSERT OR REPLACE INTO meta VALUES ('replay pending', 1)")
    _renew(directory)
    marker.unlink()
    sync_directory(directory)
    on_step("done")


def _renew(directory: Path) -> None:
    """What no backup holds and is gone: a fresh certificate key, entered in the register; a log of the key store."""
    if not (directory / KEY_LOG_FILE).exists():
        AccessLog(directory / KEY_LOG_FILE, lambda _: None, system_clock, create=True).close()
    if not (directory / SIGNER_FILE).exists() and (directory / CONTROL_FILE).exists():
        (directory / SIGNER_FILE).parent.mkdir(mode=0o700, exist_ok=True)
        with closing(Database(directory / CONTROL_FILE, "")) as control:
            replace_lost_key(directory / SIGNER_FILE, KeyRegister(control), system_clock, os.urandom)


def check_complete(directory: Path) -> None:
    """Raises `RESTORE_UNFINISHED` while the files of a vault may be of two moments."""
    if (directory / RESTORING).exists():
        hint = "run the same restore again"
        raise StoreUnavailable("RESTORE_UNFINISHED", "a restore of this vault was cut short", hint)
