"""Moving a vault's blocks from one store to another: as they are, verified before anything is deleted, resumable.

    copy      every block that a record needs, unless all members of the target have it
    verify    every block read back from every member of the target and hashed
    switch    `vault.toml` names the target; `moved-from.toml` keeps the old settings
    empty     the blocks deleted from the source; then `moved-from.toml` goes

Nothing is decrypted. Killed before the switch, the vault goes on with its source and another run copies what is
missing; killed after it, the vault goes on with its target and another run empties the source. No process may have the
vault open meanwhile.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from vault.blocks import BlockSettings, BlockStore, EmbeddedSettings, open_blocks
from vault.cids import Cid
from vault.config import VaultSettings, load_settings, parse_settings, write_settings
from vault.database import Database
from vault.errors import VaultError
from vault.files import CONFIG_FILE, LOCK_FILE, RECORDS, RECORDS_FILE
from vault.locking import ProcessLock
from vault.segments import referenced

LEFT_FILE = "moved-from.toml"
PAGE = 200
Progress = Callable[[str, int, int], None]
"""Called with the step, how many blocks it has done, and of how many."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did, or would do: blocks needed, copied now (or to be copied), deleted from the source."""

    blocks: int
    copied: int
    deleted: int
    members: tuple[str, ...]


def move(directory: Path, target: BlockSettings, progress: Progress, *, dry_run: bool = False) -> Moved:
    """Move the blocks of the vault in `directory` to where `target` says; a dry run changes nothing.

    Raises `MOVE_NEEDLESS` (they are there), `MOVE_UNDER_WAY` (another target was begun), `VAULT_IN_USE`, and what the
    stores say: `BLOCK_MISSING`, `BLOCK_DAMAGED`, `STORE_UNREACHABLE`.
    """
    with closing(ProcessLock(directory / LOCK_FILE)), closing(Database(directory / RECORDS_FILE, "")) as rows:
        settings = load_settings(directory)
        left = _left(directory)
        if left is not None and settings.blocks != target:
            hint = "finish it first: the same command with the target that vault.toml names"
            raise VaultError("MOVE_UNDER_WAY", "blocks are still being moved elsewhere", hint)
        if left is None and settings.blocks == target:
            raise VaultError("MOVE_NEEDLESS", "the blocks are in this store already")
        cids = sorted(referenced(rows))
        source = left.blocks if left is not None else settings.blocks
        if dry_run:
            return _rehearse(directory, target, cids)
        copied = 0 if left is not None else _copy(directory, settings, target, cids, progress)
        deleted = _empty(directory, source, target, cids, progress)
        return Moved(len(cids), copied, deleted, _members(directory, target))


def _copy(
    directory: Path, settings: VaultSettings, target: BlockSettings, cids: Sequence[Cid], progress: Progress
) -> int:
    with closing(open_blocks(settings.blocks, directory / RECORDS)) as old, closing(_target(directory, target)) as new:
        copied = _bring(old, new, cids, progress)
        _verify(new, cids, progress)
    _write(directory, LEFT_FILE, settings)
    _write(directory, CONFIG_FILE, replace(settings, blocks=target))
    return copied


def _bring(old: BlockStore, new: BlockStore, cids: Sequence[Cid], progress: Progress) -> int:
    copied = 0
    for done, page in _pages(cids):
        if lacking := _lacking(new, page):
            new.put({cid: old.get(cid) for cid in lacking})
            copied += len(lacking)
        progress("copy", done, len(cids))
    return copied


def _lacking(store: BlockStore, page: Sequence[Cid]) -> Sequence[Cid]:
    """Those that some member lacks; all of them if members differ, as storing twice changes nothing."""
    counts = set(store.count(page).values())
    if counts == {len(page)}:
        return ()
    return page if len(counts) > 1 else sorted(set(page) - store.has(page))


def _verify(store: BlockStore, cids: Sequence[Cid], progress: Progress) -> None:
    for done, page in _pages(cids):
        store.verify(page)
        progress("verify", done, len(cids))


def _empty(
    directory: Path, source: BlockSettings, target: BlockSettings, cids: Sequence[Cid], progress: Progress
) -> int:
    """Delete from the source what the target has; the target is looked at once more, as this may be another day."""
    deleted = 0
    file = directory / RECORDS / source.file if isinstance(source, EmbeddedSettings) else None
    if file is None or file.exists():
        with closing(open_blocks(source, directory / RECORDS)) as old, closing(_target(directory, target)) as new:
            for done, page in _pages(cids):
                there = old.has(page)
                new.verify(there)
                deleted += old.delete(there)
                progress("empty", done, len(cids))
    if file is not None:
        for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
            file.with_name(name).unlink(missing_ok=True)
    (directory / LEFT_FILE).unlink(missing_ok=True)
    return deleted


def _rehearse(directory: Path, target: BlockSettings, cids: Sequence[Cid]) -> Moved:
    if isinstance(target, EmbeddedSettings) and not (directory / RECORDS / target.file).exists():
        return Moved(len(cids), len(cids), 0, ("embedded",))
    with closing(open_blocks(target, directory / RECORDS)) as new:
        return Moved(len(cids), sum(len(_lacking(new, page)) for _, page in _pages(cids)), 0, new.members)


def _target(directory: Path, target: BlockSettings) -> BlockStore:
    fresh = isinstance(target, EmbeddedSettings) and not (directory / RECORDS / target.file).exists()
    return open_blocks(target, directory / RECORDS, create=fresh)


def _members(directory: Path, target: BlockSettings) -> tuple[str, ...]:
    with closing(open_blocks(target, directory / RECORDS)) as store:
        return store.members


def _left(directory: Path) -> VaultSettings | None:
    """The settings of before, if a switch was made and the source is not empty yet."""
    try:
        return parse_settings((directory / LEFT_FILE).read_text())
    except FileNotFoundError:
        return None


def _write(directory: Path, name: str, settings: VaultSettings) -> None:
    """Replace a settings file, whole or not at all, durable when it returns."""
    with tempfile.TemporaryDirectory(dir=directory, prefix=".settings") as fresh:
        write_settings(Path(fresh), settings)
        (Path(fresh) / CONFIG_FILE).replace(directory / name)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pages(cids: Sequence[Cid]) -> Iterator[tuple[int, Sequence[Cid]]]:
    """How many are done after each page, and the page."""
    source, done = iter(cids), 0
    while page := tuple(islice(source, PAGE)):
        done += len(page)
        yield done, page
