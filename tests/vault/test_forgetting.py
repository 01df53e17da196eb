import shutil
from pathlib import Path

import pytest

from protocol.quantities import Day, SubjectId
from tests.vault.support import TODAY, options, seal_days
from vault import Cause, Vault
from vault.errors import StoreUnavailable
from vault.forgetting import CopyFindings, attack, scan, take_copy
from vault.paths import parse


class Scene:
    """Three people, a copy of everything from before anna is erased, and the vault as it lives on."""

    def __init__(self, home: Path, copy: Path) -> None:
        self.home, self.copy = home, copy
        with Vault.create(home, options()) as vault:
            self.subjects = [vault.identity.enroll(name, []) for name in ("anna", "ben", "cleo")]
            for subject in self.subjects:
                seal_days(vault, subject, 4)
                seal_days(vault, subject, 2, Day(TODAY - 40))
            vault.erase(self.subjects[2], Cause.CONTRACT_END)
            take_copy(home, copy, with_root=True)
            self.dead = vault.target_of(self.subjects[0]).prefixes
            vault.erase(self.subjects[0], Cause.ERASURE_REQUEST, identity_verified=True)
            self.anna = self.subjects[0]


@pytest.fixture
def scene(home: Path, tmp_path: Path) -> Scene:
    return Scene(home, tmp_path / "copy")


def test_the_victims_rows_stay_shut_and_all_others_open(scene: Scene) -> None:
    findings = attack(scene.copy, scene.home)
    assert findings.holds
    victim = [slot for slot in findings.slots if slot.slot in scene.dead]
    assert [slot.opened for slot in victim] == [0, 0, 0]
    assert sum(slot.closed for slot in victim) == findings.erased_closed == 6 + 2 + 1
    assert findings.living_opened == 6 + 2 + 1
    assert findings.living_closed == 0


def test_with_the_copys_own_root_slot_everything_opens(scene: Scene) -> None:
    findings = attack(scene.copy, scene.home, root_file=scene.copy / "keys" / "root.slot")
    assert not findings.holds
    assert (findings.erased_closed, findings.living_closed) == (0, 0)
    assert findings.erased_opened == 9


def test_without_an_erasure_nothing_is_shut(home: Path, tmp_path: Path) -> None:
    with Vault.create(home, options()) as vault:
        seal_days(vault, vault.identity.enroll("anna", []), 2)
        take_copy(home, tmp_path / "copy")
        findings = attack(tmp_path / "copy", home)
    assert (findings.living_opened, findings.living_closed, findings.erased_closed) == (4, 0, 0)


def test_it_holds_after_many_more_epochs(scene: Scene) -> None:
    with Vault.open(scene.home, options()) as vault:
        for _ in range(3):
            vault.refresh(every=True)
    assert attack(scene.copy, scene.home).holds


def test_an_erasure_under_way_counts_its_ticket_too(home: Path, tmp_path: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna", [])
        ben = vault.identity.enroll("ben", [])
        vault.erasures.request(Cause.CONTRACT_END, vault.target_of(anna))
        take_copy(home, tmp_path / "copy")
        vault.erasures.resume()
        findings = attack(tmp_path / "copy", home)
        assert findings.holds
        assert (findings.erased_closed, findings.living_opened) == (2, 1)
        assert ben in vault.identity


def test_an_attack_leaves_copy_and_vault_as_they_were(scene: Scene) -> None:
    def content() -> dict[Path, bytes]:
        return {
            file: file.read_bytes() for place in (scene.home, scene.copy) for file in place.rglob("*") if file.is_file()
        }

    before = content()
    attack(scene.copy, scene.home)
    assert content() == before


def test_a_copy_taken_as_a_backup_has_no_root_and_no_lock(home: Path, tmp_path: Path) -> None:
    Vault.create(home, options()).close()
    take_copy(home, tmp_path / "copy")
    names = {found.name for found in (tmp_path / "copy").rglob("*") if found.is_file()}
    assert names == {
        "keys.db", "records.db", "blocks.db", "certificate.key", "identity.db", "control.db", "key-access.db",
        "keys.json", "records.json", "identity.json",
    }  # fmt: skip


def test_blocks_that_are_missing_from_the_copy_are_no_finding(scene: Scene) -> None:
    with Vault.open(scene.home, options()):
        pass
    shutil.copy(scene.home / "records" / "blocks.db", scene.copy / "records" / "blocks.db")
    (scene.copy / "records" / "blocks.db-wal").unlink(missing_ok=True)
    findings = attack(scene.copy, scene.home)
    assert findings.holds
    assert findings.erased_closed == 3


@pytest.mark.parametrize("name", ["keys/keys.db", "records/records.db", "identity/identity.db"])
def test_a_copy_that_cannot_be_read_says_so(scene: Scene, name: str) -> None:
    (scene.copy / name).write_bytes(b"not a database" * 400)
    with pytest.raises(StoreUnavailable, match="COPY_UNREADABLE"):
        attack(scene.copy, scene.home)


def test_an_empty_result_is_no_proof() -> None:
    assert not CopyFindings(()).holds


def test_a_scan_counts_raw_and_hex_in_every_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.bin").write_bytes(b"xx\xfe\xed\xfa\xceyy\xfe\xed\xfa\xce")
    (tmp_path / "b.txt").write_text("FEEDFACE feedface")
    (tmp_path / "empty").touch()
    hits = scan(tmp_path, {"key": bytes.fromhex("feedface"), "other": b"zz"})
    assert {(hit.label, hit.file, hit.times) for hit in hits} == {("key", "deep/a.bin", 2), ("key", "b.txt", 2)}


def test_salts_data_and_keys_of_the_erased_are_in_no_file(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna: SubjectId = vault.identity.enroll("anna", [b"SHOE-001"])
        ids = seal_days(vault, anna, 3)
        salts = {f"salt {found}": vault.records.open(found).opening.salt for found in ids}
        leaf_keys = {f"key {found}": vault._keys.key(parse(found)) for found in ids}
        root_secret = (home / "keys" / "root.slot").read_bytes()[28:60]
        assert scan(home, {"root": root_secret})
        vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True)
        canaries = {**salts, **leaf_keys, "root": root_secret, "subject": anna, "shoe": b"SHOE-001"}
        assert scan(home, canaries) == []
