"""Reading a store, from any thread, in the writer's process or in another one: every read sees the last commit."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import lmdb
import rlp

from node.blocks import Header
from node.errors import StoreError
from node.receipts import Receipt, unpack
from node.store.generations import GENERATIONS, RECORD, Pruning
from node.store.schema import Tables, extra_key, fetch, number_key, open_reading

T = TypeVar("T")


class StoreReader:
    """What a store says. Opened by path it never writes, and several processes may do so beside the writer; within one
    process a directory is opened once."""

    def __init__(self, path: Path) -> None:
        """Open the store in `path` read-only. Raises StoreError: STORE_MISSING, STORE_SCHEMA, STORE_UNUSABLE."""
        self._attach(path, open_reading(path))

    def _attach(self, path: Path, tables: Tables) -> None:
        self.path, self._env, self._db = path, tables.env, tables.db
        self._likely = 0

    @property
    def tables(self) -> Tables:
        """For those who look at the whole of it."""
        return Tables(self._env, self._db)

    def close(self) -> None:
        """Let go of the files."""
        self._env.close()

    def _begin(self) -> AbstractContextManager[lmdb.Transaction]:
        return self._env.begin()

    def _get(self, name: str, key: bytes) -> bytes | None:
        try:
            with self._begin() as txn:
                return fetch(txn, key, self._db[name])
        except lmdb.Error as error:
            raise StoreError("STORE_READ", f"the store cannot be read: {error}", "check the disk") from error

    @contextmanager
    def pinned(self) -> Iterator["StoreReader"]:
        """A reader, for this thread only, that sees the store as it is now, whatever is written or pruned meanwhile.
        Space that becomes free is not used again until it ends."""
        with self._env.begin() as txn:
            yield _Pinned(self.path, self.tables, txn)

    def node(self, key: bytes) -> bytes | None:
        """A trie node or code by its hash, or None."""
        first = self._likely
        try:
            with self._begin() as txn:
                value = fetch(txn, key, self._db[GENERATIONS[first]])
                if value is None:
                    value = fetch(txn, key, self._db[GENERATIONS[1 - first]])
                    if value is not None:
                        self._likely = 1 - first
        except lmdb.Error as error:
            raise StoreError("STORE_READ", f"the store cannot be read: {error}", "check the disk") from error
        return value

    def state_node(self, key: bytes) -> bytes:
        """A trie node or code that a state refers to; a state may be pruned while it is being read.

        Raises StoreError: STATE_PRUNED, STORE_DAMAGED."""
        value = self.node(key)
        if value is None:
            if oldest := self.states_from:
                raise state_pruned(oldest)
            raise StoreError("STORE_DAMAGED", f"node 0x{key.hex()} of a state is gone", "run `node verify`")
        return value

    @property
    def states_from(self) -> int:
        """The lowest height whose state can be read; 0 where none has been pruned."""
        return int.from_bytes(self._get("meta", b"states_from") or b"", "big")

    @property
    def blocks_from(self) -> int:
        """The lowest height, block 0 apart, of a whole block: above 0 where the chain began with a snapshot."""
        return int.from_bytes(self._get("meta", b"blocks_from") or b"", "big")

    def require_state(self, header: Header) -> None:
        """Raises StoreError STATE_PRUNED when the state after a block can no longer be read."""
        if header.number < (oldest := self.states_from):
            raise state_pruned(oldest)

    def pruning(self) -> Pruning:
        """How far pruning has come."""
        return Pruning.decode(self._get("meta", RECORD))

    def genesis(self) -> bytes | None:
        """The hash of block 0, once it has been written."""
        return self._get("meta", b"genesis")

    def head(self) -> Header | None:
        """The header of the last committed block."""
        with self._begin() as txn:
            number = fetch(txn, b"head", self._db["meta"])
            raw = None if number is None else fetch(txn, number, self._db["headers"])
        return None if raw is None else _decoded("headers", Header.decode, raw)

    @property
    def height(self) -> int:
        """The height of the last committed block; -1 before block 0."""
        raw = self._get("meta", b"head")
        return -1 if raw is None else int.from_bytes(raw, "big")

    def header(self, number: int) -> Header | None:
        """The header at a height. Raises StoreError HISTORY_PRUNED for one from before the snapshot."""
        raw = self._block_part("headers", number) if number >= 0 else None
        return None if raw is None else _decoded("headers", Header.decode, raw)

    def _block_part(self, table: str, number: int) -> bytes | None:
        raw = self._get(table, number_key(number))
        if raw is None and 0 < number < (first := self.blocks_from):
            raise history_pruned(first)
        return raw

    def number_of(self, block_hash: bytes) -> int | None:
        """The height of a block."""
        raw = self._get("numbers", block_hash)
        return None if raw is None else int.from_bytes(raw, "big")

    def body(self, number: int) -> tuple[bytes, ...]:
        """The raw transactions of a block. Raises StoreError HISTORY_PRUNED."""
        raw = self._block_part("bodies", number)
        return () if raw is None else tuple(_decoded("bodies", rlp.decode, raw))

    def receipts(self, number: int) -> tuple[Receipt, ...]:
        """The receipts of a block, in the order of its transactions. Raises StoreError HISTORY_PRUNED."""
        raw = self._block_part("receipts", number)
        return () if raw is None else _decoded("receipts", unpack, raw)

    def location(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """(height, index) of a transaction."""
        raw = self._get("locations", transaction_hash)
        return None if raw is None else (int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:], "big"))

    def blooms(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """(height, bloom) of the blocks with logs between two heights, both included, rising.

        Raises StoreError HISTORY_PRUNED when some lie before the snapshot."""
        if first <= last and max(first, 1) < (known := self.blocks_from):
            raise history_pruned(known)
        with self._begin() as txn, txn.cursor(self._db["blooms"]) as cursor:
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

    def first_extras(self, name: str, limit: int) -> list[bytes]:
        """The lowest keys of the table `name`, rising, at most `limit`."""
        prefix = extra_key(name, b"")
        found: list[bytes] = []
        with self._begin() as txn, txn.cursor(self._db["extras"]) as cursor:
            more = cursor.set_range(prefix)
            while more and len(found) < limit and bytes(cursor.key()).startswith(prefix):
                found.append(bytes(cursor.key())[len(prefix) :])
                more = cursor.next()
        return found

    def extras_at(self, number: int) -> dict[bytes, bytes]:
        """All extras as they were after a block whose state is kept; keys as `extra_key` makes them."""
        with self._begin() as txn:
            with txn.cursor(self._db["extras"]) as cursor:
                found = {bytes(key): bytes(value) for key, value in cursor}
            with txn.cursor(self._db["undo"]) as cursor:
                later = cursor.last()
                while later and int.from_bytes(cursor.key(), "big") > number:
                    for key, *old in rlp.decode(cursor.value()):
                        if old:
                            found[key] = old[0]
                        else:
                            found.pop(key, None)
                    later = cursor.prev()
        return found

    def entries(self, table: str) -> int:
        """How many entries a table has."""
        with self._begin() as txn:
            return int(txn.stat(self._db[table])["entries"])

    def rows(self, table: str, after: bytes = b"", most: int = 1_000) -> list[tuple[bytes, bytes]]:
        """Entries of a table in the order of their keys, those behind `after`."""
        found: list[tuple[bytes, bytes]] = []
        with self._begin() as txn, txn.cursor(self._db[table]) as cursor:
            more = cursor.set_range(after + b"\0") if after else cursor.first()
            while more and len(found) < most:
                found.append((bytes(cursor.key()), bytes(cursor.value())))
                more = cursor.next()
        return found

    def raw(self, table: str, key: bytes) -> bytes | None:
        """An entry as it lies in the store."""
        return self._get(table, key)


class _Pinned(StoreReader):
    """A reader on one transaction."""

    def __init__(self, path: Path, tables: Tables, txn: lmdb.Transaction) -> None:
        self._attach(path, tables)
        self._txn = txn

    def _begin(self) -> AbstractContextManager[lmdb.Transaction]:
        return nullcontext(self._txn)

    def close(self) -> None:
        """Nothing: what it reads belongs to another."""


def _decoded(table: str, decode: Callable[[bytes], T], raw: bytes) -> T:
    try:
        return decode(raw)
    except (rlp.DecodingError, ValueError, TypeError, IndexError) as error:
        raise StoreError("STORE_DAMAGED", f"an entry of {table} cannot be read", "run `node verify`") from error


def state_pruned(oldest: int) -> StoreError:
    """The state asked for is gone."""
    return StoreError(
        "STATE_PRUNED", f"the state is pruned: this node keeps those from block {oldest} on", "ask an archive node"
    )


def history_pruned(first: int) -> StoreError:
    """The block asked for was never here."""
    return StoreError(
        "HISTORY_PRUNED", f"this node began with a snapshot and has blocks from {first} on", "ask an archive node"
    )
