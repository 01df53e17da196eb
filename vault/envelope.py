"""What is sealed for every record: canonical JSON {day, kind, record, reference_kind, salt}; and how it reads back."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

from protocol.canonical import canonical
from protocol.quantities import Day, Reference, Salt, SubjectId
from protocol.records import RecordKind
from protocol.references import Kind, Opening
from vault.cids import Cid

RecordId = NewType("RecordId", str)
"""The record's path in the key tree, 14 hex digits. Vault only."""

SALT_MARK_SIZE = 16


@dataclass(frozen=True, slots=True)
class Draft:
    """A record to be sealed."""

    subject: SubjectId
    kind: RecordKind
    day: Day
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the vault gives back for a sealed record."""

    record_id: RecordId
    reference: Reference
    cid: Cid


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record as it was sealed, and the opening of its reference value."""

    record_id: RecordId
    subject: SubjectId
    kind: RecordKind
    day: Day
    record: dict[str, Any]
    opening: Opening


def pack(draft: Draft, opening: Opening) -> bytes:
    """The envelope's canonical bytes; the members stand in the order RFC 8785 gives them."""
    head = f'{{"day":{draft.day:d},"kind":"{draft.kind.value}","record":'.encode()
    return head + opening.record + f',"reference_kind":{opening.kind:d},"salt":"{opening.salt.hex()}"}}'.encode()


def unpack(record_id: RecordId, subject: SubjectId, payload: bytes) -> OpenedRecord:
    """The record of an envelope that `pack` made."""
    found = json.loads(payload)
    opening = Opening(Kind(found["reference_kind"]), Salt(bytes.fromhex(found["salt"])), canonical(found["record"]))
    return OpenedRecord(record_id, subject, RecordKind(found["kind"]), Day(found["day"]), found["record"], opening)


def salt_mark(salt: Salt) -> bytes:
    """16 bytes that show a salt used twice; they say nothing about a salt of 512 random bits."""
    return hashlib.sha256(b"tideprint/salt-mark/1" + salt).digest()[:SALT_MARK_SIZE]
