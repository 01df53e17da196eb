"""A vault that loses its disk: everything but the root slot, the credentials and the backups."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.vault.support import Clock, options
from vault import Vault
from vault.backup import Backup, Restored, restore, take_backup
from vault.files import BLOCKS_FILE, CONTROL_FILE, IDENTITY_FILE, KEYS, KEYS_FILE, RECORDS_FILE
from vault.roots import FileSettings, Secret, open_root

STORES = (RECORDS_FILE, IDENTITY_FILE, CONTROL_FILE, BLOCKS_FILE, KEYS_FILE)


def backup(home: Path, out: Path, since: int | None = None) -> Backup:
    out.mkdir(exist_ok=True)
    return take_backup(home, out, Clock(), since)


def lose(home: Path, names: Sequence[str] = STORES) -> None:
    """The files of some stores are gone, with their logs."""
    for name in names:
        for file in (home / name).parent.glob(Path(name).name + "*"):
            file.unlink()


def root_held(home: Path) -> Callable[[], Sequence[Secret]]:
    def ask() -> Sequence[Secret]:
        root = open_root(FileSettings(allow_remnants=True), home / KEYS)
        try:
            return root.held()
        finally:
            root.close()

    return ask


def restored(home: Path, *sources: Path, **more: object) -> Restored:
    return restore(home, sources, root_held(home), **more)  # type: ignore[arg-type]


def opened(home: Path) -> Vault:
    """The vault after its replay."""
    vault = Vault.open(home, options())
    assert vault.status().locked
    vault.replay()
    assert not vault.status().locked
    return vault
