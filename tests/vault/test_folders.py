import os
from pathlib import Path

import pytest

from tests.vault.support import options
from vault import Cause, Vault
from vault.access_log import Access, AccessLog
from vault.errors import KeyErased, StoreDamaged
from vault.folders import PART, Drawer, Scratch, UnmappedLog
from vault.forgetting import scan

LETTER = b"a letter that nobody could deliver"


def test_a_drawer_forgets_one_subject_and_keeps_the_others(vault: Vault, tmp_path: Path) -> None:
    anna, ben = vault.identity.enroll("anna", []), vault.identity.enroll("ben", [])
    drawer = Drawer("dead letters", tmp_path / "letters", vault.tag_key_of)
    vault.erasures.register(drawer)
    names = {subject: drawer.put(subject, LETTER) for subject in (anna, ben)}
    (tmp_path / "letters" / f"{anna.hex()}.cut{PART}").write_bytes(b"cut short")
    assert drawer.names(anna) == [names[anna]]
    assert drawer.get(anna, names[anna]) == LETTER
    stolen = (tmp_path / "letters" / names[anna]).read_bytes()
    assert scan(tmp_path, {"letter": LETTER}) == []
    certificate = vault.erase(anna, Cause.CONTRACT_END)
    assert {store["name"]: store["rows"] for store in certificate.body["stores"]}["dead letters"] == 2
    assert [path.name for path in (tmp_path / "letters").iterdir()] == [names[ben]]
    assert drawer.get(ben, names[ben]) == LETTER
    (tmp_path / "letters" / names[anna]).write_bytes(stolen)
    for use in (lambda: drawer.get(anna, names[anna]), lambda: drawer.put(anna, LETTER)):
        with pytest.raises(KeyErased):
            use()


def test_a_drawer_notices_what_was_changed_or_moved(vault: Vault, tmp_path: Path) -> None:
    anna = vault.identity.enroll("anna", [])
    one = Drawer("one", tmp_path / "one", vault.tag_key_of)
    two = Drawer("two", tmp_path / "two", vault.tag_key_of)
    name = one.put(anna, LETTER)
    assert (tmp_path / "one" / name).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o700
    (tmp_path / "two" / name).write_bytes((tmp_path / "one" / name).read_bytes())
    for drawer, asked in ((two, name), (one, "none"), (one, f"../two/{name}x")):
        with pytest.raises(StoreDamaged, match="FILE_DAMAGED"):
            drawer.get(anna, asked)


def test_scratch_is_empty_after_a_start_and_after_any_erasure(vault: Vault, tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    (folder / "left").write_bytes(LETTER)
    os.link(folder / "left", tmp_path / "same bytes")
    scratch = Scratch("temporary files", folder)
    assert list(folder.iterdir()) == []
    assert (tmp_path / "same bytes").read_bytes() == bytes(len(LETTER))
    vault.erasures.register(scratch)
    (folder / "deep").mkdir()
    (folder / "deep" / "new").write_bytes(LETTER)
    certificate = vault.erase(vault.identity.enroll("anna", []), Cause.CONTRACT_END)
    assert {store["name"]: store["rows"] for store in certificate.body["stores"]}["temporary files"] == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_lines_of_the_access_log_stay_and_answer_to_nobody(vault: Vault, tmp_path: Path) -> None:
    anna, ben = vault.identity.enroll("anna", []), vault.identity.enroll("ben", [])
    log = AccessLog(tmp_path / "access.db", vault.tag_key_of, options().clock, create=True)
    vault.erasures.register(UnmappedLog(log))
    for subject in (anna, anna, ben):
        log.append(Access("kim", None, "NURSE", "H", "desk", subject, "round", "TREAT", "WELLNESS_OBS", "ALLOWED"))
    certificate = vault.erase(anna, Cause.CONTRACT_END)
    assert {store["name"]: store["rows"] for store in certificate.body["stores"]}["access-log"] == 2
    assert (log.of_subject(anna), len(log.of_subject(ben)), log.verify().count) == ((), 1, 3)
    log.close()
