"""What others would use instead of the vault, and the least it could do: plain SQLite, and a flat file of keys."""

import os
import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.blocks.embedded import SCHEMA as BLOCKS
from vault.cids import CID_SIZE
from vault.database import PRAGMAS, Database
from vault.envelope import SALT_MARK_SIZE
from vault.records import SCHEMA as RECORDS

KEY_SIZE = 32
NONCE_SIZE = 12


class PlainTable:
    """Records in the clear, in one SQLite file with the vault's pragmas."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in PRAGMAS:
            self._connection.execute(pragma)
        self._connection.execute("CREATE TABLE record(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")

    def insert(self, rows: Sequence[bytes], each: int) -> None:
        """Insert rows, `each` in a transaction."""
        for start in range(0, len(rows), each):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO record(bytes) VALUES (?)", [(row,) for row in rows[start : start + each]]
            )
            self._connection.execute("COMMIT")

    def read(self, number: int) -> bytes:
        """One record."""
        row = self._connection.execute("SELECT bytes FROM record WHERE id = ?", (number,)).fetchone()
        return bytes(row[0])

    def close(self) -> None:
        self._connection.close()


class PlainStores:
    """The rows the vault writes, and nothing else: blocks by identifier in one SQLite file, record rows with a unique
    mark in another, with the vault's schemas and pragmas."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._blocks = Database(folder / "blocks.db", BLOCKS, create=True)
        self._records = Database(folder / "records.db", RECORDS, create=True)
        self._count = 0

    def rows(self, count: int, size: int) -> list[tuple[int, bytes, bytes, bytes]]:
        """Fresh rows: number, identifier, mark, and a block of this size (bytes)."""
        self._count += count
        numbers = range(self._count - count, self._count)
        return [(number, os.urandom(CID_SIZE), os.urandom(SALT_MARK_SIZE), os.urandom(size)) for number in numbers]

    def insert(self, rows: Sequence[tuple[int, bytes, bytes, bytes]], each: int) -> None:
        """Insert rows, `each` in a transaction of both files."""
        for start in range(0, len(rows), each):
            part = rows[start : start + each]
            with self._records.transaction(), self._blocks.transaction():
                blocks = sorted((cid, block) for _, cid, _, block in part)
                self._blocks.execute_many("INSERT OR IGNORE INTO block VALUES (?, ?)", blocks)
                records = [(number, cid, mark) for number, cid, mark, _ in part]
                self._records.execute_many("INSERT INTO record VALUES (?, ?, ?)", records)

    def close(self) -> None:
        self._blocks.close()
        self._records.close()


class FlatKeyFile:
    """A key of 32 bytes per record in one encrypted file, its master key in another.

    To forget, the whole file is encrypted under a fresh master key, and the old master key is overwritten. One pass of
    AES-GCM over all keys is the cheapest such file there is.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder, self._file, self._root = folder, folder / "keys", folder / "root"
        folder.mkdir()
        self._root.write_bytes(bytes(KEY_SIZE))
        self._save(bytearray(secrets.token_bytes(KEY_SIZE * count)))

    def forget(self, first: int, count: int) -> None:
        """Destroy keys, durably."""
        sealed = self._file.read_bytes()
        keys = bytearray(AESGCM(self._root.read_bytes()).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], None))
        keys[first * KEY_SIZE : (first + count) * KEY_SIZE] = bytes(count * KEY_SIZE)
        self._save(keys)

    def _save(self, keys: bytearray) -> None:
        master, nonce, fresh = secrets.token_bytes(KEY_SIZE), secrets.token_bytes(NONCE_SIZE), self._folder / "fresh"
        with fresh.open("wb") as file:
            file.write(nonce + AESGCM(master).encrypt(nonce, bytes(keys), None))
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._file)
        folder = os.open(self._folder, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        with self._root.open("r+b") as file:
            file.write(master)
            file.flush()
            os.fsync(file.fileno())
