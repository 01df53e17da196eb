"""The layout of the store: its tables, their keys, its version, and what is checked before anything is read.

Numbers are 8 bytes big-endian, so that LMDB's order is the chain's.

    meta          schema, genesis, head, and how far pruning or a restore has come
    nodes, nodes2 hash -> trie node or code, in two generations (see `generations`)
    headers       number -> header          bodies     number -> raw transactions
    receipts      number -> receipts        blooms     number -> bloom, blocks with logs only
    numbers       block hash -> number      locations  transaction hash -> number and index (4 bytes)
    extras        name, 0, key -> value: what rules remember beside the state, as of the head
    undo          number -> the extras that the block changed, as they were before it

Schema 1 had neither nodes2 nor extras nor undo; it is brought up by creating them.
"""

import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

import lmdb

from node.errors import StoreError

SCHEMA = b"2"
UPGRADABLE = frozenset({b"1"})
NAMES = (
    "meta", "nodes", "nodes2", "headers", "bodies", "receipts", "blooms", "numbers", "locations", "extras", "undo",
)  # fmt: skip
DATA_FILE, LOCK_FILE, MARK_FILE = "data.mdb", "writer.lock", "store.mark"
RESTORING = b"restoring"
"""In meta while a restore is not finished: how far it came."""
MAX_READERS = 512
RESTORE_HINT = "restore the whole file from a backup or a snapshot, or start anew with an empty directory"


@dataclass(frozen=True, slots=True)
class Tables:
    """An open environment and its tables by name."""

    env: lmdb.Environment
    db: dict[str, lmdb._Database]


def number_key(number: int) -> bytes:
    """A height as a key."""
    return number.to_bytes(8, "big")


def extra_key(name: str, key: bytes) -> bytes:
    """The key of a named extra; no name holds a zero byte."""
    return name.encode() + b"\0" + key


def fetch(txn: lmdb.Transaction, key: bytes, table: lmdb._Database) -> bytes | None:
    """An entry of a table; environments are opened without buffers, so it is bytes."""
    return txn.get(key, db=table)  # type: ignore[return-value]


def open_reading(path: Path) -> Tables:
    """Open a store that another process may be writing. Raises StoreError: STORE_MISSING, STORE_SCHEMA,
    STORE_UNUSABLE."""
    if not (path / DATA_FILE).exists():
        raise StoreError("STORE_MISSING", f"there is no store in {path}", "name the data directory of a node")
    _refuse_empty_file(path)
    try:
        env = lmdb.open(
            str(path), map_size=0, max_dbs=len(NAMES), max_readers=MAX_READERS, readonly=True, create=False, mode=0o600
        )
    except lmdb.Error as error:
        raise _unusable(error) from error
    try:
        _check_whole(env, path)
        _refuse_schema(_schema(env))
        tables = Tables(env, {name: env.open_db(name.encode(), create=False) for name in NAMES})
        refuse_restoring(tables)
        return tables
    except lmdb.NotFoundError as error:
        env.close()
        raise StoreError("STORE_MISSING", f"the store in {path} has no block yet", "start the node once") from error
    except lmdb.Error as error:
        env.close()
        raise _unusable(error) from error
    except StoreError:
        env.close()
        raise


def open_writing(path: Path, map_size: int) -> Tables:
    """Open or create a store; the caller holds the lock. Raises StoreError: STORE_SCHEMA, STORE_UNUSABLE."""
    _refuse_empty_file(path)
    try:
        env = lmdb.open(str(path), map_size=map_size, max_dbs=len(NAMES), max_readers=MAX_READERS, mode=0o600)
    except lmdb.Error as error:
        raise _unusable(error) from error
    try:
        _check_whole(env, path)
        db = {"meta": env.open_db(b"meta")}
        found = _schema(env)
        if found not in UPGRADABLE and found is not None:
            _refuse_schema(found)
        db |= {name: env.open_db(name.encode()) for name in NAMES}
        if found != SCHEMA:
            with env.begin(write=True) as txn:
                txn.put(b"schema", SCHEMA, db=db["meta"])
        return Tables(env, db)
    except lmdb.Error as error:
        env.close()
        raise _unusable(error) from error
    except StoreError:
        env.close()
        raise


def take_lock(path: Path) -> int:
    """Be the only writer of a directory, which is created. Raises StoreError: STORE_LOCKED, STORE_READONLY."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            "STORE_READONLY" if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM) else "STORE_UNUSABLE",
            f"the store cannot be written: {path}: {error.strerror}",
            "give this user the directory, or choose another one",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreError("STORE_LOCKED", "another process has this store open", "stop it first") from error
    return descriptor


def refuse_restoring(tables: Tables) -> None:
    """Raises StoreError STORE_RESTORING while a restore is not finished."""
    with tables.env.begin() as txn:
        if txn.get(RESTORING, db=tables.db["meta"]) is not None:
            raise StoreError(
                "STORE_RESTORING", "a restore into this directory was not finished", "run the same `node restore` again"
            )


def write_mark(path: Path, genesis: bytes) -> None:
    """Leave a sign beside the data that a chain was here, so that its loss is not taken for a new beginning."""
    mark = path / MARK_FILE
    if not mark.exists():
        descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"a chain is kept here; its block 0 is 0x{genesis.hex()}\n")


def _schema(env: lmdb.Environment) -> bytes | None:
    with env.begin() as txn:
        if txn.get(b"meta") is None:
            return None
    meta = env.open_db(b"meta", create=False)
    with env.begin(db=meta) as txn:
        found: bytes | None = txn.get(b"schema")
        return found


def _refuse_schema(found: bytes | None) -> None:
    if found is None:
        raise StoreError("STORE_MISSING", "the store has not been set up yet", "start the node once")
    if found in UPGRADABLE:
        hint = "start the node once: it brings the store up to date"
    else:
        hint = "start the version that wrote it, or start with an empty directory"
    if found != SCHEMA:
        raise StoreError(
            "STORE_SCHEMA",
            f"the store has schema {found.decode(errors='replace')}, this node reads {SCHEMA.decode()}",
            hint,
        )


def _refuse_empty_file(path: Path) -> None:
    """LMDB takes a missing or empty file for a new store; where a chain was kept, it is a loss."""
    file = path / DATA_FILE
    if (path / MARK_FILE).exists() and not (file.exists() and file.stat().st_size):
        raise StoreError("STORE_UNUSABLE", f"{file} is empty or gone, but a chain was kept here", RESTORE_HINT)


def _check_whole(env: lmdb.Environment, path: Path) -> None:
    """The file holds every page in use: reading a page beyond its end would kill the process (SIGBUS)."""
    needed = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if (found := (path / DATA_FILE).stat().st_size) < needed:
        raise StoreError(
            "STORE_UNUSABLE",
            f"the store is cut short: {path / DATA_FILE} has {found} bytes of at least {needed}",
            RESTORE_HINT,
        )


def _unusable(error: lmdb.Error) -> StoreError:
    return StoreError("STORE_UNUSABLE", f"the store cannot be opened: {error}", RESTORE_HINT)
