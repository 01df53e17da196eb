"""What is sealed for every record: canonical JSON {day, kind, record, reference_kind, salt}; and how it reads back."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NewType

from protocol.quantities import Day, Reference, Salt, SubjectId
from protocol.records import RecordKind
from protocol.references import SALT_SIZE, Kind, Opening
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
    return _head(draft.day, draft.kind) + opening.record + _tail(opening)


def unpack(record_id: RecordId, subject: SubjectId, payload: bytes) -> OpenedRecord:
    """The record of an envelope that `pack` made; its canonical bytes are cut out, not made again."""
    found = json.loads(payload)
    kind, day, salt = KINDS[found["kind"]], Day(found["day"]), Salt(bytes.fromhex(found["salt"]))
    record = payload[len(_head(day, kind)) : -TAIL_SIZE]
    return OpenedRecord(
        record_id, subject, kind, day, found["record"], Opening(Kind(found["reference_kind"]), salt, record)
    )


def _head(day: Day, kind: RecordKind) -> bytes:
    return f'{{"day":{day:d},"kind":"{kind.value}","record":'.encode()


def _tail(opening: Opening) -> bytes:
    return f',"reference_kind":{opening.kind:d},"salt":"{opening.salt.hex()}"}}'.encode()


KINDS = {kind.value: kind for kind in RecordKind}
TAIL_SIZE = len(_tail(Opening(Kind.READING, Salt(bytes(SALT_SIZE)), b"")))
"""The same for all: a kind of reference value has one digit."""


def salt_mark(salt: Salt) -> bytes:
    """16 bytes that show a salt used twice; they say nothing about a salt of 512 random bits."""
    return hashlib.sha256(b"tideprint/salt-mark/1" + salt).digest()[:SALT_MARK_SIZE]
