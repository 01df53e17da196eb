"""The register of keys besides the tree: what there is, what for, since when, in which state. No secret bytes.

    ACTIVE -> RETIRED (rotated: what it signed still verifies) ; both -> COMPROMISED (doubtful since)

A public key stays in the register for ever; the secret of a retired key is overwritten at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol.quantities import Seconds
from vault.certificates import Certificate, verify_certificate
from vault.database import Database
from vault.errors import VaultError

CERTIFICATES = "erasure certificates"
ID_SIZE = 8
SCHEMA = """
CREATE TABLE service_key(
    id TEXT PRIMARY KEY, purpose TEXT NOT NULL, algorithm TEXT NOT NULL, public BLOB NOT NULL, state TEXT NOT NULL,
    created INTEGER NOT NULL, retired INTEGER, compromised INTEGER, destroyed INTEGER
) WITHOUT ROWID;
"""
COLUMNS = "SELECT id, purpose, algorithm, public, state, created, retired, compromised, destroyed FROM service_key "


class KeyState(StrEnum):
    """What a key is good for now."""

    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"
    COMPROMISED = "COMPROMISED"


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """One entry. Times are UTC seconds; `compromised` is the moment from which it may have been in other hands."""

    id: str
    purpose: str
    algorithm: str
    public: bytes
    state: KeyState
    created: Seconds
    retired: Seconds | None
    compromised: Seconds | None
    destroyed: Seconds | None


@dataclass(frozen=True, slots=True)
class Signed:
    """By which key a certificate was signed, and whether that counts."""

    key: ServiceKey
    trusted: bool


class KeyRegister:
    """The register in the control database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, key_id: str, purpose: str, algorithm: str, public: bytes, at: Seconds) -> None:
        """Enter a key that is in use from now on; an active one of the same purpose is retired in the same commit."""
        with self.database.transaction():
            retire = "UPDATE service_key SET state = ?, retired = ? WHERE purpose = ? AND state = ?"
            self.database.execute(retire, (KeyState.RETIRED, at, purpose, KeyState.ACTIVE))
            row = (key_id, purpose, algorithm, public, KeyState.ACTIVE, at)
            self.database.execute("INSERT INTO service_key VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", row)

    def all(self) -> list[ServiceKey]:
        """Every key there ever was, oldest first."""
        return [_key(row) for row in self.database.rows(COLUMNS + "ORDER BY created, id")]

    def get(self, key_id: str) -> ServiceKey:
        """Raises `KEY_UNKNOWN`."""
        rows = self.database.rows(COLUMNS + "WHERE id = ?", (key_id,))
        if not rows:
            raise VaultError("KEY_UNKNOWN", "there is no key with this number", "look at `vault keys`")
        return _key(rows[0])

    def find(self, purpose: str, public: bytes) -> ServiceKey | None:
        """The entry of a public key."""
        rows = self.database.rows(COLUMNS + "WHERE purpose = ? AND public = ?", (purpose, public))
        return _key(rows[0]) if rows else None

    def active(self, purpose: str) -> ServiceKey | None:
        """The key in use, if one is."""
        rows = self.database.rows(COLUMNS + "WHERE purpose = ? AND state = ?", (purpose, KeyState.ACTIVE))
        return _key(rows[0]) if rows else None

    def mark_compromised(self, key_id: str, since: Seconds) -> ServiceKey:
        """From `since` on it may have been in other hands; an earlier mark stays. Rotate it as well."""
        known = self.get(key_id)
        moment = since if known.compromised is None else min(since, known.compromised)
        update = "UPDATE service_key SET state = ?, compromised = ? WHERE id = ?"
        self.database.execute(update, (KeyState.COMPROMISED, moment, key_id))
        return self.get(key_id)

    def mark_destroyed(self, key_id: str, at: Seconds) -> None:
        """Its secret is overwritten."""
        self.database.execute("UPDATE service_key SET destroyed = coalesce(destroyed, ?) WHERE id = ?", (at, key_id))

    def signer_of(self, certificate: Certificate) -> Signed | None:
        """By which key of the register a certificate was signed; None if by none. Not trusted if it says a moment from
        which the key may have been in other hands."""
        for key in self.all():
            if key.purpose == CERTIFICATES and verify_certificate(key.public, certificate):
                since = key.compromised
                return Signed(key, since is None or int(certificate.body["certified_at"]) < since)
        return None


def _key(row: Sequence[Any]) -> ServiceKey:
    key_id, purpose, algorithm, public, state, *times = row
    return ServiceKey(key_id, purpose, algorithm, public, KeyState(state), *times)
