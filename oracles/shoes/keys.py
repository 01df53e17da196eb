"""The key inside a shoe's secure element, and the factory's key that vouches for it."""

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from oracles.links.statements import certified_message
from protocol.minutes import P256_ORDER, Algorithm, Side, device_id
from protocol.quantities import DeviceId

_ECDSA = ec.ECDSA(hashes.SHA256())


class DeviceKey:
    """A private key that signs as shoes do: 64 bytes, raw r ‖ s with low s (P-256) or Ed25519."""

    def __init__(self, private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        self._private = private
        if isinstance(private, ed25519.Ed25519PrivateKey):
            self.algorithm = Algorithm.ED25519
            self.public_bytes = private.public_key().public_bytes_raw()
        else:
            self.algorithm = Algorithm.P256
            self.public_bytes = private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )

    @classmethod
    def generate(cls, algorithm: Algorithm = Algorithm.P256) -> "DeviceKey":
        """A fresh key from the system's generator."""
        if algorithm is Algorithm.ED25519:
            return cls(ed25519.Ed25519PrivateKey.generate())
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def device(self) -> DeviceId:
        """The id under which this key's records travel."""
        return device_id(self.public_bytes)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over a message."""
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(message)
        r, s = decode_dss_signature(self._private.sign(message, _ECDSA))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


def certify(factory: DeviceKey, key: DeviceKey, side: Side, pair: bytes, model: str) -> bytes:
    """The factory's certificate (64 bytes): this key belongs to the shoe of this side, pair and model."""
    return factory.sign(certified_message(key.algorithm, side, pair, model, key.public_bytes))
