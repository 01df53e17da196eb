"""The issuer's RSA keys, one per series: encrypted at rest, private operations checked, destroyed for good.

A key file is "tideprint/series-key/1" ‖ nonce[12] ‖ AES-256-GCM(PKCS #8 DER), bound to its series' number. The wrapping
key comes from outside and is never stored here. Public keys stay in plain files, because redemption outlives issuance.

Signing uses the Chinese remainder theorem with a blinded base (Kocher 1996) and constant-time powers. The result is
verified before it is answered: one faulty half would reveal the key (Boneh, DeMillo, Lipton 1997).
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import gmpy2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from oracles.errors import OracleError
from protocol.vouchers import EXPONENT, check_modulus

MAGIC = b"tideprint/series-key/1"
NONCE_SIZE = 12
WRAPPING_KEY_SIZE = 32
BITS = 2_048


class SeriesKeyError(OracleError):
    """A series key that is missing, destroyed, unreadable or computes wrongly."""


@dataclass(frozen=True, slots=True, repr=False)
class SeriesKey:
    """A private RSA key in the parts that signing needs."""

    p: int
    q: int
    d_p: int
    d_q: int
    q_inverse: int

    @property
    def n(self) -> int:
        """The modulus."""
        return self.p * self.q

    @property
    def modulus(self) -> bytes:
        """The modulus as the contract takes it, big-endian."""
        return self.n.to_bytes((self.n.bit_length() + 7) // 8, "big")

    def sign_blinded(self, blinded: int) -> int:
        """blinded^d mod n for 0 < blinded < n. Raises `MESSAGE_OUT_OF_RANGE` or `SIGNATURE_FAULT`."""
        n = self.n
        if not 0 < blinded < n or gmpy2.gcd(blinded, n) != 1:
            raise SeriesKeyError(
                "MESSAGE_OUT_OF_RANGE", "a blinded message lies between 0 and the modulus", "blind again"
            )
        factor = secrets.randbelow(n - 2) + 2
        base = gmpy2.mpz(blinded) * gmpy2.powmod(factor, EXPONENT, n) % n
        of_p = gmpy2.powmod_sec(base % self.p, self.d_p, self.p)
        of_q = gmpy2.powmod_sec(base % self.q, self.d_q, self.q)
        signed = (of_q + self.q * ((of_p - of_q) * self.q_inverse % self.p)) * gmpy2.invert(factor, n) % n
        if gmpy2.powmod(signed, EXPONENT, n) != blinded:
            raise SeriesKeyError(
                "SIGNATURE_FAULT", "the signature does not verify; nothing was issued", "stop this machine"
            )
        return int(signed)


class SeriesKeys:
    """Key files in a directory of mode 0700."""

    def __init__(self, directory: Path, wrapping_key: bytes, bits: int = BITS) -> None:
        if len(wrapping_key) != WRAPPING_KEY_SIZE:
            raise SeriesKeyError("WRAPPING_KEY_INVALID", f"a wrapping key has {WRAPPING_KEY_SIZE} bytes")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        self._directory = directory
        self._cipher = AESGCM(wrapping_key)
        self._bits = bits
        self._loaded: dict[int, SeriesKey] = {}

    def create(self, series: int) -> bytes:
        """Generate a series' key and return its modulus; the modulus of the key there is, if there is one already.

        Raises `SERIES_DESTROYED`: a series never gets a second key."""
        if self._public(series).exists():
            return self.modulus(series)
        private = rsa.generate_private_key(public_exponent=EXPONENT, key_size=self._bits)
        plain = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        nonce = secrets.token_bytes(NONCE_SIZE)
        modulus = _parts(private).modulus
        check_modulus(modulus)
        _write(self._private(series), MAGIC + nonce + self._cipher.encrypt(nonce, plain, _bound(series)))
        _write(self._public(series), modulus)
        return modulus

    def modulus(self, series: int) -> bytes:
        """The public modulus, also of a destroyed key. Raises `SERIES_UNKNOWN`."""
        try:
            return self._public(series).read_bytes()
        except FileNotFoundError:
            raise _unknown() from None

    def key(self, series: int) -> SeriesKey:
        """The private key. Raises `SERIES_UNKNOWN`, `SERIES_DESTROYED` or `SERIES_KEY_UNREADABLE`."""
        if series not in self._loaded:
            self._loaded[series] = self._load(series)
        return self._loaded[series]

    def destroy(self, series: int) -> None:
        """Overwrite and delete the private key; the public one stays. A second call changes nothing."""
        self._loaded.pop(series, None)
        path = self._private(series)
        if path.exists():
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            _sync(self._directory)

    def _load(self, series: int) -> SeriesKey:
        self.modulus(series)
        try:
            data = self._private(series).read_bytes()
        except FileNotFoundError:
            raise SeriesKeyError(
                "SERIES_DESTROYED", "the key of this series was destroyed", "use the series of today"
            ) from None
        nonce, sealed = data[len(MAGIC) : len(MAGIC) + NONCE_SIZE], data[len(MAGIC) + NONCE_SIZE :]
        try:
            plain = self._cipher.decrypt(nonce, sealed, _bound(series))
        except (InvalidTag, ValueError):
            hint = "give the wrapping key it was made with, or restore the file"
            raise SeriesKeyError("SERIES_KEY_UNREADABLE", "the key file does not open", hint) from None
        private = serialization.load_der_private_key(plain, password=None)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise SeriesKeyError("SERIES_KEY_UNREADABLE", "the key file holds another kind of key")
        return _parts(private)

    def _private(self, series: int) -> Path:
        return self._directory / f"{series}.key"

    def _public(self, series: int) -> Path:
        return self._directory / f"{series}.modulus"


def _parts(private: rsa.RSAPrivateKey) -> SeriesKey:
    numbers = private.private_numbers()
    return SeriesKey(numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)


def _bound(series: int) -> bytes:
    return MAGIC + series.to_bytes(8, "big")


def _unknown() -> SeriesKeyError:
    return SeriesKeyError("SERIES_UNKNOWN", "there is no such series here", "ask which series are open")


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, mode 0600."""
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
