"""Recomputes every vector and every figure of docs/protocol.md."""

import re
from operator import attrgetter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from protocol.merkle import Tree, verify
from protocol.minutes import (
    MinuteRecord,
    SignedMinute,
    chain_prefix,
    device_id,
    public_key_of,
    signed_message,
    verify_minute,
)
from protocol.quantities import Address, Reference, Salt, Serial
from protocol.references import Kind, Opening
from protocol.rules import RuleSet
from protocol.typed_data import CONSENT_DOMAIN, Consent, Domain, digest_of
from protocol.vouchers import Series

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
Vector = dict[str, str]


def vectors() -> dict[str, Vector]:
    """Name and fields of every fenced block that is a vector."""
    blocks = re.findall(r"^```vector (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return {name: dict(line.split(": ", 1) for line in body.splitlines()) for name, body in blocks}


VECTORS = vectors()


def test_every_vector_is_recomputed_here() -> None:
    assert set(VECTORS) == {"reference", "merkle", "voucher", "minute", "consent", "rules"}


def test_the_reference_value() -> None:
    vector = VECTORS["reference"]
    salt = Salt(bytes.fromhex(vector["salt"]))
    opening = Opening(Kind(int(vector["kind"])), salt, vector["record"].encode())
    assert opening.reference.hex() == vector["reference"]


def test_the_merkle_root() -> None:
    vector = VECTORS["merkle"]
    references = [Reference(bytes.fromhex(word)) for word in vector["references"].split()]
    proof = [bytes.fromhex(word) for word in vector["proof of the first"].split()]
    tree = Tree.of(references)
    assert tree.root.hex() == vector["root"]
    assert list(tree.proof(references[0])) == proof
    assert verify(tree.root, references[0], proof)


def test_the_voucher_message() -> None:
    vector = VECTORS["voucher"]
    size = int(vector["size"])
    contract, recipient = Address(vector["contract"]), Address(vector["recipient"])
    series = Series(int(vector["series"]), b"\xff" * size, int(vector["chain id"]), contract, 5)
    message = series.message(Serial(bytes.fromhex(vector["serial"])), recipient)
    assert message.to_bytes(size, "big").hex() == vector["message"]


def test_the_minute_record() -> None:
    vector = VECTORS["minute"]
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private key"]))
    public = bytes.fromhex(vector["public key"])
    minute = SignedMinute(bytes.fromhex(vector["record"]), bytes.fromhex(vector["signature"]))
    record = MinuteRecord.unpack(minute.raw)
    assert key.public_key().public_bytes_raw() == public
    assert key.sign(signed_message(minute.raw)) == minute.signature
    assert verify_minute(public_key_of(public), minute)
    assert record.device == device_id(public) == bytes.fromhex(vector["device id"])
    assert (record.steps, record.sequence) == (int(vector["steps"]), int(vector["sequence"]))
    assert chain_prefix(minute.raw).hex() == vector["next previous"]


def test_the_consent_digest() -> None:
    vector = VECTORS["consent"]
    domain = Domain(CONSENT_DOMAIN, int(vector["chain id"]), Address(vector["contract"]))
    reference, signer = bytes.fromhex(vector["reference"]), Address(vector["signer"])
    consent = Consent(reference, signer, int(vector["starts"]), int(vector["expires"]))
    assert digest_of(domain, consent).hex() == vector["digest"]


def test_the_rule_set() -> None:
    rules = RuleSet()
    assert VECTORS["rules"] == {"rule set": rules.name, "hash": rules.hash().hex()}


FIGURES = dict(re.findall(r"^\| `([\w.]+)` \| (\d+) \|", TEXT, re.MULTILINE))


@pytest.mark.parametrize("name", FIGURES)
def test_the_figures_of_the_rules(name: str) -> None:
    assert attrgetter(name)(RuleSet()) == int(FIGURES[name])


def test_no_figure_is_left_out() -> None:
    rules = RuleSet()
    whole = {"k_floor", "denomination", "consent_max_days"}
    whole |= {f"reward.{name}" for name in rules.reward.__slots__}
    plain = [name for name in rules.plausibility.__slots__ if isinstance(getattr(rules.plausibility, name), int)]
    assert set(FIGURES) == whole | {f"plausibility.{name}" for name in plain}


def test_the_offsets_of_the_minute_record() -> None:
    """The table's offsets and widths leave no gap."""
    widths = {"u8": 1, "i8": 1, "u16": 2, "u32": 4, "u64": 8, "8 bytes": 8, "16 bytes": 16}
    rows = re.findall(r"^\| (\d+) \| .* \| ([ui\w ]+) \|$", TEXT, re.MULTILINE)
    at = 0
    for offset, width in rows:
        assert int(offset) == at
        at += widths[width]
    assert at == 96
