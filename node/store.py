"""Blocks, receipts and every state there ever was, in one LMDB environment.

A block is written in a single transaction that ends with fsync: state nodes, header, body, receipts, indexes and head
are all there or none is. Numbers are 8 bytes big-endian, so that LMDB's order is the chain's.

    meta          schema, genesis, head
    nodes         hash -> trie node or code
    headers       number -> header          bodies     number -> raw transactions
    receipts      number -> receipts        blooms     number -> bloom, blocks with logs only
    numbers       block hash -> number      locations  transaction hash -> number and index (4 bytes)
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import lmdb
import rlp

from node.blocks import Header
from node.errors import StoreError
from node.receipts import Receipt, pack, unpack

SCHEMA = b"1"
_NAMES = ("meta", "nodes", "headers", "bodies", "receipts", "blooms", "numbers", "locations")


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")


class Store:
    """The node's data directory; one process at a time. Reads may come from any thread, writes from one."""

    def __init__(self, path: Path, map_size: int) -> None:
        """Open or create the store in `path`; `map_size` is the most bytes it may grow to.

        Raises StoreError: STORE_LOCKED, STORE_SCHEMA, STORE_UNUSABLE.
        """
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _take_lock(path / "writer.lock")
        try:
            self._env = lmdb.open(str(path), map_size=map_size, max_dbs=len(_NAMES), max_readers=512, mode=0o600)
            self._check_whole(path / "data.mdb")
            self._db = {name: self._env.open_db(name.encode()) for name in _NAMES}
            self._check_schema()
        except lmdb.Error as error:
            os.close(self._lock)
            raise StoreError(
                "STORE_UNUSABLE", f"the store cannot be opened: {error}", "restore it or start anew"
            ) from error
        except StoreError:
            self.close()
            raise

    def _check_whole(self, file: Path) -> None:
        """The file holds every page in use: reading a page beyond its end would kill the process (SIGBUS)."""
        needed = (self._env.info()["last_pgno"] + 1) * self._env.stat()["psize"]
        if (found := file.stat().st_size) < needed:
            raise StoreError(
                "STORE_UNUSABLE",
                f"the store is cut short: {file} has {found} bytes of at least {needed}",
                "restore the whole file from a backup, or start anew with an empty directory",
            )

    def close(self) -> None:
        """Let go of files and lock."""
        self._env.close()
        os.close(self._lock)

    def _check_schema(self) -> None:
        with self._env.begin(write=True, db=self._db["meta"]) as txn:
            found = txn.get(b"schema")
            if found is None:
                txn.put(b"schema", SCHEMA)
            elif found != SCHEMA:
                raise StoreError(
                    "STORE_SCHEMA",
                    f"the store has schema {found.decode(errors='replace')}, this node reads {SCHEMA.decode()}",
                    "start the version that wrote it, or start with an empty directory",
                )

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
        raw = self._get("headers", _key(number)) if number >= 0 else None
        return None if raw is None else Header.decode(raw)

    def number_of(self, block_hash: bytes) -> int | None:
        """The height of a block."""
        raw = self._get("numbers", block_hash)
        return None if raw is None else int.from_bytes(raw, "big")

    def body(self, number: int) -> tuple[bytes, ...]:
        """The raw transactions of a block."""
        raw = self._get("bodies", _key(number))
        return () if raw is None else tuple(rlp.decode(raw))

    def receipts(self, number: int) -> tuple[Receipt, ...]:
        """The receipts of a block, in the order of its transactions."""
        raw = self._get("receipts", _key(number))
        return () if raw is None else unpack(raw)

    def location(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """(height, index) of a transaction."""
        raw = self._get("locations", transaction_hash)
        return None if raw is None else (int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big"))

    def blooms(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """(height, bloom) of the blocks with logs between two heights, both included, rising."""
        with self._env.begin(db=self._db["blooms"]) as txn, txn.cursor() as cursor:
            if not cursor.set_range(_key(first)):
                return
            for key, value in cursor:
                number = int.from_bytes(key, "big")
                if number > last:
                    return
                yield number, int.from_bytes(value, "big")

    def write_block(
        self,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
    ) -> None:
        """Make a block durable and the head; `transactions` are (hash, raw). Raises StoreError."""
        try:
            with self._env.begin(write=True) as txn:
                self._put_block(txn, header, transactions, receipts, nodes)
        except lmdb.MapFullError as error:
            raise StoreError(
                "STORE_FULL", "the store has reached its size", "raise store.map_gib and start again"
            ) from error
        except lmdb.Error as error:
            raise StoreError("STORE_WRITE", f"the block cannot be written: {error}", "check the disk") from error

    def _put_block(
        self,
        txn: lmdb.Transaction,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
    ) -> None:
        key, db = _key(header.number), self._db
        with txn.cursor(db["nodes"]) as cursor:
            cursor.putmulti(sorted(nodes.items()))
        txn.put(key, header.encode(), db=db["headers"])
        txn.put(header.hash, key, db=db["numbers"])
        if transactions:
            txn.put(key, rlp.encode([raw for _, raw in transactions]), db=db["bodies"])
            txn.put(key, pack(receipts), db=db["receipts"])
            for index, (transaction_hash, _) in enumerate(transactions):
                txn.put(transaction_hash, key + index.to_bytes(4, "big"), db=db["locations"])
        if header.bloom:
            txn.put(key, header.bloom.to_bytes(256, "big"), db=db["blooms"])
        if header.number == 0:
            txn.put(b"genesis", header.hash, db=db["meta"])
        txn.put(b"head", key, db=db["meta"])


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreError("STORE_LOCKED", "another process has this store open", "stop it first") from error
    return descriptor
