"""API keys: 256 random bits that are shown once; only their SHA-256 is kept.

A fast hash is enough: nobody can search 2**256 keys. A key is looked for by comparing with every record, each in
constant time, so that the time tells neither whether nor where it was found.
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from node.access.errors import AccessError, AccessRefused
from node.access.rights import Caller, Rights

PREFIX = "tide_"
KEY_BYTES = 32
LENGTH = len(PREFIX) + 43
MOST_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key's name, digest, methods; when it was made and when it ends, UTC seconds, and whether it was revoked."""

    name: str
    digest: bytes
    methods: tuple[str, ...]
    created: int
    expires: int | None = None
    revoked: bool = False


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return sha256(key.encode()).digest()


def new_key() -> str:
    """A fresh key."""
    return PREFIX + secrets.token_urlsafe(KEY_BYTES)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All keys of a node. Names are unique among the keys that are not revoked."""

    records: tuple[KeyRecord, ...] = ()

    def caller(self, key: str, now: float) -> Caller:
        """Who holds this key. Raises AccessRefused KEY_UNKNOWN, KEY_EXPIRED."""
        digest, found = digest_of(key), None
        for record in self.records:
            if hmac.compare_digest(record.digest, digest) and not record.revoked:
                found = record
        if found is None:
            raise AccessRefused("KEY_UNKNOWN", "this key is not known or was revoked", "ask the operator for a new one")
        if found.expires is not None and now >= found.expires:
            raise AccessRefused("KEY_EXPIRED", "this key has expired", "ask the operator for a new one")
        return Caller("key", found.name, Rights(found.methods), found.expires, digest)

    def holds(self, digest: bytes) -> bool:
        """Is the key with this digest still valid, apart from its time?"""
        return any(record.digest == digest and not record.revoked for record in self.records)

    def add(self, record: KeyRecord) -> "KeyRing":
        """With one more. Raises AccessError KEY_NAME."""
        if any(known.name == record.name and not known.revoked for known in self.records):
            raise AccessError(
                "KEY_NAME", f"there is a key named {record.name}", "choose another name, or revoke it first"
            )
        if len(self.records) >= MOST_KEYS:
            raise AccessError("KEY_NAME", f"there are {MOST_KEYS} keys", "remove revoked ones from access.json")
        return KeyRing((*self.records, record))

    def revoke(self, name: str) -> "KeyRing":
        """With the key of this name revoked; its record stays, for the books. Raises AccessError KEY_NAME."""
        if not any(record.name == name and not record.revoked for record in self.records):
            raise AccessError("KEY_NAME", f"no key is named {name}", "`node access list` shows all")
        return KeyRing(_revoked(self.records, name))


def _revoked(records: Sequence[KeyRecord], name: str) -> tuple[KeyRecord, ...]:
    return tuple(replace(record, revoked=True) if record.name == name else record for record in records)
