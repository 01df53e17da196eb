"""A store in the making: what a snapshot holds is written chunk by chunk, with a note of how far it came. Until the
note is gone nobody else opens the store."""

import os
from collections.abc import Iterable
from pathlib import Path

import lmdb

from node.errors import StoreError
from node.store.schema import RESTORING, fetch, open_writing, take_lock, write_mark
from node.store.writing import write_error

Row = tuple[str, bytes, bytes]
"""Table, key, value."""


class RestoringStore:
    """A store without a head, for the one process that restores it."""

    def __init__(self, path: Path, map_size: int) -> None:
        """Raises StoreError: STORE_NOT_EMPTY when there is a chain, and what opening a store raises."""
        self.path, self._lock = path, take_lock(path)
        try:
            tables = open_writing(path, map_size)
        except BaseException:
            os.close(self._lock)
            raise
        self._env, self._db = tables.env, tables.db
        if self._meta(b"head") is not None:
            self.close()
            raise StoreError(
                "STORE_NOT_EMPTY",
                f"there is a chain in {path}",
                "restore into an empty directory, or move this one away",
            )

    def close(self) -> None:
        """Let go of files and lock."""
        self._env.close()
        os.close(self._lock)

    def note(self) -> bytes | None:
        """How far an earlier restore came."""
        return self._meta(RESTORING)

    def _meta(self, key: bytes) -> bytes | None:
        with self._env.begin() as txn:
            return fetch(txn, key, self._db["meta"])

    def begin(self, note: bytes) -> None:
        """Forget what an earlier restore left."""
        try:
            with self._env.begin(write=True) as txn:
                for name, table in self._db.items():
                    if name != "meta":
                        txn.drop(table, delete=False)
                txn.put(RESTORING, note, db=self._db["meta"])
        except lmdb.Error as error:
            raise write_error(error, self.path) from error

    def put(self, rows: Iterable[Row], note: bytes | None) -> None:
        """Write rows and how far it came, in one transaction; without a note the store is finished.

        Raises StoreError: STORE_FULL, DISK_FULL, STORE_WRITE.
        """
        try:
            with self._env.begin(write=True) as txn:
                for table, key, value in rows:
                    txn.put(key, value, db=self._db[table])
                if note is None:
                    txn.delete(RESTORING, db=self._db["meta"])
                else:
                    txn.put(RESTORING, note, db=self._db["meta"])
        except lmdb.Error as error:
            raise write_error(error, self.path) from error
        genesis = self._meta(b"genesis")
        if note is None and genesis is not None:
            write_mark(self.path, genesis)
