import tarfile
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import SubjectId
from tests.vault.backup.support import backup, lose, opened, restored, root_held
from tests.vault.support import Crash, options, seal_days
from vault import Cause, Vault, VaultError
from vault.backup import restore
from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.files import BLOCKS_FILE, IDENTITY_FILE, KEYS_FILE, RECORDS_FILE
from vault.forgetting import scan


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def enrol(vault: Vault, name: str, days: int = 2) -> SubjectId:
    subject = vault.identity.enroll(name, [])
    seal_days(vault, subject, days)
    return subject


def erase(vault: Vault, subject: SubjectId) -> None:
    vault.erase(subject, Cause.ERASURE_REQUEST, identity_verified=True)


def test_full_and_changes_restore_all_but_the_erased(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna, ben = enrol(vault, "anna"), enrol(vault, "ben")
        backup(home, out)
        erase(vault, anna)
        carl = enrol(vault, "carl", 3)
        second = backup(home, out, 0)
        seal_days(vault, ben, 1)
        vault.refresh()
        backup(home, out, second.manifest.epoch)
        assert vault.status().recovery_debt == 0
        ids = [found.record_id for who in (ben, carl) for found in vault.records.records_of(who)]
        epoch = vault.status().epoch
    lose(home)
    assert restored(home, out).epoch == epoch
    with Vault.open(home, options()) as vault:
        for serve in (
            lambda: list(vault.records.records_of(ben)),
            lambda: seal_days(vault, ben, 1),
            lambda: vault.identity.subject_of("ben"),
        ):
            with pytest.raises(Refusal) as refused:
                serve()
            assert refused.value.refusal is RefusalCode.SERVICE_LOCKED_PENDING_REPLAY
    with opened(home) as vault:
        assert [vault.identity.subject_of(name) for name in ("anna", "ben", "carl")] == [None, ben, carl]
        assert [found.record_id for who in (ben, carl) for found in vault.records.records_of(who)] == ids
        seal_days(vault, ben, 1)
        erase(vault, carl)
        assert vault.status().recovery_debt > 0
    with Vault.open(home, options()) as vault:
        assert not vault.status().locked


def test_after_the_loss_of_everything_but_root_slot_and_credentials(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna, ben = enrol(vault, "anna"), enrol(vault, "ben")
        backup(home, out)
        certificate = vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True)
        backup(home, out, 0)
    for file in home.rglob("*"):
        if file.is_file() and file.name != "root.slot" and file.parent.name != "credentials":
            file.unlink()
    for folder in ("records", "identity", "control"):
        (home / folder).rmdir()
    restored(home, out)
    with opened(home) as vault:
        assert len(list(vault.records.records_of(ben))) == 2
        signed = vault.key_register.signer_of(vault.certificates.get(certificate.number))
        assert signed is not None
        assert signed.key.public != vault.certificates.public_key
        erase(vault, ben)


def test_no_backup_holds_a_root_secret_a_credential_or_a_service_key(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        enrol(vault, "anna")
        made = backup(home, out)
    names = {"root": (home / "keys" / "root.slot").read_bytes()[28:60], "signer": (
        home / "records" / "certificate.key").read_bytes()}  # fmt: skip
    secrets = {**names, "person": b"anna"}
    for file in (home / "credentials").iterdir():
        text = file.read_text()
        at = text.index('"secret": "') + len('"secret": "')
        secrets[file.name] = bytes.fromhex(text[at : at + 64])
    assert len(secrets) == 6
    assert scan(out, secrets) == []
    assert {hit.label for hit in scan(home, secrets)} == set(secrets) - {"person"}
    assert made.path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(made.path) as tar:
        assert tar.getnames() == ["manifest.json", "blocks.db", "control.db", "identity.db", "keys.db", "records.db"]


def test_epochs_that_were_not_shipped_cannot_be_restored(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = enrol(vault, "anna")
        assert vault.status().recovery_debt == 1
        backup(home, out)
        assert vault.status().recovery_debt == 0
        erase(vault, anna)
        assert vault.status().recovery_debt == vault.status().epoch
    lose(home)
    with pytest.raises(RootRefused, match="BACKUP_STALE"):
        restored(home, out)
    assert not (home / KEYS_FILE).exists()


@pytest.mark.parametrize("names", [("records",), ("identity",), ("records", "blocks", "identity")])
def test_one_store_from_before_an_erasure_is_locked_until_replay(home: Path, out: Path, names: tuple[str, ...]) -> None:
    files = {"records": RECORDS_FILE, "blocks": BLOCKS_FILE, "identity": IDENTITY_FILE}
    with Vault.create(home, options()) as vault:
        anna, ben = enrol(vault, "anna"), enrol(vault, "ben")
        backup(home, out)
        erase(vault, anna)
    lose(home, [files[name] for name in names])
    assert restored(home, out, only=names).stores == names or len(names) > 1
    with opened(home) as vault:
        assert vault.identity.subject_of("anna") is None
        assert len(list(vault.records.records_of(ben))) == 2
        assert vault.status().records == 2


def test_keys_from_before_an_erasure_are_refused(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = enrol(vault, "anna")
        backup(home, out)
        erase(vault, anna)
    with pytest.raises(RootRefused, match="BACKUP_STALE"):
        restored(home, out, only=("keys",), replace=True)
    Vault.open(home, options()).close()


def test_keys_from_before_some_records_are_refused_when_opened(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = enrol(vault, "anna")
        backup(home, out)
        seal_days(vault, anna, 1)
    restored(home, out, only=("keys",), replace=True)
    with pytest.raises(StoreUnavailable, match="KEYS_ROLLED_BACK"):
        Vault.open(home, options())


def test_what_is_there_is_not_overwritten_unasked(home: Path, out: Path) -> None:
    with Vault.create(home, options()):
        backup(home, out)
    with pytest.raises(StoreUnavailable, match="VAULT_EXISTS"):
        restored(home, out)
    restored(home, out, replace=True)
    opened(home).close()


def test_a_vault_in_use_is_not_restored_over(home: Path, out: Path) -> None:
    with Vault.create(home, options()):
        backup(home, out)
        with pytest.raises(StoreUnavailable, match="VAULT_IN_USE"):
            restored(home, out, replace=True)


def test_chains_with_holes_and_strangers_are_refused(home: Path, out: Path, tmp_path: Path) -> None:
    with Vault.create(home, options()) as vault:
        full = backup(home, out)
        vault.refresh()
        middle = backup(home, out, 0)
        vault.refresh()
        last = backup(home, out, 1)
        with pytest.raises(VaultError, match="BACKUP_UNKNOWN"):
            backup(home, out, 7)
    lose(home)
    with pytest.raises(VaultError, match="BACKUP_GAP"):
        restored(home, full.path, last.path)
    with pytest.raises(VaultError, match="BACKUP_GAP"):
        restored(home, middle.path, last.path)
    with pytest.raises(StoreUnavailable, match="BACKUP_MISSING"):
        restored(home, tmp_path / "none.backup")
    with pytest.raises(StoreUnavailable, match="BACKUP_MISSING"):
        restored(home, tmp_path)
    restored(home, last.path, full.path, middle.path)
    opened(home).close()


@pytest.mark.parametrize("place", [0.0, 0.001, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("how", ["flip", "cut"])
def test_a_tampered_backup_is_damaged_and_changes_nothing(home: Path, out: Path, place: float, how: str) -> None:
    with Vault.create(home, options()) as vault:
        enrol(vault, "anna")
        made = backup(home, out)
    content = bytearray(made.path.read_bytes())
    at = int(len(content) * place)
    if how == "cut":
        del content[at:]
    else:
        content[at : at + 600] = bytes(byte ^ 0x55 for byte in content[at : at + 600])
    made.path.write_bytes(content)
    before = {file: file.read_bytes() for file in home.rglob("*.db")}
    with pytest.raises(StoreDamaged, match="BACKUP_DAMAGED"):
        restored(home, out, replace=True)
    assert {file: file.read_bytes() for file in home.rglob("*.db")} == before


def test_a_backup_made_under_another_credential_is_damaged(home: Path, out: Path, tmp_path: Path) -> None:
    Vault.create(home, options()).close()
    other = tmp_path / "other"
    Vault.create(other, options()).close()
    made = backup(other, out)
    with pytest.raises(StoreDamaged, match="BACKUP_DAMAGED"):
        restored(home, made.path, replace=True)


def test_a_restore_cut_short_is_seen_and_can_be_repeated(home: Path, out: Path) -> None:
    with Vault.create(home, options()) as vault:
        ben = enrol(vault, "ben")
        backup(home, out)
    lose(home)
    steps: list[str] = []
    restore(home, [out], root_held(home), on_step=steps.append)
    for stop in steps[:-1]:
        lose(home)

        def die(step: str, stop: str = stop) -> None:
            if step == stop:
                raise Crash

        with pytest.raises(Crash):
            restore(home, [out], root_held(home), on_step=die)
        with pytest.raises(StoreUnavailable, match=r"RESTORE_UNFINISHED|DATABASE_MISSING"):
            Vault.open(home, options())
        restored(home, out, replace=True)
        with opened(home) as vault:
            assert len(list(vault.records.records_of(ben))) == 2


def test_a_root_secret_that_never_came_into_use_does_not_stop_a_restore(home: Path, out: Path) -> None:
    def die(step: str) -> None:
        if step == "prepared":
            raise Crash

    with Vault.create(home, options()) as vault:
        ben = enrol(vault, "ben")
        backup(home, out)
    with Vault.open(home, options(on_step=die)) as vault, pytest.raises(Crash):
        vault.refresh()
    lose(home)
    restored(home, out)
    with opened(home) as vault:
        assert vault.refresh().number == 1
        assert len(list(vault.records.records_of(ben))) == 2
