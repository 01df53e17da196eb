"""Reference values that wait for a batch, and batches on their way to the chain. Tables of the spool's file."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from protocol.quantities import Reference
from protocol.references import Kind

RecordId = str | bytes | int
"""How the keeper names a record; opaque here."""

PENDING_SCHEMA = """
CREATE TABLE IF NOT EXISTS pending (
    reference BLOB PRIMARY KEY, kind INTEGER NOT NULL, subject BLOB NOT NULL, record_id NOT NULL,
    root BLOB, proof BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pending_subject ON pending (subject);
CREATE INDEX IF NOT EXISTS pending_root ON pending (root, kind);
CREATE TABLE IF NOT EXISTS batch (
    root BLOB PRIMARY KEY, kind INTEGER NOT NULL, epoch INTEGER NOT NULL, count INTEGER NOT NULL,
    anchor INTEGER, attached INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class PendingReference:
    """A sealed record's reference value on its way to the chain."""

    kind: Kind
    reference: Reference
    subject: bytes
    """Who it belongs to; counts towards k once per batch. Where no subject may be named (erasure certificates), a fresh
    random token per person."""
    record_id: RecordId


def insert_pending(write: sqlite3.Connection, references: Iterable[PendingReference]) -> None:
    """Queue references; one that waits already stays as it is."""
    write.executemany(
        "INSERT OR IGNORE INTO pending (reference, kind, subject, record_id) VALUES (?, ?, ?, ?)",
        [(item.reference, int(item.kind), item.subject, item.record_id) for item in references],
    )
