"""EIP-712 messages that wallets sign, exactly as the contracts read them."""

from dataclasses import asdict, dataclass
from typing import Any

from eth_account.messages import SignableMessage, encode_typed_data
from eth_hash.auto import keccak

from protocol.quantities import Address

CONSENT_DOMAIN = "ConsentRegistry"
TOKEN_DOMAIN = "Tideprint Health Token"  # noqa: S105  a name, no secret
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Domain:
    """What binds a signature to one contract on one chain."""

    name: str
    chain_id: int
    contract: Address

    def to_fields(self) -> dict[str, Any]:
        """The EIP712Domain fields."""
        return {
            "name": self.name,
            "version": VERSION,
            "chainId": self.chain_id,
            "verifyingContract": self.contract,
        }


@dataclass(frozen=True, slots=True)
class Consent:
    """A patient's consent: one signer, a one-time address."""

    reference: bytes
    signer: Address
    starts: int
    expires: int
    """First UTC second at which the consent no longer holds."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A three-party contract: institution, patient and family each sign with a one-time address."""

    reference: bytes
    institution: Address
    patient: Address
    family: Address
    starts: int
    expires: int


@dataclass(frozen=True, slots=True)
class Revoke:
    """A signer ends a consent or contract."""

    id: bytes
    deadline: int
    """Last UTC second at which the signature may be used."""


@dataclass(frozen=True, slots=True)
class Suspend:
    """An institution stops releases under a contract."""

    id: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Resume:
    """An institution lifts its own suspension."""

    id: bytes
    deadline: int


@dataclass(frozen=True, slots=True)
class Permit:
    """EIP-2612: an allowance by signature."""

    owner: Address
    spender: Address
    value: int
    nonce: int
    deadline: int


_TYPES: dict[type, list[dict[str, str]]] = {
    Consent: [
        {"name": "reference", "type": "bytes32"},
        {"name": "signer", "type": "address"},
        {"name": "starts", "type": "uint64"},
        {"name": "expires", "type": "uint64"},
    ],
    Contract: [
        {"name": "reference", "type": "bytes32"},
        {"name": "institution", "type": "address"},
        {"name": "patient", "type": "address"},
        {"name": "family", "type": "address"},
        {"name": "starts", "type": "uint64"},
        {"name": "expires", "type": "uint64"},
    ],
    Permit: [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
    **{
        kind: [{"name": "id", "type": "bytes32"}, {"name": "deadline", "type": "uint64"}]
        for kind in (Revoke, Suspend, Resume)
    },
}

Message = Consent | Contract | Revoke | Suspend | Resume | Permit


def signable(domain: Domain, message: Message) -> SignableMessage:
    """The message ready for a wallet to sign."""
    return encode_typed_data(domain.to_fields(), {type(message).__name__: _TYPES[type(message)]}, asdict(message))


def digest_of(domain: Domain, message: Message) -> bytes:
    """The EIP-712 digest, 32 bytes: what is signed, and the id of a consent or contract."""
    prepared = signable(domain, message)
    return keccak(b"\x19" + prepared.version + prepared.header + prepared.body)
