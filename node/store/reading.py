"""Reading a store, from any thread, in the writer's process or in another one: every read sees the last commit."""

from collections.abc import Iterator
from pathlib import Path

import lmdb
import rlp

from node.blocks import Header
from node.errors import StoreError
from node.receipts import Receipt, unpack
from node.store.schema import Tables, extra_key, number_key, open_reading


class StoreReader:
    """What a store says. Opened by path it never writes, and several processes may do so beside the writer; within one
    process a directory is opened once."""

    def __init__(self, path: Path) -> None:
        """Open the store in `path` read-only. Raises StoreError: STORE_MISSING, STORE_SCHEMA, STORE_UNUSABLE."""
        self._attach(path, open_reading(path))

    def _attach(self, path: Path, tables: Tables) -> None:
        self.path, self._env, self._db = path, tables.env, tables.db

    def close(self) -> None:
        """Let go of the files."""
        self._env.close()

    def _get(self, name: str, key: bytes) -> bytes | None:
        try:
            with self._env.begin(db=self._db[name]) as txn:
                value: bytes | None = txn.get(key)
                return value
        except lmdb.Error as error:
            raise StoreError("STORE_READ", f"the store cannot be read: {error}", "check the disk") from error

    def node(self, key: bytes) -> bytes | None:
        """A trie node or code by its hash."""
        return self._get("nodes", key)

    def genesis(self) -> bytes | None:
        """The hash of block 0, once it has been written."""
        return self._get("meta", b"genesis")

    def head(self) -> Header | None:
        """The header of the last committed block."""
        with self._env.begin() as txn:
            number = txn.get(b"head", db=self._db["meta"])
            raw = None if number is None else txn.get(number, db=self._db["headers"])
        return None if raw is None else Header.decode(raw)

    def header(self, number: int) -> Header | None:
        """The header at a height."""
        raw = self._get("headers", number_key(number)) if number >= 0 else None
        return None if raw is None else Header.decode(raw)

    def number_of(self, block_hash: bytes) -> int | None:
        """The height of a block."""
        raw = self._get("numbers", block_hash)
        return None if raw is None else int.from_bytes(raw, "big")

    def body(self, number: int) -> tuple[bytes, ...]:
        """The raw transactions of a block."""
        raw = self._get("bodies", number_key(number))
        return () if raw is None else tuple(rlp.decode(raw))

    def receipts(self, number: int) -> tuple[Receipt, ...]:
        """The receipts of a block, in the order of its transactions."""
        raw = self._get("receipts", number_key(number))
        return () if raw is None else unpack(raw)

    def location(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """(height, index) of a transaction."""
        raw = self._get("locations", transaction_hash)
        return None if raw is None else (int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big"))

    def blooms(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """(height, bloom) of the blocks with logs between two heights, both included, rising."""
        with self._env.begin(db=self._db["blooms"]) as txn, txn.cursor() as cursor:
            if not cursor.set_range(number_key(first)):
                return
            for key, value in cursor:
                number = int.from_bytes(key, "big")
                if number > last:
                    return
                yield number, int.from_bytes(value, "big")

    def extra(self, name: str, key: bytes) -> bytes | None:
        """What a rule remembers under `key` in the table `name`, as of the head."""
        return self._get("extras", extra_key(name, key))
