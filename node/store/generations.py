"""Forgetting old states although they share their nodes: two generations of nodes, of which one is young.

Blocks write into the young generation, reads look into both. Pruning goes round through four phases:

    idle      one generation holds every state that is kept. Once it holds more than are to be kept, the empty
              generation becomes the young one and the head's height is noted as `since`
    copying   the state at `since` is copied into the young one, some nodes at a time. Later blocks write all their new
              nodes there, so afterwards every state from `since` on is there as a whole
    waiting   until the states that are to be kept all lie at or above `since`
    emptying  `states_from` becomes `since`, and the old generation is emptied, some nodes at a time

Each step is one transaction that also writes down how far it came, so a crash between any two is nothing special. A
node is deleted only from a generation of which no kept state needs anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import lmdb
import rlp

from node.blocks import Header
from node.errors import StoreError
from node.store.schema import number_key
from node.store.walk import CODE, Walk

GENERATIONS = ("nodes", "nodes2")
RECORD = b"pruning"
BATCH = 64
"""Nodes between two looks at the clock."""


class Phase(StrEnum):
    """Where pruning stands."""

    IDLE = "idle"
    COPYING = "copying"
    WAITING = "waiting"
    EMPTYING = "emptying"


@dataclass(frozen=True, slots=True)
class Pruning:
    """How far pruning has come; `young` is 0 or 1, `walk` what is still to be copied."""

    phase: Phase = Phase.IDLE
    young: int = 0
    since: int = 0
    walk: bytes = b""

    @property
    def young_table(self) -> str:
        """Where new nodes go."""
        return GENERATIONS[self.young]

    @property
    def old_table(self) -> str:
        """What is emptied at last."""
        return GENERATIONS[1 - self.young]

    def encode(self) -> bytes:
        """As it lies in the store."""
        return bytes(rlp.encode([self.phase.encode(), self.young, self.since, self.walk]))

    @staticmethod
    def decode(raw: bytes | None) -> "Pruning":
        """The inverse of `encode`; nothing is a store that was never pruned."""
        if raw is None:
            return Pruning()
        phase, young, since, walk = rlp.decode(raw)
        return Pruning(Phase(phase.decode()), int.from_bytes(young, "big"), int.from_bytes(since, "big"), walk)


def due(now: Pruning, head: Header, states_from: int, keep: int) -> bool:
    """Is there a step to take? `keep` 0 keeps every state; what is half emptied is emptied even then."""
    match now.phase:
        case Phase.IDLE:
            return keep > 0 and head.number - states_from >= keep
        case Phase.COPYING:
            return keep > 0
        case Phase.WAITING:
            return keep > 0 and head.number - now.since >= keep
        case Phase.EMPTYING:
            return True


def step(
    txn: lmdb.Transaction, db: dict[str, lmdb._Database], now: Pruning, head: Header, in_time: Callable[[], bool]
) -> Pruning:
    """Take a step that is due and write down how far it came."""
    match now.phase:
        case Phase.IDLE:
            after = Pruning(Phase.COPYING, 1 - now.young, head.number, Walk.of(head.state_root).packed())
        case Phase.COPYING:
            after = _copy(txn, db, now, in_time)
        case Phase.WAITING:
            txn.put(b"states_from", number_key(now.since), db=db["meta"])
            after = replace(now, phase=Phase.EMPTYING)
        case Phase.EMPTYING:
            after = _empty(txn, db, now, in_time)
    txn.put(RECORD, after.encode(), db=db["meta"])
    return after


def _copy(txn: lmdb.Transaction, db: dict[str, lmdb._Database], now: Pruning, in_time: Callable[[], bool]) -> Pruning:
    young, old = db[now.young_table], db[now.old_table]
    walk = Walk.unpacked(now.walk)
    while not walk.done and in_time():
        for _ in range(BATCH):
            if walk.done:
                break
            entry = walk.next
            key = entry[1:]
            value = txn.get(key, db=old)
            if value is None:
                value = txn.get(key, db=young)
            elif not txn.put(key, value, db=young, overwrite=False) and entry[:1] == CODE:
                walk.skip()
                continue
            if value is None:
                raise StoreError(
                    "STORE_DAMAGED", f"node 0x{key.hex()} of the state at {now.since} is gone", "restore a snapshot"
                )
            walk.visit(bytes(value))
    if walk.done:
        return replace(now, phase=Phase.WAITING, walk=b"")
    return replace(now, walk=walk.packed())


def _empty(txn: lmdb.Transaction, db: dict[str, lmdb._Database], now: Pruning, in_time: Callable[[], bool]) -> Pruning:
    """Delete nodes of the old generation, and what told the extras of heights whose state is gone."""
    with txn.cursor(db[now.old_table]) as cursor:
        left = cursor.first()
        while left and in_time():
            for _ in range(BATCH):
                cursor.delete()
                left = bool(cursor.key())
                if not left:
                    break
    more = _forget_undo(txn, db, number_key(now.since), in_time)
    return now if left or more else replace(now, phase=Phase.IDLE)


def _forget_undo(
    txn: lmdb.Transaction, db: dict[str, lmdb._Database], last: bytes, in_time: Callable[[], bool]
) -> bool:
    """Delete what led back from `last` or from below; True if there is more of it."""
    with txn.cursor(db["undo"]) as cursor:
        left = cursor.first()
        while left and in_time():
            if bytes(cursor.key()) > last:
                return False
            cursor.delete()
            left = bool(cursor.key())
    return left
