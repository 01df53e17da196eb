"""The key that signs erasure certificates: made, checked against the register, rotated, its old secret overwritten.

Rotation: the fresh secret is written beside the old one; one commit enters it and retires the old; the old file is
overwritten in place and the fresh one takes its name. Killed in between, the next opening goes on or takes it back:
what the register says decides.
"""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.quantities import Seconds
from vault.certificates import SEED_SIZE, load_signer
from vault.errors import StoreDamaged
from vault.key_register import CERTIFICATES, ID_SIZE, KeyRegister, KeyState, ServiceKey
from vault.keys import nothing

ALGORITHM = "Ed25519"


class CertificateKey:
    """The certificate key of one vault."""

    def __init__(
        self,
        path: Path,
        register: KeyRegister,
        clock: Callable[[], Seconds],
        entropy: Callable[[int], bytes],
        on_step: Callable[[str], None] = nothing,
    ) -> None:
        """Open it, finishing a rotation that was cut short. Raises `SERVICE_KEY_MISSING`, `SERVICE_KEY_FOREIGN`."""
        self._path = path
        self._fresh = path.with_suffix(".next")
        self._register = register
        self._clock = clock
        self._entropy = entropy
        self._on_step = on_step
        self._settle()
        self.signer = load_signer(path)
        known = register.active(CERTIFICATES)
        if known is None and not register.all():
            self._enter(self.signer)
        elif register.find(CERTIFICATES, _public(self.signer)) is None:
            hint = "bring back the certificate key of this vault, or rotate it as lost"
            raise StoreDamaged("SERVICE_KEY_FOREIGN", "the register does not know this certificate key", hint)

    def rotate(self) -> ServiceKey:
        """A fresh key signs from now on. What the old one signed verifies with its public key in the register."""
        old = self._register.find(CERTIFICATES, _public(self.signer))
        _wipe(self._fresh)
        fresh = load_signer(self._fresh, self._entropy)
        self._on_step("fresh key written")
        entered = self._enter(fresh)
        self._on_step("fresh key entered")
        self._settle()
        self.signer = load_signer(self._path)
        if old is not None:
            self._register.mark_destroyed(old.id, self._clock())
        return entered

    def _enter(self, signer: Ed25519PrivateKey) -> ServiceKey:
        key_id = self._entropy(ID_SIZE).hex()
        self._register.add(key_id, CERTIFICATES, ALGORITHM, _public(signer), self._clock())
        return self._register.get(key_id)

    def _settle(self) -> None:
        if self._fresh.exists():
            whole = self._fresh.stat().st_size == SEED_SIZE
            known = self._register.find(CERTIFICATES, _public(load_signer(self._fresh))) if whole else None
            if known is None:
                _wipe(self._fresh)
                return
            _overwrite(self._path)
            self._on_step("old key overwritten")
            self._fresh.rename(self._path)
        for key in self._register.all():
            if key.purpose == CERTIFICATES and key.state is KeyState.RETIRED and key.destroyed is None:
                self._register.mark_destroyed(key.id, self._clock())


def replace_lost_key(
    path: Path, register: KeyRegister, clock: Callable[[], Seconds], entropy: Callable[[int], bytes]
) -> ServiceKey:
    """A fresh certificate key where the file is gone, as after a restore: secrets of service keys are in no backup."""
    signer = load_signer(path, entropy)
    key_id = entropy(ID_SIZE).hex()
    register.add(key_id, CERTIFICATES, ALGORITHM, _public(signer), clock())
    return register.get(key_id)


def _public(signer: Ed25519PrivateKey) -> bytes:
    return signer.public_key().public_bytes_raw()


def _wipe(path: Path) -> None:
    if path.exists():
        _overwrite(path)
        path.unlink()


def _overwrite(path: Path) -> None:
    """Zeros over the bytes in place, durably."""
    if not path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_DSYNC)
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)
    os.close(descriptor)
