"""How a vault and its keepers know each other: TLS 1.3 with one self-signed certificate pinned at either side.

Shares must stay secret for ever: who recorded the lines and later took a key must not read old shares, or a destroyed
root would come back. TLS 1.3 agrees on a fresh key in every connection and forgets it; a shared secret that signs or
encrypts lines would not. Nothing but public certificates is carried between the machines.
"""

import datetime
import hmac
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from vault.errors import RootRefused, StoreUnavailable

KEY_FILE, CERTIFICATE_FILE = "identity.key", "identity.pem"
BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)
"""No expiry (RFC 5280, section 4.1.2.5): a pinned certificate ends when it is replaced."""


def make_identity(directory: Path, name: str) -> Path:
    """Make a private key (0600) and its certificate in a directory, unless they are there; the certificate's path."""
    certificate, private = directory / CERTIFICATE_FILE, directory / KEY_FILE
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if private.exists() and certificate.exists():
        return certificate
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, None)
    )
    plain = serialization.NoEncryption()
    _write(private, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain), 0o600)
    _write(certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate


def _write(path: Path, content: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


class Pairing:
    """One side's identity and the other side's certificate."""

    def __init__(self, identity: Path, peer: Path, *, server: bool) -> None:
        """`identity` is a directory of `make_identity`. Raises `KEEPER_IDENTITY` if files are missing or unfit."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        if server:
            self.context.num_tickets = 0
        try:
            if (identity / KEY_FILE).stat().st_mode & 0o077:
                raise RootRefused("KEEPER_IDENTITY", "others may read the private key", "make a new identity")
            self.context.load_cert_chain(identity / CERTIFICATE_FILE, identity / KEY_FILE)
            self.context.load_verify_locations(peer)
            self._peer = ssl.PEM_cert_to_DER_cert(peer.read_text())
        except (OSError, ValueError) as error:
            hint = "make the identity, and put the other side's identity.pem where the settings say"
            raise StoreUnavailable("KEEPER_IDENTITY", f"cannot use these certificates: {error}", hint) from error

    def is_peer(self, connection: ssl.SSLSocket) -> bool:
        """Is the other end the one that is pinned?"""
        return hmac.compare_digest(connection.getpeercert(binary_form=True) or b"", self._peer)
