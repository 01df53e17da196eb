"""Writing a store: one process, one thread. A block is written in a single transaction that ends with fsync: state
nodes, header, body, receipts, indexes, extras and head are all there or none is."""

import errno
import os
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lmdb
import rlp

from node.blocks import Header
from node.errors import StoreError
from node.receipts import Receipt, pack
from node.store.generations import due, step
from node.store.reading import StoreReader
from node.store.schema import (
    DATA_FILE,
    extra_key,
    fetch,
    number_key,
    open_writing,
    refuse_restoring,
    take_lock,
    write_mark,
)

Extras = Mapping[str, Mapping[bytes, bytes | None]]
"""Changes of what rules remember: table -> key -> new value, or None to forget it."""

LITTLE_ROOM = 16 * 1024 * 1024
"""Bytes; less than a large block may need at once."""


class BlockStore(StoreReader, ABC):
    """What an application needs of a store: to read it, and to hand over the next block."""

    @abstractmethod
    def write_block(
        self,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
        extras: Extras | None = None,
    ) -> None:
        """Take the next block as the head."""


class Store(BlockStore):
    """The node's data directory; one process at a time. Reads may come from any thread, writes from one."""

    def __init__(self, path: Path, map_size: int, keep_states: int = 0) -> None:
        """Open or create the store in `path`; `map_size` is the most bytes it may grow to, `keep_states` the number of
        blocks whose states `maintain` keeps (0: all).

        Raises StoreError: STORE_LOCKED, STORE_READONLY, STORE_SCHEMA, STORE_UNUSABLE, STORE_RESTORING.
        """
        self._lock, self._keep = take_lock(path), keep_states
        try:
            tables = open_writing(path, map_size)
        except BaseException:
            os.close(self._lock)
            raise
        self._attach(path, tables)
        try:
            refuse_restoring(tables)
            self._pruning = self.pruning()
        except BaseException:
            self.close()
            raise
        genesis = self.genesis()
        if genesis is not None:
            write_mark(path, genesis)

    def close(self) -> None:
        """Let go of files and lock."""
        super().close()
        os.close(self._lock)

    def write_block(
        self,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
        extras: Extras | None = None,
    ) -> None:
        """Make a block durable and the head; `transactions` are (hash, raw), `extras` what its rules remember anew.

        Raises StoreError: STORE_FULL, DISK_FULL, STORE_WRITE; the store is then as it was before.
        """
        try:
            self._env.reader_check()  # readers that were killed would keep their slots, and what they read from reuse
            with self._env.begin(write=True) as txn:
                self._put_block(txn, header, transactions, receipts, nodes)
                self._put_extras(txn, header.number, extras or {})
        except lmdb.Error as error:
            raise write_error(error, self.path) from error
        if header.number == 0:
            write_mark(self.path, header.hash)

    def maintain(self, seconds: float, elapsed: Callable[[], float] = time.monotonic) -> bool:
        """Prune for about so many seconds, in one transaction, between blocks and in the thread that writes them.
        True if there is more to do at once.

        Raises StoreError: STORE_FULL, DISK_FULL, STORE_WRITE, STORE_DAMAGED.
        """
        head = self.head()
        if head is None or not due(self._pruning, head, self.states_from, self._keep):
            return False
        end = elapsed() + seconds
        try:
            with self._env.begin(write=True) as txn:
                after = step(txn, self._db, self._pruning, head, lambda: elapsed() < end)
        except lmdb.Error as error:
            raise write_error(error, self.path) from error
        self._pruning = after
        return due(after, head, self.states_from, self._keep)

    def _put_block(
        self,
        txn: lmdb.Transaction,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
    ) -> None:
        key, db = number_key(header.number), self._db
        with txn.cursor(db[self._pruning.young_table]) as cursor:
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

    def _put_extras(self, txn: lmdb.Transaction, number: int, extras: Extras) -> None:
        """Change the extras and keep what they were, so that those of an earlier height can be told."""
        before: list[list[bytes]] = []
        for name, changes in sorted(extras.items()):
            for key, value in sorted(changes.items()):
                full = extra_key(name, key)
                old = fetch(txn, full, self._db["extras"])
                before.append([full] if old is None else [full, old])
                if value is None:
                    txn.delete(full, db=self._db["extras"])
                else:
                    txn.put(full, value, db=self._db["extras"])
        if before:
            txn.put(number_key(number), rlp.encode(before), db=self._db["undo"])


def write_error(error: lmdb.Error, path: Path) -> StoreError:
    """What a failed write means to the operator. LMDB calls it an input/output error when a disk takes only a part."""
    if isinstance(error, lmdb.MapFullError):
        return StoreError("STORE_FULL", "the store has reached its size", "raise store.map_gib and start again")
    if os.strerror(errno.ENOSPC) in str(error) or _room(path) < LITTLE_ROOM:
        return StoreError("DISK_FULL", f"the disk is full: {error}", "make room and start again; nothing is lost")
    return StoreError("STORE_WRITE", f"the store cannot be written: {error}", "check the disk")


def _room(path: Path) -> int:
    """Bytes by which the data file may still grow."""
    disk, (most, _) = os.statvfs(path), resource.getrlimit(resource.RLIMIT_FSIZE)
    free = disk.f_bavail * disk.f_frsize
    return free if most == resource.RLIM_INFINITY else min(free, most - (path / DATA_FILE).stat().st_size)
