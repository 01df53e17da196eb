"""The hold officer's key pair: what goes into the silo is sealed to the public key; only the officer opens it.

    sealed = ephemeral X25519 public key (32) ‖ AES-256-GCM(key, plaintext, additional data = place)
    key    = HKDF-SHA256(X25519(ephemeral, officer), info = "tideprint/hold/1" ‖ ephemeral ‖ officer), nonce of zeros

The key is used once, so the nonce need not be random (RFC 9180 does the same in its base mode).
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.errors import Refusal, RefusalCode
from vault.errors import StoreUnavailable

KEY_SIZE = 32
_INFO = b"tideprint/hold/1"
_NONCE = bytes(12)


def write_officer_key(path: Path) -> bytes:
    """Make an officer's key file (32 bytes, mode 0600); the public key. Raises `OFFICER_KEY_EXISTS`."""
    key = X25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        hint = "use it, or name another file"
        raise StoreUnavailable("OFFICER_KEY_EXISTS", f"{path.name} is there already", hint) from None
    try:
        os.write(descriptor, key.private_bytes_raw())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return key.public_key().public_bytes_raw()


def read_officer_key(path: Path) -> bytes:
    """The officer's private key from its file. Raises `OFFICER_KEY_MISSING`."""
    try:
        key = path.read_bytes()
    except OSError as error:
        hint = "the officer brings the key; nothing else opens the silo"
        raise StoreUnavailable("OFFICER_KEY_MISSING", f"{path.name}: {error}", hint) from error
    if len(key) != KEY_SIZE:
        raise StoreUnavailable("OFFICER_KEY_MISSING", f"{path.name} is no key of 32 bytes")
    return key


def public_key_of(private_key: bytes) -> bytes:
    """The public key (32 bytes) of a private one."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def seal_to(public_key: bytes, plain: bytes, place: bytes) -> bytes:
    """Seal bytes to the officer."""
    ephemeral = X25519PrivateKey.generate()
    mine = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public_key))
    return mine + AESGCM(_key(shared, mine, public_key)).encrypt(_NONCE, plain, place)


def unseal_with(private_key: bytes, sealed: bytes, place: bytes) -> bytes:
    """Open what was sealed to the officer. Refuses `ROLE_SEPARATION` with any other key."""
    theirs, box = sealed[:KEY_SIZE], sealed[KEY_SIZE:]
    shared = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(theirs))
    try:
        return AESGCM(_key(shared, theirs, public_key_of(private_key))).decrypt(_NONCE, box, place)
    except InvalidTag:
        raise Refusal(RefusalCode.ROLE_SEPARATION, "this key is not the hold officer's") from None


def _key(shared: bytes, ephemeral: bytes, officer: bytes) -> bytes:
    return HKDF(SHA256(), KEY_SIZE, salt=None, info=_INFO + ephemeral + officer).derive(shared)
