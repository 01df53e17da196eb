from pathlib import Path

import pytest

from protocol.quantities import SubjectId
from tests.vault.support import TODAY, options, seal_days
from vault import Cause, Vault, VaultError
from vault.forgetting import scan

LEFT, RIGHT, SPARE = b"LEFTSHOE", b"RIGHTSHO", b"SPARESHO"


def test_person_devices_and_subject_find_each_other(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [LEFT, RIGHT], b"h" * 32)
    assert vault.identity.subject_of("anna") == anna
    assert vault.identity.subject_of_device(LEFT) == vault.identity.subject_of_device(RIGHT) == anna
    assert vault.identity.person_of(anna) == "anna"
    assert vault.identity.entry_of(anna).collect_hash == b"h" * 32
    assert vault.identity.subject_of("ben") is None
    assert vault.identity.subject_of_device(SPARE) is None
    assert len(anna) == 16


def test_a_person_or_device_is_enrolled_once(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [LEFT])
    with pytest.raises(VaultError, match="PERSON_ENROLLED"):
        vault.identity.enroll("anna", [])
    with pytest.raises(VaultError, match="DEVICE_ENROLLED"):
        vault.identity.enroll("ben", [LEFT])
    ben = vault.identity.enroll("ben", [])
    with pytest.raises(VaultError, match="DEVICE_ENROLLED"):
        vault.identity.add_device(ben, LEFT)
    assert len(vault.identity) == 2
    assert vault.identity.subject_of_device(LEFT) == anna


def test_changes_survive_closing(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna", [LEFT])
        vault.identity.add_device(anna, SPARE)
        vault.identity.add_device(anna, SPARE)
        vault.identity.set_collect_hash(anna, b"c" * 32)
        vault.identity.enroll("ben", [RIGHT])
    with Vault.open(home, options()) as vault:
        entry = vault.identity.entry_of(anna)
        assert (entry.devices, entry.collect_hash) == ((LEFT, SPARE), b"c" * 32)
        ben = vault.identity.subject_of_device(RIGHT)
        assert ben is not None
        assert vault.identity.person_of(ben) == "ben"


def test_a_wearer_is_known_by_credential(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [], b"a" * 32)
    vault.identity.enroll("ben", [])
    assert vault.identity.subject_of_credential(b"a" * 32) == anna
    assert vault.identity.subject_of_credential(b"b" * 32) is None
    assert vault.identity.subject_of_credential(b"") is None


def test_unknown_subjects_have_their_code(vault: Vault) -> None:
    for ask in (vault.identity.person_of, vault.identity.entry_of, vault.target_of):
        with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
            ask(SubjectId(bytes(16)))


def test_the_file_tells_nothing(vault: Vault, home: Path) -> None:
    anna = vault.identity.enroll("annabella", [LEFT])
    assert scan(home, {"person": b"annabella", "device": LEFT, "subject": anna}) == []


def test_the_same_person_with_the_same_shoe_is_somebody_new_after_erasure(vault: Vault) -> None:
    anna = vault.identity.enroll("anna", [LEFT])
    ids = seal_days(vault, anna, 2)
    slots = vault.target_of(anna).prefixes
    vault.erase(anna, Cause.ERASURE_REQUEST, identity_verified=True)
    assert vault.identity.subject_of("anna") is None
    assert vault.identity.subject_of_device(LEFT) is None
    again = vault.identity.enroll("anna", [LEFT])
    assert again != anna
    assert not set(seal_days(vault, again, 2)) & set(ids)
    assert not set(vault.target_of(again).prefixes) & set(slots)
    assert {found.day for found in vault.records.records_of(again)} == {TODAY, TODAY + 1}
    with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
        seal_days(vault, anna, 1)
