from dataclasses import fields, replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from protocol.quantities import Address
from protocol.typed_data import (
    CONSENT_DOMAIN,
    Consent,
    Contract,
    Domain,
    Message,
    Permit,
    Resume,
    Revoke,
    Suspend,
    digest_of,
    signable,
)

A, B, C = (Address("0x" + f"{number:040x}") for number in (0xA, 0xB, 0xC))
DOMAIN = Domain(CONSENT_DOMAIN, 20210310, Address("0x00000000000000000000000000000000000C0FFE"))
WORD = keccak(b"word")
MESSAGES: list[Message] = [
    Consent(WORD, A, 1, 2),
    Contract(WORD, A, B, C, 1, 2),
    Revoke(WORD, 3),
    Suspend(WORD, 3),
    Resume(WORD, 3),
    Permit(A, B, 5, 0, 9),
]
TYPES = {
    Consent: "Consent(bytes32 reference,address signer,uint64 starts,uint64 expires)",
    Contract: "Contract(bytes32 reference,address institution,address patient,address family,uint64 starts,"
    "uint64 expires)",
    Revoke: "Revoke(bytes32 id,uint64 deadline)",
    Suspend: "Suspend(bytes32 id,uint64 deadline)",
    Resume: "Resume(bytes32 id,uint64 deadline)",
    Permit: "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
}
NAMES = [type(message).__name__ for message in MESSAGES]
every_message = pytest.mark.parametrize("message", MESSAGES, ids=NAMES)


def word(value: Any) -> bytes:
    """A field as EIP-712 encodes it."""
    if isinstance(value, bytes):
        return value
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


def by_hand(domain: Domain, message: Message) -> bytes:
    """EIP-712 written out."""
    domain_type = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    names = keccak(domain.name.encode()) + keccak(b"1")
    separator = keccak(domain_type + names + word(domain.chain_id) + word(domain.contract))
    values = b"".join(word(getattr(message, field.name)) for field in fields(message))
    return keccak(b"\x19\x01" + separator + keccak(keccak(TYPES[type(message)].encode()) + values))


@every_message
def test_the_digest_is_what_a_wallet_signs(message: Message) -> None:
    account = Account.from_key(keccak(b"signer"))
    prepared = signable(DOMAIN, message)
    digest = digest_of(DOMAIN, message)
    assert digest == _hash_eip191_message(prepared) == by_hand(DOMAIN, message)
    assert account.sign_message(prepared).message_hash == digest


def other(value: Any) -> Any:
    if isinstance(value, bytes):
        return keccak(value)
    return Address("0x" + "42" * 20) if isinstance(value, str) else value + 1


@every_message
def test_every_field_counts(message: Message) -> None:
    variants = [replace(message, **{f.name: other(getattr(message, f.name))}) for f in fields(message)]
    digests = {digest_of(DOMAIN, variant) for variant in [message, *variants]}
    assert len(digests) == len(variants) + 1


@every_message
def test_every_part_of_the_domain_counts(message: Message) -> None:
    domains = [DOMAIN, replace(DOMAIN, name="Other"), replace(DOMAIN, chain_id=1), replace(DOMAIN, contract=A)]
    assert len({digest_of(domain, message) for domain in domains}) == len(domains)


def test_kinds_of_one_shape_are_separate() -> None:
    assert len({digest_of(DOMAIN, kind(WORD, 3)) for kind in (Revoke, Suspend, Resume)}) == 3


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_any_consent_has_the_digest_of_the_standard(reference: bytes, starts: int, expires: int) -> None:
    consent = Consent(reference, A, starts, expires)
    assert digest_of(DOMAIN, consent) == by_hand(DOMAIN, consent)
