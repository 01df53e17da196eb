"""Standing orders about a subject: a law that keeps something of it, or an end that was agreed.

An order is sealed under a leaf of the subject's own identity slot, so it dies with the subject and older copies of the
file tell nothing. On disk stand the order's number, what it is, and the leaf.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol.canonical import canonical
from protocol.quantities import SubjectId
from vault.database import Database
from vault.errors import KeyErased, VaultError
from vault.identity import IdentityMap
from vault.keys import KeyTree
from vault.paths import Path, leaf_index, leaf_path, leaf_range, record_path
from vault.payloads import Place, Purpose, seal, unseal
from vault.slots import Slots

NUMBER_SIZE = 8
SCHEMA = """
CREATE TABLE standing(id TEXT PRIMARY KEY, kind TEXT NOT NULL, leaf INTEGER NOT NULL, sealed BLOB NOT NULL)
    WITHOUT ROWID;
"""


class OrderKind(StrEnum):
    """What an order is."""

    HOLD = "HOLD"
    """A law keeps something: {basis, until, kinds, by, at}."""
    END = "END"
    """Erase the subject on a day: {cause, day}."""


@dataclass(frozen=True, slots=True)
class Order:
    """A standing order that is in force."""

    id: str
    kind: OrderKind
    subject: SubjectId
    terms: dict[str, Any]


class StandingOrders:
    """All standing orders of one vault."""

    def __init__(
        self, database: Database, keys: KeyTree, slots: Slots, identity: IdentityMap, entropy: Callable[[int], bytes]
    ) -> None:
        self._database = database
        self._keys = keys
        self._slots = slots
        self._identity = identity
        self._entropy = entropy

    def add(self, kind: OrderKind, subject: SubjectId, terms: dict[str, Any]) -> Order:
        """Write down an order, durably. Raises `SUBJECT_UNKNOWN`."""
        slot = self._identity.slot_of(subject)
        if slot is None:
            raise VaultError("SUBJECT_UNKNOWN", "there is no such subject", "it never was or was erased")
        leaf = record_path(slot, self._slots.take({slot: 1})[slot])
        order = Order(self._entropy(NUMBER_SIZE).hex(), kind, subject, terms)
        plain = canonical({"subject": subject.hex(), "terms": terms})
        sealed = seal(self._keys.key(leaf), self._place(leaf), plain, self._entropy)
        self._database.execute("INSERT INTO standing VALUES (?, ?, ?, ?)", (order.id, kind, leaf_index(leaf), sealed))
        return order

    def all(self, kind: OrderKind) -> list[Order]:
        """The orders of a kind."""
        query = "SELECT id, leaf, sealed FROM standing WHERE kind = ? ORDER BY leaf"
        found = []
        for number, index, sealed in self._database.rows(query, (kind,)):
            leaf = leaf_path(index)
            try:
                plain = json.loads(unseal(self._keys.key(leaf), self._place(leaf), sealed))
            except KeyErased:
                continue
            found.append(Order(number, kind, SubjectId(bytes.fromhex(plain["subject"])), plain["terms"]))
        return found

    def remove(self, number: str) -> None:
        """Take an order back. Raises `ORDER_UNKNOWN`."""
        if self._database.execute("DELETE FROM standing WHERE id = ?", (number,)).rowcount == 0:
            raise VaultError("ORDER_UNKNOWN", "there is no standing order with this number", "list them")
        self._database.checkpoint()

    def _place(self, leaf: Path) -> Place:
        return Place(self._keys.vault_id, leaf, Purpose.TICKET)


def delete_orders(database: Database, prefixes: Sequence[Path]) -> None:
    """Delete the orders under prefixes; inside the caller's transaction."""
    ranges = [leaf_range(prefix) for prefix in prefixes]
    database.execute_many("DELETE FROM standing WHERE leaf >= ? AND leaf < ?", ranges)
