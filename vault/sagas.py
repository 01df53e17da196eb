"""The table of erasures: what is needed to go on after a crash, and nothing of the subject once it is certified.

The target (subject and prefixes) is sealed as a ticket under a key of its own, which is destroyed before the erasure is
certified, so that no copy of this table tells whom it was about.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from protocol.canonical import canonical
from protocol.quantities import Day, Seconds, SubjectId
from vault.database import Database
from vault.errors import KeyErased, StoreDamaged, VaultError
from vault.keys import KeyTree
from vault.paths import SUBJECT_DEPTH, Path, parse, period_path, record_path
from vault.payloads import Place, Purpose, seal, unseal
from vault.slots import Slots
from vault.stores import ErasureTarget, Hold

ID_SIZE = 16
SCHEMA = """
CREATE TABLE erasure(
    id TEXT PRIMARY KEY, state TEXT NOT NULL, cause TEXT NOT NULL, cause_at INTEGER NOT NULL,
    requested_at INTEGER NOT NULL, request_mark BLOB UNIQUE,
    ticket_path TEXT, ticket BLOB, reports TEXT NOT NULL, certificate TEXT
) WITHOUT ROWID;
CREATE TABLE store(name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
COLUMNS = "SELECT id, state, cause, cause_at, requested_at, reports, certificate FROM erasure "


class Cause(StrEnum):
    """Why something is erased; the closed list."""

    ERASURE_REQUEST = "ERASURE_REQUEST"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    RETENTION_END = "RETENTION_END"
    PURPOSE_ACHIEVED = "PURPOSE_ACHIEVED"
    CONTRACT_END = "CONTRACT_END"
    PROJECT_END = "PROJECT_END"

    @property
    def needs_identity(self) -> bool:
        """Does somebody ask, whose identity has to be verified first?"""
        return self in (Cause.ERASURE_REQUEST, Cause.CONSENT_WITHDRAWN)


class State(StrEnum):
    """How far an erasure is; in this order."""

    REQUESTED = "REQUESTED"
    IDENTITY_VERIFIED = "IDENTITY_VERIFIED"
    HOLD_CHECK = "HOLD_CHECK"
    EXECUTING = "EXECUTING"
    VERIFIED = "VERIFIED"
    CERTIFIED = "CERTIFIED"
    PARTIAL_RETAINED = "PARTIAL_RETAINED"

    @property
    def final(self) -> bool:
        """Is the erasure over?"""
        return self in (State.CERTIFIED, State.PARTIAL_RETAINED)


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What one store did: entries found before, and whether none was left after."""

    name: str
    rows: int
    members: Mapping[str, int] = field(default_factory=dict)
    """Entries at each member of a replicated store."""
    done: bool = False
    holds: tuple[Hold, ...] = ()
    method: str = ""
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure as it stands."""

    id: str
    state: State
    cause: Cause
    cause_at: Seconds
    """When the cause arose: the clocks run from here."""
    requested_at: Seconds
    reports: tuple[StoreReport, ...] = ()
    certificate: str | None = None

    def report_of(self, name: str) -> StoreReport | None:
        """What a store reported so far."""
        return next((report for report in self.reports if report.name == name), None)


class ErasureTable:
    """Erasures on disk, in the database of the records."""

    def __init__(
        self, database: Database, keys: KeyTree, slots: Slots, tenant: int, entropy: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self._keys = keys
        self._slots = slots
        self._period = period_path(tenant, 0)
        self._entropy = entropy

    def insert(
        self, cause: Cause, target: ErasureTarget, at: Seconds, request_key: str | None, cause_at: Seconds
    ) -> Erasure:
        """Write down a new erasure, durably."""
        leaf = record_path(self._slots.new_subject(self._period, 1), 0)
        subject = "" if target.subject is None else target.subject.hex()
        plain = canonical({"prefixes": list(target.prefixes), "subject": subject})
        ticket = seal(self._keys.key(leaf), self._place(leaf), plain, self._entropy)
        erasure = Erasure(self._entropy(ID_SIZE).hex(), State.REQUESTED, cause, cause_at, at)
        row = (erasure.id, erasure.state, cause, cause_at, at, _mark(request_key), leaf, ticket, "[]")
        self.database.execute("INSERT INTO erasure VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", row)
        return erasure

    def save(self, erasure: Erasure) -> None:
        """Write down how far it is. A final one loses its ticket."""
        row = (erasure.state, _dump(erasure.reports), erasure.certificate, erasure.id)
        self.database.execute("UPDATE erasure SET state = ?, reports = ?, certificate = ? WHERE id = ?", row)
        if erasure.state.final:
            self.database.execute("UPDATE erasure SET ticket = NULL, ticket_path = NULL WHERE id = ?", (erasure.id,))

    def delete(self, erasure_id: str) -> None:
        """Take back an erasure that never began."""
        self.database.execute("DELETE FROM erasure WHERE id = ?", (erasure_id,))

    def get(self, erasure_id: str) -> Erasure:
        """Raises `ERASURE_UNKNOWN`."""
        return self._only("WHERE id = ?", erasure_id)

    def by_request_key(self, request_key: str) -> Erasure | None:
        """The erasure that came with this key of the requester, also long after it was certified."""
        rows = self.database.rows(COLUMNS + "WHERE request_mark = ?", (_mark(request_key),))
        return _erasure(rows[0]) if rows else None

    def unfinished(self) -> list[Erasure]:
        """Those that are not over, oldest first."""
        rows = self.database.rows(COLUMNS + "ORDER BY requested_at, id")
        return [erasure for erasure in map(_erasure, rows) if not erasure.state.final]

    def target(self, erasure_id: str) -> ErasureTarget | None:
        """What it is about, or None once its ticket is destroyed."""
        ((leaf, ticket),) = self.database.rows("SELECT ticket_path, ticket FROM erasure WHERE id = ?", (erasure_id,))
        if leaf is None:
            return None
        try:
            found = json.loads(unseal(self._keys.key(parse(leaf)), self._place(parse(leaf)), ticket))
        except KeyErased:
            return None
        subject = SubjectId(bytes.fromhex(found["subject"])) if found["subject"] else None
        return ErasureTarget(subject, tuple(Path(prefix) for prefix in found["prefixes"]))

    def destroy_ticket(self, erasure_id: str) -> None:
        """Destroy the ticket's key in an epoch of its own; a second call does nothing."""
        leaf = self.database.value("SELECT ticket_path FROM erasure WHERE id = ?", (erasure_id,))
        if leaf is not None and not self._keys.is_erased(parse(leaf)):
            self._keys.erase([Path(leaf[:SUBJECT_DEPTH])], self._slots.frontiers)

    def stores(self) -> list[str]:
        """The names of all stores ever registered."""
        return [name for (name,) in self.database.rows("SELECT name FROM store ORDER BY name")]

    def add_store(self, name: str) -> None:
        """Remember a store: no erasure is certified without it from now on."""
        self.database.execute("INSERT OR IGNORE INTO store VALUES (?)", (name,))

    def _only(self, condition: str, value: str) -> Erasure:
        rows = self.database.rows(COLUMNS + condition, (value,))
        if not rows:
            raise VaultError("ERASURE_UNKNOWN", "there is no such erasure")
        return _erasure(rows[0])

    def _place(self, leaf: Path) -> Place:
        return Place(self._keys.vault_id, leaf, Purpose.TICKET)


def _mark(request_key: str | None) -> bytes | None:
    return None if request_key is None else hashlib.sha256(b"tideprint/request/1" + request_key.encode()).digest()


def _dump(reports: tuple[StoreReport, ...]) -> str:
    return json.dumps([asdict(report) for report in reports])


def _report(found: dict[str, Any]) -> StoreReport:
    holds = tuple(Hold(hold["basis"], Day(hold["until"])) for hold in found.pop("holds"))
    return StoreReport(holds=holds, **found)


def _erasure(row: tuple[str, str, str, int, int, str, str | None]) -> Erasure:
    erasure_id, state, cause, cause_at, at, reports, certificate = row
    try:
        parsed = tuple(map(_report, json.loads(reports)))
        return Erasure(erasure_id, State(state), Cause(cause), Seconds(cause_at), Seconds(at), parsed, certificate)
    except (KeyError, TypeError, ValueError) as error:
        hint = "restore records.db from a backup, then replay the tombstones"
        raise StoreDamaged("DATABASE_DAMAGED", "the row of an erasure does not read", hint) from error
