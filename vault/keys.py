"""The erasable key tree: a record's key exists only through the path from the root, and erasing re-keys the path.

    root key          HMAC-SHA256(root secret of the epoch, "vkt1 root" ‖ vault id ‖ epoch u64)
    virtual node      nothing stored; key of child i = HMAC-SHA256(node key, "vkt1 child" ‖ i u8)
    explicit node     one row that wraps 16 child keys under the node's key (`vault.nodes`)

Every node starts virtual (a puncturable pseudo-random function, Goldreich, Goldwasser and Micali) and becomes explicit
where something was erased (the re-keyed tree of Reardon and others, CCS 2013). `erase` is one epoch:

    1 the mark of this attempt is written down      2 the root slot makes a secret for epoch e+1 that bears the mark
    3 one commit re-keys the paths and switches to e+1       4 every other secret is destroyed. Now the erasure is true.

New rows hold no old key of a path node, a sibling's key gives neither its parent's nor the erased one, and old rows
open only under root secrets that are gone. A node key encrypts exactly one plaintext in its life.

At start the epoch in the database decides. Not in the root slot: an old or foreign copy, refused, nothing is written.
Secrets below it: the erasure had committed, they are destroyed. A secret above it with a mark of this database: a crash
before the commit, the next epoch replaces it; with another mark: a newer database made it, refused. It is replaced and
never used again: rows written under it hold keys that the next epoch may erase. An empty database is given only to an
empty root slot or one still at epoch 0.
"""

import hmac
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vault.database import Database
from vault.errors import KeyErased, RootRefused, StoreDamaged, StoreUnavailable
from vault.keyplan import Frontier, Plan, plan_of, rows_beyond, rows_under
from vault.macs import mac
from vault.nodes import CHILD_LABELS, ERASED, KEY_SIZE, NONCE_SIZE, Children, open_node, seal_node
from vault.paths import DEPTH, FAN_OUT, PERIOD_DEPTH, SUBJECT_DEPTH, Path, node_id
from vault.process import wipeable
from vault.roots import ATTEMPT_SIZE, Entropy, RootReport, RootSlot, Secret

CACHED_DEPTHS = (DEPTH - 1, SUBJECT_DEPTH, SUBJECT_DEPTH - 1, PERIOD_DEPTH)
CACHE_LIMIT = 65_536
ATTEMPTS_KEPT = 16
BEGIN = "INSERT INTO meta VALUES ('epoch', 0), ('allocations', 0), ('attempt', ?), ('attempts', ?), ('root', ?)"

_log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE node(id INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE counter(scope TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstone(prefix TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch did: its number, the tree rows it wrote, and who confirmed that older root secrets are gone."""

    number: int
    nodes: int
    witnesses: tuple[str, ...] = ()


def _root_check(key: bytes | bytearray) -> bytes:
    """Pins the root node's key: under a wrong one every key of an untouched tree would be wrong and none would tell."""
    return mac(key, b"vkt1 root check")


def _wipe(*buffers: bytearray) -> None:
    for buffer in buffers:
        buffer[:] = bytes(len(buffer))


def nothing(_step: str) -> None:
    """The default observer of steps."""


class KeyTree:
    """The keys of one vault: the only writer of its key database and root slot (the caller holds the process lock)."""

    def __init__(
        self,
        database: Database,
        root: RootSlot,
        vault_id: bytes,
        entropy: Entropy,
        on_step: Callable[[str], None] = nothing,
    ) -> None:
        """Open a tree, giving an empty database its epoch 0. Raises `RootRefused` and writes nothing on a mismatch."""
        self.vault_id = vault_id
        self._database = database
        self._root = root
        self._entropy = entropy
        self._on_step = on_step
        self._cache: dict[str, tuple[bytearray, bool]] = {}
        self._begin()
        self.epoch: int = 0
        self._attempt = b""
        self._read_epoch()
        self._check_root()
        self._settle_if_possible()

    def _begin(self) -> None:
        """Give an empty database its epoch 0."""
        if self._meta("epoch") is not None:
            return
        held = self._root.held()
        if any(secret.epoch for secret in held):
            hint = "find the key database that belongs to this root slot; a new one would lose everything"
            raise RootRefused("ROOT_IN_USE", "the root slot serves a key database that is not this one", hint)
        self._check_owner()
        attempt = held[0].attempt if held else bytes(self._entropy(ATTEMPT_SIZE))
        if not held:
            self._root.prepare(0, self.vault_id, attempt)
        self._on_step("root created")
        check = _root_check(self._root.root_key(0, attempt))
        statement = (
            "INSERT INTO meta VALUES ('epoch', 0), ('allocations', 0), ('attempt', ?), ('attempts', ?), ('root', ?)"
        )
        self._database.execute(statement, (attempt, b"", check))

    def _read_epoch(self) -> None:
        """Take the epoch from the database: it decides, also after a commit whose outcome was not known."""
        epoch, attempt = int(self._meta("epoch")), bytes(self._meta("attempt"))
        if (epoch, attempt) != (self.epoch, self._attempt):
            self._forget()
            self.epoch, self._attempt = epoch, attempt

    def _meta(self, name: str) -> Any:
        return self._database.value("SELECT value FROM meta WHERE name = ?", (name,))

    def _attempts(self) -> list[bytes]:
        """The marks of the attempts at the next epoch that this database wrote down."""
        marks = bytes(self._meta("attempts"))
        return [marks[place : place + ATTEMPT_SIZE] for place in range(0, len(marks), ATTEMPT_SIZE)]

    def _check_owner(self) -> None:
        if self._root.owner() not in (b"", self.vault_id):
            raise RootRefused("ROOT_FOREIGN", "this root slot belongs to another vault", "open it with its own data")

    def _check_root(self) -> None:
        """Is this the database that the root slot serves? Raises `RootRefused`; writes nothing."""
        self._check_owner()
        held, hint = self._root.held(), "this is an old copy of the key database; open the current one"
        if Secret(self.epoch, self._attempt) not in held:
            raise RootRefused("ROOT_STALE", f"the root slot holds no secret for epoch {self.epoch}", hint)
        own = self._attempts()
        if any(secret.epoch > self.epoch and secret.attempt not in own for secret in held):
            raise RootRefused("ROOT_STALE", f"a newer database began epoch {self.epoch + 1}", hint)
        if not self._cache:
            self._remember_root()

    def _remember_root(self) -> None:
        self._read_epoch()
        key = self._root.root_key(self.epoch, self._attempt)
        if not hmac.compare_digest(_root_check(key), bytes(self._meta("root"))):
            hint = "the slot or a share was changed; nothing was written. Bring back the right one"
            raise StoreDamaged("ROOT_DAMAGED", "the root secret is not the one of this epoch", hint)
        self._cache[""] = (bytearray(key), self.epoch > 0)

    def settle(self) -> None:
        """Finish an erasure that had committed: destroy every root secret but the one in use. Raises
        `StoreUnavailable` while an older one could still be put together; repeat it later."""
        with self._database.lock:
            self._root.settle(self.epoch, self._attempt)

    def _settle_if_possible(self) -> None:
        try:
            self.settle()
        except (StoreUnavailable, OSError) as error:
            _log.warning("an old root secret is not destroyed yet: %s", error)

    def report(self) -> RootReport:
        """How the root slot stands: witnesses and debts."""
        with self._database.lock:
            return self._root.report(self.epoch, self._attempt)

    def key(self, path: Path) -> bytes:
        """The 32-byte key of a leaf or of a prefix. Raises `KeyErased`; `NODE_DAMAGED` if a row does not open."""
        with self._database.lock:
            return bytes(self._walk(path)[0])

    def is_erased(self, prefix: Path) -> bool:
        """Is every key under this prefix destroyed, and are the secrets of all earlier epochs overwritten?"""
        try:
            self.key(prefix)
        except KeyErased:
            with self._database.lock:
                return self._root.settled(self.epoch, self._attempt)
        return False

    def _walk(self, path: Path) -> tuple[bytes | bytearray, bool]:
        """Key of a node and whether it is explicit, from the nearest cached ancestor."""
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
        if "" not in self._cache:
            self._remember_root()
        return 0, self._cache[""]

    def _step(self, key: bytes | bytearray, level: int, path: Path) -> tuple[bytes | bytearray, bool]:
        """Key of a child of an explicit node, and whether it is explicit itself."""
        digit = int(path[level], FAN_OUT)
        children = self._load(level, int(path[:level] or "0", FAN_OUT), key)
        chosen, explicit = children.key(digit), children.has_row(digit)
        children.wipe()
        if chosen == ERASED:
            raise KeyErased
        return chosen, explicit

    def _load(self, level: int, index: int, key: bytes | bytearray) -> Children:
        sealed = self._database.value("SELECT sealed FROM node WHERE id = ?", (node_id(level, index),))
        content = None if sealed is None else open_node(key, sealed, self.vault_id, level, index)
        if content is None:
            hint = "a row of the key database was lost, changed or swapped; restore it from the replica of this epoch"
            what = "is missing" if sealed is None else "does not open"
            raise StoreDamaged("NODE_DAMAGED", f"a node of level {level} {what}", hint)
        return Children(content)

    def erase(self, prefixes: Sequence[Path], frontiers: Callable[[], Iterable[Frontier]] = tuple) -> Epoch:
        """Destroy the keys under all prefixes in one epoch; with none, only refresh from the frontiers on.

        `frontiers` is asked under the lock that also guards the counters. Harmless to repeat. When it returns, the old
        root secret is overwritten; when it raises, either nothing happened or `settle` finishes it.
        """
        with self._database.lock:
            self._read_epoch()
            self._check_root()
            self._settle_if_possible()
            number, attempt = self.epoch + 1, bytes(self._entropy(ATTEMPT_SIZE))
            own = [*self._attempts(), attempt][-ATTEMPTS_KEPT:]
            self._database.execute("UPDATE meta SET value = ? WHERE name = 'attempts'", (b"".join(own),))
            self._on_step("written down")
            self._root.prepare(number, self.vault_id, attempt, own)
            self._on_step("prepared")
            try:
                with self._database.transaction():
                    nodes = self._commit(Secret(number, attempt), prefixes, tuple(frontiers()))
                    self._on_step("before commit")
            finally:
                self._forget()
            self.epoch, self._attempt = number, attempt
            self._on_step("committed")
            self.settle()
            self._on_step("destroyed")
            self._database.checkpoint()
            return Epoch(number, nodes, self.report().witnesses)

    def _commit(self, made: Secret, prefixes: Sequence[Path], frontiers: Sequence[Frontier]) -> int:
        self._drop_rows(prefixes, frontiers)
        old = bytearray(self._root.root_key(self.epoch, self._attempt))
        new = bytearray(self._root.root_key(made.epoch, made.attempt))
        nodes = self._rekey(0, 0, (old, new), plan_of(prefixes, frontiers), explicit=self.epoch > 0)
        values = {"epoch": made.epoch, "attempt": made.attempt, "attempts": b"", "root": _root_check(new)}
        self._database.execute_many("UPDATE meta SET value = ? WHERE name = ?", ((v, n) for n, v in values.items()))
        _wipe(old, new)
        for prefix in prefixes:
            bounds = (prefix, prefix + "g", SUBJECT_DEPTH)
            self._database.execute("DELETE FROM counter WHERE scope >= ? AND scope < ? AND length(scope) = ?", bounds)
            self._database.execute("INSERT OR IGNORE INTO tombstone VALUES (?, ?)", (prefix, made.epoch))
        return nodes

    def _drop_rows(self, prefixes: Sequence[Path], frontiers: Sequence[Frontier]) -> None:
        ranges = [found for prefix in prefixes for found in rows_under(prefix)]
        ranges += [found for frontier in frontiers for found in rows_beyond(frontier)]
        self._database.execute_many("DELETE FROM node WHERE id >= ? AND id < ?", ranges)

    def _rekey(self, level: int, index: int, keys: tuple[bytearray, bytearray], plan: Plan, *, explicit: bool) -> int:
        """Rewrite a node under its new key, and the nodes its plan names below it. Returns the rows written."""
        children = self._load(level, index, keys[0]) if explicit else Children.derived(keys[0])
        for digit in range(plan.fresh_from, FAN_OUT):
            if children.key(digit) != ERASED:
                children.put(digit, self._entropy(KEY_SIZE), has_row=False)
        for digit in plan.erased:
            children.put(digit, ERASED, has_row=False)
        written = 1
        for digit, below in plan.children.items():
            old = children.key(digit)
            if old != ERASED:
                new, had_row = wipeable(self._entropy(KEY_SIZE)), children.has_row(digit)
                children.put(digit, new, has_row=True)
                written += self._rekey(level + 1, index * FAN_OUT + digit, (old, new), below, explicit=had_row)
                _wipe(old, new)
        sealed = seal_node(keys[1], children, bytes(self._entropy(NONCE_SIZE)), self.vault_id, level, index)
        self._database.execute("INSERT OR REPLACE INTO node VALUES (?, ?)", (node_id(level, index), sealed))
        children.wipe()
        return written

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
