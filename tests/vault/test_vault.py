import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Day, SubjectId
from tests.vault.support import TODAY, Crash, options, seal_days
from vault import Cause, RecordId, Vault, VaultError, VaultOptions
from vault import vault as module
from vault.errors import RootRefused, StoreDamaged, StoreUnavailable
from vault.forgetting import take_copy
from vault.remnants import Finding, examine


def enrolled(vault: Vault, *names: str) -> list[SubjectId]:
    subjects = [vault.identity.enroll(name, []) for name in names]
    for subject in subjects:
        seal_days(vault, subject, 2)
    return subjects


def forget(vault: Vault, subject: SubjectId) -> None:
    vault.erase(subject, Cause.ERASURE_REQUEST, identity_verified=True)


def test_a_new_vault_has_private_directories(home: Path) -> None:
    plain = not examine(home.parent).keeps_remnants
    with Vault.create(home, None if plain else options()) as vault:
        assert sorted(found.name for found in home.iterdir()) == [
            "control", "credentials", "identity", "keys", "records",
        ]  # fmt: skip
        assert {found.stat().st_mode & 0o777 for found in [home, *home.iterdir()]} == {0o700}
        assert {found.stat().st_mode & 0o777 for found in home.rglob("*.*")} == {0o600}
        status = vault.status()
        assert (status.epoch, status.records, status.subjects, status.locked) == (0, 0, 0, False)


def test_a_vault_is_never_made_over_something(home: Path) -> None:
    home.mkdir()
    Vault.create(home, options()).close()
    with pytest.raises(StoreUnavailable, match="VAULT_EXISTS"):
        Vault.create(home, options())


def test_a_crash_while_it_is_made_leaves_no_half_vault(home: Path) -> None:
    seen = []

    def entropy(size: int) -> bytes:
        seen.append(size)
        if len(seen) == 4:
            raise Crash
        return os.urandom(size)

    with pytest.raises(Crash):
        Vault.create(home, options(entropy=entropy))
    with pytest.raises(StoreUnavailable, match="VAULT_MISSING"):
        Vault.open(home, options())
    Vault.create(home, options()).close()


def test_one_writer_at_a_time(home: Path) -> None:
    with Vault.create(home, options()), pytest.raises(StoreUnavailable, match="VAULT_IN_USE"):
        Vault.open(home, options())
    Vault.open(home, options()).close()


def test_a_failed_opening_lets_go_of_the_lock(home: Path) -> None:
    Vault.create(home, options()).close()
    records = home / "records" / "records.db"
    records.rename(home / "aside")
    with pytest.raises(StoreUnavailable, match="DATABASE_MISSING"):
        Vault.open(home, options())
    (home / "aside").rename(records)
    Vault.open(home, options()).close()


NOBODY = """
import os, sys
from pathlib import Path
from vault import Vault, VaultError, VaultOptions
os.setgid(65534); os.setuid(65534)
try:
    Vault.open(Path(sys.argv[1]), VaultOptions(allow_remnants=True))
except VaultError as error:
    print(error.code)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "vault"
    Vault.create(home, options()).close()
    ran = subprocess.run([sys.executable, "-c", NOBODY, str(home)], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "VAULT_READ_ONLY", ran.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "vault"
    Vault.create(home, options()).close()
    for found in [*home.rglob("*"), home]:
        found.chmod(0o555 if found.is_dir() else 0o444)
    for parent in [home, *(above for above in home.parents if "pytest-of-" in str(above))]:
        parent.chmod(parent.stat().st_mode | 0o055)
    ran = subprocess.run([sys.executable, "-c", NOBODY, str(home)], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "VAULT_READ_ONLY", ran.stderr


def test_a_place_that_keeps_remnants_needs_a_yes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vault.roots.disk.examine", lambda _: Finding("overlay", "rw", True, "hides where its bytes lie")
    )
    with pytest.raises(RootRefused, match="ROOT_REMNANTS"):
        Vault.create(home, VaultOptions())
    assert not home.exists()
    with Vault.create(home, options()) as vault:
        assert vault.status().root_slot.keeps_remnants


class TestRolledBack:
    """Files that come back from another moment are refused or locked, and nothing is lost by trying."""

    def test_keys_from_before_an_erasure(self, home: Path, tmp_path: Path) -> None:
        with Vault.create(home, options()) as vault:
            anna, ben = enrolled(vault, "anna", "ben")
            take_copy(home, tmp_path / "copy")
            forget(vault, anna)
        now = tmp_path / "now"
        take_copy(home, now, with_root=True)
        self.restore(tmp_path / "copy", home, "keys/keys.db")
        with pytest.raises(RootRefused, match="ROOT_STALE"):
            Vault.open(home, options())
        self.restore(now, home, "keys/keys.db")
        with Vault.open(home, options()) as vault:
            assert len(list(vault.records.records_of(ben))) == 2

    def test_keys_from_before_some_records(self, home: Path, tmp_path: Path) -> None:
        with Vault.create(home, options()) as vault:
            (anna,) = enrolled(vault, "anna")
            take_copy(home, tmp_path / "copy")
            seal_days(vault, anna, 1)
        self.restore(tmp_path / "copy", home, "keys/keys.db")
        with pytest.raises(StoreUnavailable, match="KEYS_ROLLED_BACK"):
            Vault.open(home, options())

    def test_keys_from_before_an_enrolment(self, home: Path, tmp_path: Path) -> None:
        with Vault.create(home, options()) as vault:
            take_copy(home, tmp_path / "copy")
            vault.identity.enroll("anna", [])
        self.restore(tmp_path / "copy", home, "keys/keys.db")
        with pytest.raises(StoreUnavailable, match="KEYS_ROLLED_BACK"):
            Vault.open(home, options())

    @pytest.mark.parametrize("names", [["records/records.db"], ["identity/identity.db"], [
        "records/records.db", "records/blocks.db", "identity/identity.db"]])  # fmt: skip
    def test_a_backup_from_before_an_erasure_is_locked_until_replay(
        self, home: Path, tmp_path: Path, names: list[str]
    ) -> None:
        with Vault.create(home, options()) as vault:
            anna, ben = enrolled(vault, "anna", "ben")
            ids = [found.record_id for found in vault.records.records_of(anna)]
            vault._rows.checkpoint()
            take_copy(home, tmp_path / "copy")
            forget(vault, anna)
        for name in names:
            self.restore(tmp_path / "copy", home, name)
        with Vault.open(home, options()) as vault:
            assert vault.status().locked
            for serve in (
                lambda vault=vault: list(vault.records.records_of(ben)),
                lambda vault=vault: seal_days(vault, ben, 1),
                lambda vault=vault: vault.identity.subject_of("ben"),
                lambda vault=vault: vault.identity.enroll("dora", []),
            ):
                with pytest.raises(Refusal) as refused:
                    serve()
                assert refused.value.refusal is RefusalCode.SERVICE_LOCKED_PENDING_REPLAY
            assert vault.replay() > 0
            assert not vault.status().locked
            assert len(list(vault.records.records_of(ben))) == 2
            assert vault.status().records == 2
            for record_id in ids:
                with pytest.raises(VaultError, match="RECORD_UNKNOWN"):
                    vault.records.open(record_id)
            assert vault.replay() == 0
        with Vault.open(home, options()) as vault:
            assert not vault.status().locked

    def restore(self, source: Path, home: Path, name: str) -> None:
        for old in (home / name).parent.glob(Path(name).name + "*"):
            old.unlink()
        for file in (source / name).parent.glob(Path(name).name + "*"):
            shutil.copy2(file, home / Path(name).parent / file.name)


def test_a_cut_database_is_named_and_the_others_stay(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna, _ = enrolled(vault, "anna", "ben")
        (record_id, *_rest) = [found.record_id for found in vault.records.records_of(anna)]
    blocks = home / "records" / "blocks.db"
    whole = blocks.read_bytes()
    blocks.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((StoreDamaged, StoreUnavailable)), Vault.open(home, options()) as vault:
        vault.records.open(record_id)
    blocks.write_bytes(whole)
    with Vault.open(home, options()) as vault:
        assert vault.records.open(record_id).subject == anna


def test_a_refresh_keeps_every_record(vault: Vault) -> None:
    subjects = enrolled(vault, "anna", "ben")
    assert vault.refresh().number == 1
    assert vault.refresh(every=True).number == 2
    for subject in subjects:
        seal_days(vault, subject, 1)
        assert len(list(vault.records.records_of(subject))) == 3
    assert vault.refresh(every=True).nodes > vault.refresh().nodes


def test_a_crash_between_the_stores_of_one_seal_loses_nothing_sealed_before(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        (anna,) = enrolled(vault, "anna")
        ids = [found.record_id for found in vault.records.records_of(anna)]

        def die(_: object) -> None:
            raise Crash

        for victim, method in ((vault._blocks, "put"), (vault.records, "_insert")):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(victim, method, die if method == "put" else lambda *_: die(0))
                with pytest.raises(Crash):
                    seal_days(vault, anna, 1, Day(TODAY + 60))
    with Vault.open(home, options()) as vault:
        assert [found.record_id for found in vault.records.records_of(anna)] == ids
        more = seal_days(vault, anna, 1, Day(TODAY + 60))
        assert vault.records.open(RecordId(more[0])).day == TODAY + 60


def test_the_system_clock_counts_seconds() -> None:
    assert module.system_clock() > 1_700_000_000
