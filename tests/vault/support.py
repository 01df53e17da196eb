"""What the tests of the vault share: a clock to turn, small vaults, and a tree on its own."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocol.quantities import Day, Seconds, SubjectId
from protocol.records import RecordKind
from vault import Draft, RecordId, Vault, VaultOptions
from vault.database import Database
from vault.keys import SCHEMA, KeyTree, nothing
from vault.roots import FileRootSlot, RootSlot
from vault.slots import Slots

TODAY = Day(20_780)
VAULT_ID = bytes(range(16))
MEMORY = Path("/dev/shm")


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self, at: int = 1_795_000_000) -> None:
        self.at = at

    def __call__(self) -> Seconds:
        return Seconds(self.at)


class Crash(Exception):
    """Stands for the process dying at a step."""


def options(**changes: Any) -> VaultOptions:
    """Options for tests; the place of the root slot is judged in its own tests."""
    return replace(VaultOptions(allow_remnants=True, clock=Clock()), **changes)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory for generated examples, in memory where there is such a place."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        yield Path(directory)


def seal_days(vault: Vault, subject: SubjectId, count: int, first: Day = TODAY) -> list[RecordId]:
    """Seal a few day records; their ids."""
    drafts = [
        Draft(subject, RecordKind.DAY, Day(first + i), {"day": first + i, "steps": 1000 + i}) for i in range(count)
    ]
    return [receipt.record_id for receipt in vault.records.seal_many(drafts)]


class Tree:
    """A key tree with its files."""

    def __init__(
        self,
        directory: Path,
        *,
        create: bool = True,
        on_step: Callable[[str], None] = nothing,
        root: RootSlot | None = None,
    ) -> None:
        self.directory = directory
        self.root: RootSlot = root or FileRootSlot(directory / "root.slot", create=create, allow_remnants=True)
        self.database = Database(directory / "keys.db", SCHEMA, create=create)
        try:
            self.keys = KeyTree(self.database, self.root, VAULT_ID, os.urandom, on_step)
        except BaseException:
            self.close()
            raise
        self.slots = Slots(self.database, 0)

    def close(self) -> None:
        self.database.close()
        self.root.close()
