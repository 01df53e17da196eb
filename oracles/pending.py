"""Reference values that wait for a batch, and batches on their way to the chain. Tables of the spool's file.

A row names its subject, and seals under the subject's key which record it is and where in the tree it stands. What
names no subject (lines of the access log, certificates of erasure) comes under a token, has no key, and is kept as it
is.

    content   form of the record id (1: b bytes, i integer, s text) ‖ its length (2) ‖ record id ‖ proof (32 a level)
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from oracles.database import Database
from oracles.errors import SubjectGone
from oracles.sealing import SubjectSeal
from protocol.quantities import Reference, SubjectId
from protocol.references import Kind

RecordId = str | bytes | int
"""How the keeper names a record; opaque here."""

HASH_SIZE = 32
TOKEN_KINDS = frozenset({Kind.AUDIT, Kind.ERASURE})
"""Kinds whose references come under a token instead of a subject."""

PENDING_SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    reference BLOB PRIMARY KEY, kind INTEGER NOT NULL, subject BLOB NOT NULL, sealed INTEGER NOT NULL,
    content BLOB NOT NULL, root BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_subject ON pending (subject);
CREATE INDEX IF NOT EXISTS pending_root ON pending (root, kind);
CREATE TABLE IF NOT EXISTS batch (
    root BLOB PRIMARY KEY, kind INTEGER NOT NULL, epoch INTEGER NOT NULL, count INTEGER NOT NULL,
    anchor INTEGER, attached INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""
_COLUMNS = "reference, subject, sealed, content"
_PLACE = b"spool/pending/"


@dataclass(frozen=True, slots=True)
class PendingReference:
    """A sealed record's reference value on its way to the chain."""

    kind: Kind
    reference: Reference
    subject: bytes
    """Who it belongs to; counts towards k once per batch. For `TOKEN_KINDS` a fresh random token per person, or empty
    if it is to count for nobody."""
    record_id: RecordId


@dataclass(frozen=True, slots=True)
class QueuedReference:
    """A pending reference as its row has it."""

    reference: Reference
    subject: bytes
    """Pseudonym or token."""
    sealed: bool
    record_id: RecordId
    proof: tuple[bytes, ...] = ()
    """From the leaf to the root, once a batch is built."""


class PendingReferences:
    """The queue, in the spool's file."""

    def __init__(self, database: Database, seal: SubjectSeal) -> None:
        self.database = database
        self._seal = seal

    def insert(self, write: sqlite3.Connection, references: Iterable[PendingReference]) -> None:
        """Queue references; one that waits already stays as it is. Raises `KEY_ERASED`."""
        for item in references:
            queued = QueuedReference(item.reference, item.subject, item.kind not in TOKEN_KINDS, item.record_id)
            row = (item.reference, queued.subject, queued.sealed, self._content(queued), int(item.kind))
            write.execute(f"INSERT OR IGNORE INTO pending ({_COLUMNS}, kind) VALUES (?, ?, ?, ?, ?)", row)  # noqa: S608

    def waiting(self, kind: Kind) -> list[QueuedReference]:
        """What waits for a batch, without what belongs to somebody whose key is gone."""
        sql = f"SELECT {_COLUMNS} FROM pending WHERE kind = ? AND root IS NULL"  # noqa: S608
        return self._open(self.database.rows(sql, (int(kind),)))

    def under(self, root: bytes) -> list[QueuedReference]:
        """What a batch holds and whose proofs the keeper has not got yet."""
        return self._open(self.database.rows(f"SELECT {_COLUMNS} FROM pending WHERE root = ?", (root,)))  # noqa: S608

    def place(self, write: sqlite3.Connection, root: bytes, placed: Iterable[QueuedReference]) -> None:
        """Note that these, with their proofs, are in a batch."""
        rows = [(root, self._content(queued), queued.reference) for queued in placed]
        write.executemany("UPDATE pending SET root = ?, content = ? WHERE reference = ?", rows)

    def remove(self, references: Iterable[Reference]) -> None:
        """Forget references."""
        with self.database.transaction() as write:
            write.executemany("DELETE FROM pending WHERE reference = ?", [(reference,) for reference in references])

    def _content(self, queued: QueuedReference) -> bytes:
        plain = _packed(queued.record_id, queued.proof)
        if not queued.sealed:
            return plain
        return self._seal.seal(SubjectId(queued.subject), plain, _PLACE + queued.reference)

    def _open(self, rows: Iterable[tuple[bytes, bytes, int, bytes]]) -> list[QueuedReference]:
        found = []
        for reference, subject, sealed, content in rows:
            try:
                plain = self._seal.open(SubjectId(subject), content, _PLACE + reference) if sealed else content
            except SubjectGone:
                continue
            found.append(QueuedReference(Reference(reference), subject, bool(sealed), *_unpacked(plain)))
        return found


def _packed(record_id: RecordId, proof: Iterable[bytes]) -> bytes:
    if isinstance(record_id, bytes):
        form, name = b"b", record_id
    elif isinstance(record_id, str):
        form, name = b"s", record_id.encode()
    else:
        form, name = b"i", str(record_id).encode()
    return form + len(name).to_bytes(2, "big") + name + b"".join(proof)


def _unpacked(plain: bytes) -> tuple[RecordId, tuple[bytes, ...]]:
    form, end = plain[:1], 3 + int.from_bytes(plain[1:3], "big")
    name, proof = plain[3:end], plain[end:]
    record_id: RecordId = name if form == b"b" else name.decode() if form == b"s" else int(name)
    return record_id, tuple(proof[at : at + HASH_SIZE] for at in range(0, len(proof), HASH_SIZE))
