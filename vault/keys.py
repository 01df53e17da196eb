"""The erasable key tree: a record's key exists only through the path from the root, and erasing re-keys the path.

    root key          HMAC-SHA256(root secret of the epoch, "vkt1 root" ‖ vault id ‖ epoch u64)
    virtual node      nothing stored; key of child i = HMAC-SHA256(node key, "vkt1 child" ‖ i u8)
    explicit node     one row: nonce(12) ‖ AES-256-GCM(node key, 16 x 32-byte child keys; 32 zero bytes = erased),
                      additional data "vkt1 node" ‖ vault id ‖ level u8 ‖ index u64

Every node starts virtual (a puncturable pseudo-random function, Goldreich, Goldwasser and Micali) and becomes explicit
where something was erased (the re-keyed tree of Reardon and others, CCS 2013). `erase` is one epoch:

    1 the root slot holds a fresh secret for epoch e+1       2 one commit re-keys the paths and switches to e+1
    3 the secret of epoch e is overwritten. Only now is the erasure true.

New rows hold no old key of a path node, a sibling's key gives neither its parent's nor the erased one, and old rows
open only under root secrets that are gone. A node key encrypts exactly one plaintext in its life.

At start the epoch in the database decides. Not in the root slot: an old or foreign copy, refused, nothing is written.
Secrets below it: the erasure had committed, they are destroyed. A secret above it: a crash before the commit; the next
epoch overwrites it. An empty database is given only to an empty root slot or one still at epoch 0.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vault.database import Database
from vault.errors import KeyErased, RootRefused, StoreDamaged
from vault.keyplan import Frontier, Plan, plan_of, rows_beyond, rows_under
from vault.macs import mac
from vault.paths import DEPTH, FAN_OUT, PERIOD_DEPTH, SUBJECT_DEPTH, Path, node_id
from vault.roots import SECRET_SIZE, RootSlot

KEY_SIZE = 32
NONCE_SIZE = 12
ERASED = bytes(KEY_SIZE)
CACHED_DEPTHS = (DEPTH - 1, SUBJECT_DEPTH, SUBJECT_DEPTH - 1, PERIOD_DEPTH)
CACHE_LIMIT = 65_536
CHILD_LABELS = {f"{digit:x}": b"vkt1 child" + bytes((digit,)) for digit in range(FAN_OUT)}

SCHEMA = """
CREATE TABLE node(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE counter(scope TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstone(prefix TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch did: its number and the tree rows it wrote."""

    number: int
    nodes: int


def child_key(key: bytes | bytearray, digit: int) -> bytes:
    """The key of a child of a virtual node."""
    return mac(key, b"vkt1 child" + bytes((digit,)))


def open_node(key: bytes, sealed: bytes, vault_id: bytes, level: int, index: int) -> bytearray | None:
    """The 16 child keys of an explicit node, or None if this key does not open this row."""
    aad = b"vkt1 node" + vault_id + struct.pack(">BQ", level, index)
    try:
        return bytearray(AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], aad))
    except InvalidTag:
        return None


def nothing(_step: str) -> None:
    """The default observer of steps."""


class KeyTree:
    """The keys of one vault: the only writer of its key database and root slot (the caller holds the process lock)."""

    def __init__(
        self,
        database: Database,
        root: RootSlot,
        vault_id: bytes,
        entropy: Callable[[int], bytes],
        on_step: Callable[[str], None] = nothing,
    ) -> None:
        """Open a tree, giving an empty database its epoch 0. Raises `RootRefused` and writes nothing on a mismatch."""
        self.vault_id = vault_id
        self._database = database
        self._root = root
        self._entropy = entropy
        self._on_step = on_step
        self._cache: dict[str, tuple[bytearray, bool]] = {}
        stored = database.value("SELECT value FROM meta WHERE name = 'epoch'")
        self.epoch: int = self._begin() if stored is None else int(stored)
        self._check_root()
        self.settle()

    def _begin(self) -> int:
        epochs = self._root.epochs()
        if epochs not in ((), (0,)):
            hint = "find the key database that belongs to this root slot; a new one would lose everything"
            raise RootRefused("ROOT_IN_USE", "the root slot serves a key database that is not this one", hint)
        if not epochs:
            self._root.prepare(0, self.vault_id, self._entropy(SECRET_SIZE))
        self._on_step("root created")
        self._database.execute("INSERT INTO meta VALUES ('epoch', 0), ('allocations', 0)")
        return 0

    def _check_root(self) -> None:
        if self._root.owner() not in (b"", self.vault_id):
            raise RootRefused("ROOT_FOREIGN", "this root slot belongs to another vault", "open it with its own data")
        if self.epoch not in self._root.epochs():
            hint = "this is an old copy of the key database; open the current one, nothing was changed"
            raise RootRefused("ROOT_STALE", f"the root slot holds no secret for epoch {self.epoch}", hint)

    def settle(self) -> None:
        """Finish an erasure that had committed: overwrite root secrets below the epoch of the database."""
        for epoch in self._root.epochs():
            if epoch < self.epoch:
                self._root.destroy(epoch)
        self._root.clear_torn()

    def key(self, path: Path) -> bytes:
        """The 32-byte key of a leaf or of a prefix. Raises `KeyErased`; `NODE_DAMAGED` if a row does not open."""
        with self._database.lock:
            return bytes(self._walk(path)[0])

    def is_erased(self, prefix: Path) -> bool:
        """Is every key under this prefix destroyed, and are the secrets of all earlier epochs overwritten?"""
        try:
            self.key(prefix)
        except KeyErased:
            return self._root.epochs() == (self.epoch,)
        return False

    def _walk(self, path: Path) -> tuple[bytes | bytearray, bool]:
        """Key of a node and whether it may be explicit, from the nearest cached ancestor."""
        start, (key, explicit) = self._nearest(path)
        for level in range(start, len(path)):
            if explicit:
                key, explicit = self._step(key, level, path)
            else:
                key = mac(key, CHILD_LABELS[path[level]])
            if level + 1 in CACHED_DEPTHS:
                if len(self._cache) >= CACHE_LIMIT:
                    self._forget()
                self._cache[path[: level + 1]] = (bytearray(key), explicit)
        return key, explicit

    def _nearest(self, path: Path) -> tuple[int, tuple[bytes | bytearray, bool]]:
        """The depth, key and kind of the nearest ancestor in memory, or of the root."""
        for depth in CACHED_DEPTHS:
            if depth <= len(path):
                found = self._cache.get(path[:depth])
                if found is not None:
                    return depth, found
        return 0, (self._root.root_key(self.epoch), True)

    def _step(self, key: bytes | bytearray, level: int, path: Path) -> tuple[bytes | bytearray, bool]:
        """Key and kind of a child of a node that may be explicit."""
        children = self._load(level, int(path[:level] or "0", FAN_OUT), key)
        if children is None:
            return mac(key, CHILD_LABELS[path[level]]), False
        digit = int(path[level], FAN_OUT)
        chosen = children[KEY_SIZE * digit : KEY_SIZE * (digit + 1)]
        children[:] = bytes(len(children))
        if chosen == ERASED:
            raise KeyErased
        return chosen, True

    def _load(self, level: int, index: int, key: bytes | bytearray) -> bytearray | None:
        sealed = self._database.value("SELECT sealed FROM node WHERE id = ?", (node_id(level, index),))
        if sealed is None:
            return None
        children = open_node(bytes(key), sealed, self.vault_id, level, index)
        if children is None:
            hint = "a row of the key database was changed or swapped; restore it from the replica of this epoch"
            raise StoreDamaged("NODE_DAMAGED", f"a node of level {level} does not open", hint)
        return children

    def erase(self, prefixes: Sequence[Path], frontiers: Callable[[], Iterable[Frontier]] = tuple) -> Epoch:
        """Destroy the keys under all prefixes in one epoch; with none, only refresh from the frontiers on.

        `frontiers` is asked under the lock that also guards the counters. Harmless to repeat. When it returns, the old
        root secret is overwritten; when it raises, either nothing happened or `settle` finishes it.
        """
        with self._database.lock:
            self.settle()
            number = self.epoch + 1
            self._root.prepare(number, self.vault_id, self._entropy(SECRET_SIZE))
            self._on_step("prepared")
            with self._database.transaction():
                nodes = self._commit(number, prefixes, tuple(frontiers()))
                self._on_step("before commit")
            self.epoch = number
            self._forget()
            self._on_step("committed")
            self.settle()
            self._on_step("destroyed")
            self._database.checkpoint()
            return Epoch(number, nodes)

    def _commit(self, number: int, prefixes: Sequence[Path], frontiers: Sequence[Frontier]) -> int:
        self._drop_rows(prefixes, frontiers)
        old, new = self._root.root_key(self.epoch), self._root.root_key(number)
        nodes = self._rekey(0, 0, (old, new), plan_of(prefixes, frontiers), explicit=True)
        self._database.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (number,))
        for prefix in prefixes:
            bounds = (prefix, prefix + "g", SUBJECT_DEPTH)
            self._database.execute("DELETE FROM counter WHERE scope >= ? AND scope < ? AND length(scope) = ?", bounds)
            self._database.execute("INSERT OR IGNORE INTO tombstone VALUES (?, ?)", (prefix, number))
        return nodes

    def _drop_rows(self, prefixes: Sequence[Path], frontiers: Sequence[Frontier]) -> None:
        ranges = [found for prefix in prefixes for found in rows_under(prefix)]
        ranges += [found for frontier in frontiers for found in rows_beyond(frontier)]
        self._database.execute_many("DELETE FROM node WHERE id >= ? AND id < ?", ranges)

    def _rekey(self, level: int, index: int, keys: tuple[bytes, bytes], plan: Plan, *, explicit: bool) -> int:
        """Rewrite a node under its new key, and the nodes its plan names below it. Returns the rows written."""
        old, new = keys
        children = self._load(level, index, old) if explicit else None
        explicit = children is not None
        if children is None:
            children = bytearray().join(child_key(old, digit) for digit in range(FAN_OUT))
        parts = [bytes(children[KEY_SIZE * digit : KEY_SIZE * (digit + 1)]) for digit in range(FAN_OUT)]
        for digit in range(plan.fresh_from, FAN_OUT):
            if parts[digit] != ERASED:
                parts[digit] = self._entropy(KEY_SIZE)
        for digit in plan.erased:
            parts[digit] = ERASED
        written = 1
        for digit, below in plan.children.items():
            if parts[digit] != ERASED:
                before, parts[digit] = parts[digit], self._entropy(KEY_SIZE)
                written += self._rekey(
                    level + 1, index * FAN_OUT + digit, (before, parts[digit]), below, explicit=explicit
                )
        self._store(level, index, new, b"".join(parts))
        children[:] = bytes(len(children))
        return written

    def _store(self, level: int, index: int, key: bytes, children: bytes) -> None:
        nonce = self._entropy(NONCE_SIZE)
        aad = b"vkt1 node" + self.vault_id + struct.pack(">BQ", level, index)
        sealed = nonce + AESGCM(key).encrypt(nonce, children, aad)
        self._database.execute("INSERT OR REPLACE INTO node VALUES (?, ?)", (node_id(level, index), sealed))

    def tombstones(self, since: int = 0) -> list[tuple[Path, int]]:
        """The erased prefixes of the epochs after `since` and their epoch: what a restored store has to forget."""
        query = "SELECT prefix, epoch FROM tombstone WHERE epoch > ? ORDER BY epoch, prefix"
        return [(Path(prefix), epoch) for prefix, epoch in self._database.rows(query, (since,))]

    def _forget(self) -> None:
        for key, _ in self._cache.values():
            key[:] = bytes(KEY_SIZE)
        self._cache.clear()

    def close(self) -> None:
        """Drop the keys in memory and close both files."""
        self._forget()
        self._database.close()
        self._root.close()
