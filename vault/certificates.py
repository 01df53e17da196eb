"""Erasure certificates: what was destroyed, when, why and how it was verified; never whose it was.

    signature  Ed25519 over "tideprint/certificate/1" ‖ canonical(certificate)
    reference  protocol.references, kind ERASURE, a fresh salt: what the daily batch anchors

They are kept in the clear beside the records: nothing in them points to a person or to an erased leaf.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.canonical import canonical
from protocol.quantities import Reference, Salt
from protocol.references import SALT_SIZE, Kind, Opening
from vault.database import Database
from vault.errors import StoreDamaged, StoreUnavailable, VaultError

DOMAIN = b"tideprint/certificate/1"
SEED_SIZE = 32
NUMBER_SIZE = 16
SCHEMA = """
CREATE TABLE certificate(
    number TEXT PRIMARY KEY, body BLOB NOT NULL, salt BLOB NOT NULL, signature BLOB NOT NULL, anchor TEXT
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signed erasure certificate. `body` is its canonical JSON; `opening` opens its reference value."""

    number: str
    body: dict[str, Any]
    signature: bytes
    opening: Opening

    @property
    def reference(self) -> Reference:
        """The reference value that is anchored."""
        return self.opening.reference


@dataclass(frozen=True, slots=True)
class CertificateAnchor:
    """Where a certificate's reference value was anchored."""

    anchor_id: int
    root: bytes
    proof: tuple[bytes, ...]


def load_signer(path: Path, entropy: Callable[[int], bytes] | None = None) -> Ed25519PrivateKey:
    """The vault's service key from a file of 32 bytes, mode 0600; made first if `entropy` is given."""
    try:
        if entropy is not None:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            os.write(descriptor, entropy(SEED_SIZE))
            os.fsync(descriptor)
            os.close(descriptor)
        seed = path.read_bytes()
    except OSError as error:
        hint = "bring back the service key; certificates cannot be signed without it"
        raise StoreUnavailable("SERVICE_KEY_MISSING", f"{path.name}: {error}", hint) from error
    if len(seed) != SEED_SIZE:
        hint = "bring back the service key; certificates cannot be signed without it"
        raise StoreUnavailable("SERVICE_KEY_MISSING", f"{path.name} has {len(seed)} bytes, not {SEED_SIZE}", hint)
    return Ed25519PrivateKey.from_private_bytes(seed)


def verify_certificate(public_key: bytes, certificate: Certificate) -> bool:
    """Did the holder of this Ed25519 key (32 bytes) sign the certificate?"""
    try:
        signed = DOMAIN + canonical(certificate.body)
        Ed25519PublicKey.from_public_bytes(public_key).verify(certificate.signature, signed)
    except InvalidSignature:
        return False
    return certificate.opening.record == canonical(certificate.body)


class CertificateBook:
    """The certificates of one vault, in the order of their random numbers."""

    def __init__(self, database: Database, signer: Ed25519PrivateKey, entropy: Callable[[int], bytes]) -> None:
        self._database = database
        self._signer = signer
        self._entropy = entropy

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key, 32 bytes, that verifies the certificates."""
        return self._signer.public_key().public_bytes_raw()

    def sign_with(self, signer: Ed25519PrivateKey) -> None:
        """Sign with this key from now on, after a rotation."""
        self._signer = signer

    def issue(self, facts: dict[str, Any]) -> Certificate:
        """Sign and store a certificate, inside the caller's transaction."""
        number = self._entropy(NUMBER_SIZE).hex()
        body = {**facts, "number": number, "version": 1}
        signed = canonical(body)
        opening = Opening(Kind.ERASURE, Salt(self._entropy(SALT_SIZE)), signed)
        certificate = Certificate(number, body, self._signer.sign(DOMAIN + signed), opening)
        row = (number, signed, opening.salt, certificate.signature)
        self._database.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, NULL)", row)
        return certificate

    def adopt(self, certificate: Certificate) -> None:
        """Take a certificate of the silo, signed with the silo's key, to be anchored with ours; again: nothing."""
        row = (certificate.number, certificate.opening.record, certificate.opening.salt, certificate.signature)
        self._database.execute("INSERT OR IGNORE INTO certificate VALUES (?, ?, ?, ?, NULL)", row)

    def get(self, number: str) -> Certificate:
        """The certificate with this number. Raises `CERTIFICATE_UNKNOWN`."""
        found = self._select("WHERE number = ?", (number,))
        if not found:
            raise VaultError("CERTIFICATE_UNKNOWN", "there is no certificate with this number")
        return found[0]

    def all(self) -> list[Certificate]:
        """Every certificate."""
        return self._select("")

    def pending(self) -> list[Certificate]:
        """Those whose reference value is not anchored yet."""
        return self._select("WHERE anchor IS NULL")

    def attach_anchor(self, number: str, anchor_id: int, root: bytes, proof: Sequence[bytes]) -> None:
        """Keep where a certificate was anchored."""
        self.get(number)
        kept = {"anchor": anchor_id, "proof": [sibling.hex() for sibling in proof], "root": root.hex()}
        self._database.execute("UPDATE certificate SET anchor = ? WHERE number = ?", (canonical(kept).decode(), number))

    def anchor_of(self, number: str) -> CertificateAnchor | None:
        """Where a certificate was anchored, or None while it was not."""
        kept = self._database.value("SELECT anchor FROM certificate WHERE number = ?", (number,))
        if kept is None:
            return None
        found = json.loads(kept)
        proof = tuple(bytes.fromhex(sibling) for sibling in found["proof"])
        return CertificateAnchor(found["anchor"], bytes.fromhex(found["root"]), proof)

    def _select(self, condition: str, values: Sequence[Any] = ()) -> list[Certificate]:
        columns = "SELECT number, body, signature, salt FROM certificate "
        rows = self._database.rows(columns + condition, values)
        try:
            return [
                Certificate(number, json.loads(body), signature, Opening(Kind.ERASURE, Salt(salt), body))
                for number, body, signature, salt in rows
            ]
        except ValueError as error:
            hint = "restore records.db from a backup, then replay the tombstones"
            raise StoreDamaged("DATABASE_DAMAGED", "a certificate does not read", hint) from error
