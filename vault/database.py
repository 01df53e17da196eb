"""SQLite files the way every store of the vault uses them: durable, overwriting what is deleted, errors with codes.

WAL with synchronous=FULL (a commit survives a power cut), secure_delete=ON (deleted bytes are overwritten in the file),
temp_store=MEMORY. The security of an erasure does not rest on this: it rests on the root secret (see `vault.keys`).
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from vault.errors import StoreDamaged, StoreUnavailable, VaultError

PRAGMAS = (
    "PRAGMA page_size=4096",
    "PRAGMA journal_mode=WAL",
    "PRAGMA secure_delete=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16384",
    "PRAGMA trusted_schema=OFF",
)


CANNOT_GROW = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
"""How a full disk, or a limit on file sizes, shows where SQLite does not call it full."""


class Database:
    """One SQLite file and one connection to it, usable from several threads, one at a time."""

    def __init__(self, path: Path, schema: str, *, create: bool = False) -> None:
        """Open `path`, or create it with mode 0600 and run `schema`. Raises `StoreUnavailable` or `StoreDamaged`."""
        self.path = path
        self.lock = threading.RLock()
        self._guard = _Guard(path, self.lock)
        self._prepare_file(create)
        with self._guard:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                for pragma in PRAGMAS:
                    self._connection.execute(pragma)
                if create:
                    self._connection.executescript(schema)
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except BaseException:
                self._connection.close()
                raise

    def _prepare_file(self, create: bool) -> None:
        if create:
            try:
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                raise StoreUnavailable(
                    "DATABASE_EXISTS", f"{self.path.name} exists already", "open it instead"
                ) from None
            except OSError as error:
                raise _unwritable(self.path, error) from error
        elif self.path.parent.is_dir() and not os.access(self.path.parent, os.W_OK | os.X_OK):
            raise _unwritable(self.path, PermissionError("its directory is not open to you"))
        elif not self.path.is_file():
            hint = "bring back this file from the same moment as the others; it is never made anew over old data"
            raise StoreUnavailable("DATABASE_MISSING", f"{self.path.name} is not there", hint)
        elif not os.access(self.path, os.W_OK):
            raise _unwritable(self.path, PermissionError("not writable"))

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. `sqlite3.IntegrityError` passes; other errors come out translated."""
        with self._guard:
            return self._connection.execute(statement, values)

    def execute_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for every row."""
        with self._guard:
            self._connection.executemany(statement, rows)

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self._guard:
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        with self._guard:
            row = self._connection.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def meta(self, name: str) -> Any:
        """A value of the table `meta` that is always there. Raises `DATABASE_DAMAGED` if it is not."""
        found = self.value("SELECT value FROM meta WHERE name = ?", (name,))
        if found is None:
            hint = "restore this file from a backup, then replay the tombstones"
            raise StoreDamaged("DATABASE_DAMAGED", f"{self.path.name} lost its {name}", hint)
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when the block ends. Not nestable."""
        with self.lock:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One moment of the file for several queries, whatever others write meanwhile."""
        with self.lock:
            self.execute("BEGIN")
            try:
                self.value("SELECT count(*) FROM sqlite_master")
                yield
            finally:
                self.execute("ROLLBACK")

    def copy_to(self, path: Path) -> None:
        """Copy the file through SQLite's backup interface into a new one of mode 0600, without a log beside it."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with self._guard, closing(sqlite3.connect(path)) as target:
            self._connection.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file and truncate it, so that overwritten bytes are gone from both.

        Raises `DATABASE_BUSY` if they are not: a reader elsewhere holds the log, or it is not empty afterwards.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        with self.lock:
            busy = self.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
            if busy or (log.exists() and log.stat().st_size):
                hint = "end what else has it open, then repeat; nothing is certified before"
                raise StoreUnavailable("DATABASE_BUSY", f"the write-ahead log of {self.path.name} stays", hint)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        with self.lock:
            self._connection.close()


class _Guard:
    """Holds the lock of one database and turns the engine's errors into ours; `sqlite3.IntegrityError` passes.

    A class, not a generator: every statement goes through it.
    """

    __slots__ = ("_lock", "_path")

    def __init__(self, path: Path, lock: threading.RLock) -> None:
        self._path = path
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
            raise _translated(self._path, error) from error


def _translated(path: Path, error: sqlite3.DatabaseError) -> VaultError:
    if isinstance(error, sqlite3.OperationalError):
        return _operational(path, error)
    hint = "restore this file from a backup, then replay the tombstones"
    return StoreDamaged("DATABASE_DAMAGED", f"{path.name}: {error}", hint)


def _unwritable(path: Path, error: OSError) -> VaultError:
    hint = "the vault writes its own files; run it as their owner on a writable file system"
    return StoreUnavailable("DATABASE_READ_ONLY", f"{path.name} cannot be written: {error}", hint)


def _operational(path: Path, error: sqlite3.OperationalError) -> VaultError:
    text = str(error)
    if "readonly" in text or "unable to open" in text:
        return _unwritable(path, PermissionError(text))
    if "locked" in text:
        return StoreUnavailable("DATABASE_BUSY", f"{path.name} is in use by another process", "stop that process first")
    if "full" in text or getattr(error, "sqlite_errorname", "") in CANNOT_GROW:
        return StoreUnavailable("DATABASE_FULL", f"no room for {path.name}", "free space; nothing was lost")
    return StoreDamaged("DATABASE_DAMAGED", f"{path.name}: {text}", "restore this file from a backup")
