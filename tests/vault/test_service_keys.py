from pathlib import Path

import pytest

from protocol.quantities import Seconds
from tests.vault.support import Clock, Crash, options, seal_days
from vault import Cause, Vault, VaultError
from vault.certificates import Certificate, verify_certificate
from vault.errors import StoreDamaged, StoreUnavailable
from vault.forgetting import scan
from vault.key_register import CERTIFICATES, KeyState

STEPS = ("fresh key written", "fresh key entered", "old key overwritten")


def certificate(vault: Vault, name: str) -> Certificate:
    subject = vault.identity.enroll(name, [])
    seal_days(vault, subject, 1)
    return vault.erase(subject, Cause.PURPOSE_ACHIEVED)


def test_old_certificates_verify_with_the_old_public_key(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        before, old = certificate(vault, "anna"), vault.certificates.public_key
        fresh = vault.rotate_certificate_key()
        after = certificate(vault, "ben")
        assert vault.certificates.public_key == fresh.public != old
        assert verify_certificate(old, before)
        assert not verify_certificate(old, after)
    with Vault.open(home, options()) as vault:
        register = vault.key_register
        signed = [register.signer_of(each) for each in (before, after)]
        assert [each and each.key.public for each in signed] == [old, fresh.public]
        assert [each and each.trusted for each in signed] == [True, True]
        states = {key.public: key.state for key in register.all()}
        assert states == {old: KeyState.RETIRED, fresh.public: KeyState.ACTIVE}
        assert register.active(CERTIFICATES) == fresh


def test_a_retired_secret_is_gone_from_all_files(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        seed = (home / "records" / "certificate.key").read_bytes()
        assert len(scan(home, {"seed": seed})) == 1
        old = vault.key_register.all()[0]
        vault.rotate_certificate_key()
        assert vault.key_register.get(old.id).destroyed == Clock().at
    assert scan(home, {"seed": seed}) == []


@pytest.mark.parametrize("stop", STEPS)
def test_a_rotation_cut_short_is_finished_or_taken_back(home: Path, stop: str) -> None:
    with Vault.create(home, options()) as vault:
        before, old = certificate(vault, "anna"), vault.certificates.public_key
    seed = (home / "records" / "certificate.key").read_bytes()

    def die(step: str) -> None:
        if step == stop:
            raise Crash

    with Vault.open(home, options(on_step=die)) as vault, pytest.raises(Crash):
        vault.rotate_certificate_key()
    with Vault.open(home, options()) as vault:
        taken_back = vault.certificates.public_key == old
        assert taken_back == (stop == STEPS[0])
        assert not (home / "records" / "certificate.next").exists()
        assert len(scan(home, {"seed": seed})) == (1 if taken_back else 0)
        signed = vault.key_register.signer_of(certificate(vault, "ben"))
        assert signed is not None
        assert signed.key == vault.key_register.active(CERTIFICATES)
        assert vault.key_register.signer_of(before) is not None


def test_what_a_compromised_key_signed_later_is_not_trusted(home: Path) -> None:
    clock = Clock()
    with Vault.create(home, options(clock=clock)) as vault:
        early = certificate(vault, "anna")
        clock.at += 100
        late = certificate(vault, "ben")
        key = vault.key_register.all()[0]
        vault.key_register.mark_compromised(key.id, Seconds(clock.at))
        assert [bool(s and s.trusted) for s in map(vault.key_register.signer_of, (early, late))] == [True, False]
        vault.key_register.mark_compromised(key.id, Seconds(clock.at + 50))
        assert vault.key_register.get(key.id).compromised == clock.at
        vault.key_register.mark_compromised(key.id, Seconds(clock.at - 100))
        assert [bool(s and s.trusted) for s in map(vault.key_register.signer_of, (early, late))] == [False, False]
        with pytest.raises(VaultError, match="KEY_UNKNOWN"):
            vault.key_register.mark_compromised("none", Seconds(0))


def test_a_strange_or_missing_certificate_key_is_refused(home: Path) -> None:
    Vault.create(home, options()).close()
    path = home / "records" / "certificate.key"
    whole = path.read_bytes()
    path.write_bytes(bytes(range(32)))
    with pytest.raises(StoreDamaged, match="SERVICE_KEY_FOREIGN"):
        Vault.open(home, options())
    path.unlink()
    with pytest.raises(StoreUnavailable, match="SERVICE_KEY_MISSING"):
        Vault.open(home, options())
    path.touch(0o600)
    path.write_bytes(whole)
    Vault.open(home, options()).close()


def test_every_opening_of_the_key_store_is_a_line(home: Path) -> None:
    Vault.create(home, options()).close()
    with Vault.open(home, options()) as vault:
        vault.rotate_certificate_key()
        tasks = [line.record["task"] for line in vault.key_log.lines()]
        assert tasks == ["open", "open", "rotate certificate key"]
