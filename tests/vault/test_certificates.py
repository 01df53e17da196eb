from dataclasses import replace
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.references import Kind
from tests.vault.support import options, seal_days
from vault import Cause, Vault, VaultError
from vault.certificates import Certificate, load_signer, verify_certificate
from vault.errors import StoreUnavailable


@pytest.fixture
def certificate(vault: Vault) -> Certificate:
    anna = vault.identity.enroll("anna", [b"12345678"])
    seal_days(vault, anna, 3)
    return vault.erase(anna, Cause.CONSENT_WITHDRAWN, identity_verified=True)


def test_it_says_what_was_destroyed_and_never_whose_it_was(vault: Vault, certificate: Certificate) -> None:
    body = certificate.body
    assert (body["cause"], body["state"], body["salts_destroyed"]) == ("CONSENT_WITHDRAWN", "CERTIFIED", 3)
    assert {store["name"]: store["rows"] for store in body["stores"]} == {
        "keys": body["keys_destroyed"], "blocks": 3, "records": 3, "identity": 1,
    }  # fmt: skip
    assert set(body) == {
        "cause", "cause_at", "certified_at", "due_at", "keys_destroyed", "number", "requested_at", "retained",
        "salts_destroyed", "state", "stores", "version",
    }  # fmt: skip


def test_its_signature_holds_and_breaks(vault: Vault, certificate: Certificate) -> None:
    key = vault.certificates.public_key
    assert verify_certificate(key, certificate)
    forged = replace(certificate, body={**certificate.body, "keys_destroyed": 99})
    assert not verify_certificate(key, forged)
    assert not verify_certificate(key, replace(certificate, signature=bytes(64)))
    other = replace(certificate.opening, record=b"{}")
    assert not verify_certificate(key, replace(certificate, opening=other))


def test_it_waits_for_its_anchor(vault: Vault, certificate: Certificate) -> None:
    assert vault.certificates.pending() == vault.certificates.all() == [certificate]
    assert certificate.opening.kind is Kind.ERASURE
    assert vault.certificates.anchor_of(certificate.number) is None
    vault.certificates.attach_anchor(certificate.number, 5, b"r" * 32, [b"s" * 32])
    anchor = vault.certificates.anchor_of(certificate.number)
    assert anchor is not None
    assert (anchor.anchor_id, anchor.root, anchor.proof) == (5, b"r" * 32, (b"s" * 32,))
    assert vault.certificates.pending() == []
    assert vault.certificates.get(certificate.number).reference == certificate.reference


def test_an_unknown_number_has_its_code(vault: Vault) -> None:
    with pytest.raises(VaultError, match="CERTIFICATE_UNKNOWN"):
        vault.certificates.attach_anchor("00", 1, bytes(32), [])


def test_the_service_key_is_private_and_is_missed(home: Path) -> None:
    Vault.create(home, options()).close()
    key = home / "records" / "certificate.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.unlink()
    with pytest.raises(StoreUnavailable, match="SERVICE_KEY_MISSING"):
        load_signer(key)
    with pytest.raises(StoreUnavailable, match="SERVICE_KEY_MISSING"):
        Vault.open(home, options())


def test_nothing_is_certified_for_who_was_not_verified(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [])
    with pytest.raises(Refusal) as refused:
        vault.erase(anna, Cause.CONSENT_WITHDRAWN)
    assert refused.value.refusal is RefusalCode.IDENTITY_UNVERIFIED
    assert vault.certificates.all() == []
