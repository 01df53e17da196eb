"""Officers: people with a role and an Ed25519 key of their own under a passphrase. The vault keeps public keys only.

    key file   {name, role, public, salt, nonce, sealed}: 32-byte seed under AES-256-GCM, key from scrypt (RFC 7914)
               with N = 2^15, r = 8, p = 1; mode 0600

One person has one role: a name or a key that is known is not entered a second time.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds
from vault.credentials import StoreRole
from vault.database import Database
from vault.errors import StoreDamaged, StoreUnavailable, VaultError

SEED_SIZE, SALT_SIZE, NONCE_SIZE = 32, 16, 12
_AAD = b"tideprint/officer/1"
SCHEMA = """
CREATE TABLE officer(
    name TEXT PRIMARY KEY, role TEXT NOT NULL, public BLOB NOT NULL UNIQUE, added INTEGER NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Officer:
    """One officer as the vault knows them."""

    name: str
    role: StoreRole
    public: bytes

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Did this officer sign the message?"""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class OfficerKey:
    """An officer's opened key."""

    def __init__(self, name: str, role: StoreRole, signer: Ed25519PrivateKey) -> None:
        self.officer = Officer(name, role, signer.public_key().public_bytes_raw())
        self._signer = signer

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        return self._signer.sign(message)


def make_officer_key(
    path: Path, name: str, role: StoreRole, passphrase: str, entropy: Callable[[int], bytes]
) -> OfficerKey:
    """A fresh key in a file. Raises `OFFICER_KEY_EXISTS`."""
    seed, salt, nonce = entropy(SEED_SIZE), entropy(SALT_SIZE), entropy(NONCE_SIZE)
    made = OfficerKey(name, role, Ed25519PrivateKey.from_private_bytes(seed))
    sealed = AESGCM(_wrapping(passphrase, salt)).encrypt(nonce, seed, _bound(made.officer))
    parts = {"public": made.officer.public, "salt": salt, "nonce": nonce, "sealed": sealed}
    facts = {"name": name, "role": role, **{part: value.hex() for part, value in parts.items()}}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        hint = "choose another file"
        raise StoreUnavailable("OFFICER_KEY_EXISTS", f"cannot make {path.name}: {error.strerror}", hint) from error
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
    return made


def open_officer_key(path: Path, passphrase: str) -> OfficerKey:
    """Open a key file. Raises `OFFICER_KEY_MISSING`, `OFFICER_KEY_DAMAGED`, `PASSPHRASE_WRONG`."""
    try:
        found = json.loads(path.read_text())
        name, role = str(found["name"]), StoreRole(found["role"])
        public, salt, nonce, sealed = (bytes.fromhex(found[part]) for part in ("public", "salt", "nonce", "sealed"))
    except OSError as error:
        hint = "each officer keeps a key of their own"
        raise StoreUnavailable("OFFICER_KEY_MISSING", f"{path.name}: {error.strerror}", hint) from error
    except (ValueError, KeyError, TypeError) as error:
        hint = "bring back the officer's copy"
        raise StoreDamaged("OFFICER_KEY_DAMAGED", f"{path.name} does not read", hint) from error
    try:
        seed = AESGCM(_wrapping(passphrase, salt)).decrypt(nonce, sealed, _bound(Officer(name, role, public)))
    except InvalidTag:
        raise VaultError("PASSPHRASE_WRONG", f"the key of {name} does not open", "type it again") from None
    return OfficerKey(name, role, Ed25519PrivateKey.from_private_bytes(seed))


class Officers:
    """The officers a vault knows, in its control database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, officer: Officer, at: Seconds) -> None:
        """Enter an officer. Refuses `ROLE_SEPARATION` for a name or key that is known."""
        for known in self.all():
            if known.name == officer.name or known.public == officer.public:
                hint = "one person has one role"
                detail = f"{known.role}, {officer.role}"
                raise Refusal(RefusalCode.ROLE_SEPARATION, f"{known.name} is {known.role} already", hint, detail)
        row = (officer.name, officer.role, officer.public, at)
        self._database.execute("INSERT INTO officer VALUES (?, ?, ?, ?)", row)

    def all(self) -> list[Officer]:
        """Every officer."""
        rows = self._database.rows("SELECT name, role, public FROM officer ORDER BY name")
        return [Officer(name, StoreRole(role), public) for name, role, public in rows]

    def get(self, name: str) -> Officer:
        """Refuses `DUAL_CONTROL_REQUIRED` for somebody the vault does not know."""
        for officer in self.all():
            if officer.name == name:
                return officer
        hint = "enter the officer first"
        raise Refusal(RefusalCode.DUAL_CONTROL_REQUIRED, f"{name} is no officer of this vault", hint)


def _wrapping(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(passphrase.encode())


def _bound(officer: Officer) -> bytes:
    return _AAD + officer.public + officer.role.encode() + b"\0" + officer.name.encode()
