import hmac
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Seconds
from tests.vault.support import Clock, seal_days
from vault import Cause, Vault
from vault.access_log import AccessLog
from vault.credentials import StoreRole
from vault.errors import StoreDamaged, StoreUnavailable, VaultError
from vault.joins import LONGEST, Joins
from vault.officers import OfficerKey, make_officer_key, open_officer_key

REASON = "court order 2026/117"


class Office:
    """A vault with one wearer, its officers and its log."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self.vault, self.clock = vault, Clock()
        self.anna = vault.identity.enroll("anna", [])
        seal_days(vault, self.anna, 2)
        self.log = AccessLog(folder / "access.db", vault.tag_key_of, self.clock, create=True)
        self.joins = Joins(
            vault.control, (vault.identity, vault.records), self.log, self.clock, os.urandom, vault.tag_key_of
        )
        self.folder = folder
        self.keys = {role: self.officer(role.lower(), role) for role in StoreRole}
        self.kim, self.lee = self.keys[StoreRole.REGISTRAR], self.keys[StoreRole.RECORD_KEEPER]

    def officer(self, name: str, role: StoreRole) -> OfficerKey:
        made = OfficerKey(name, role, Ed25519PrivateKey.generate())
        self.joins.officers.add(made.officer, self.clock())
        return made

    @property
    def until(self) -> Seconds:
        return Seconds(self.clock.at + 3600)

    def decisions(self) -> list[tuple[str, str]]:
        return [(line.record["task"], line.record["decision"]) for line in self.log.lines()]


@pytest.fixture
def office(vault: Vault, tmp_path: Path) -> Iterator[Office]:
    made = Office(vault, tmp_path)
    yield made
    made.log.close()


def refused(code: RefusalCode) -> AbstractContextManager[pytest.ExceptionInfo[Refusal]]:
    return pytest.raises(Refusal, match=code.value)


def test_two_officers_open_what_one_cannot(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    assert office.joins.approve(office.lee, join.id, office.anna).approver == "record_keeper"
    found = office.joins.use(office.kim, join.id, office.anna)
    assert (found.entry.person, len(found.records)) == ("anna", 2)
    assert office.joins.use(office.kim, join.id, office.anna) == found
    assert office.joins.get(join.id).uses == 2
    assert office.decisions() == [
        ("join request", "ALLOWED"), ("join approval", "ALLOWED"), ("join use", "ALLOWED"), ("join use", "ALLOWED"),
    ]  # fmt: skip
    assert len(office.log.of_subject(office.anna)) == 4
    office.log.verify()


def test_dual_control_required(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.use(office.kim, join.id, office.anna)
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.use(office.kim, "0" * 16, office.anna)
    other = office.vault.identity.enroll("ben", [])
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.approve(office.lee, join.id, other)
    office.joins.approve(office.lee, join.id, office.anna)
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.use(office.kim, join.id, other)
    assert [decision for task, decision in office.decisions() if task == "join use"] == ["DUAL_CONTROL_REQUIRED"] * 3
    assert office.joins.get(join.id).uses == 0


def test_self_approval(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    renamed = OfficerKey("somebody", StoreRole.RECORD_KEEPER, office.kim._signer)
    for key in (office.kim, renamed):
        with refused(RefusalCode.SELF_APPROVAL):
            office.joins.approve(key, join.id, office.anna)


@pytest.mark.parametrize("reason", ["", "   ", "order", " " * 20])
def test_reason_missing(office: Office, reason: str) -> None:
    with refused(RefusalCode.REASON_MISSING):
        office.joins.request(office.kim, office.anna, reason, office.until)
    assert office.joins.all() == []
    assert office.decisions() == [("join request", "REASON_MISSING")]


@pytest.mark.parametrize("asks", StoreRole)
@pytest.mark.parametrize("agrees", StoreRole)
def test_role_separation_every_pair_of_roles(office: Office, asks: StoreRole, agrees: StoreRole) -> None:
    holders = {StoreRole.REGISTRAR, StoreRole.RECORD_KEEPER}
    if asks not in holders:
        with refused(RefusalCode.ROLE_SEPARATION):
            office.joins.request(office.keys[asks], office.anna, REASON, office.until)
        return
    join = office.joins.request(office.keys[asks], office.anna, REASON, office.until)
    second = office.officer("second", agrees)
    if agrees in holders - {asks}:
        assert office.joins.approve(second, join.id, office.anna).approver == "second"
    else:
        with refused(RefusalCode.ROLE_SEPARATION):
            office.joins.approve(second, join.id, office.anna)


def test_only_the_officer_who_asked_uses_it(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    office.joins.approve(office.lee, join.id, office.anna)
    with refused(RefusalCode.ROLE_SEPARATION):
        office.joins.use(office.lee, join.id, office.anna)


def test_an_end_that_is_past_or_too_far(office: Office) -> None:
    for until in (office.clock.at, office.clock.at + LONGEST + 1):
        with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
            office.joins.request(office.kim, office.anna, REASON, Seconds(until))
    late = office.joins.request(office.kim, office.anna, REASON, office.until)
    used = office.joins.request(office.kim, office.anna, REASON, office.until)
    office.joins.approve(office.lee, used.id, office.anna)
    office.clock.at += 3599
    office.joins.use(office.kim, used.id, office.anna)
    office.clock.at += 1
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.approve(office.lee, late.id, office.anna)
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.use(office.kim, used.id, office.anna)


def test_whoever_writes_the_table_makes_no_approval(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    update = "UPDATE join_request SET approver = 'record_keeper', approved = 1, consent = ? WHERE id = ?"
    office.vault.control.execute(update, (bytes(64), join.id))
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.use(office.kim, join.id, office.anna)
    longer = join.body.replace(str(join.until).encode(), str(join.until + 9).encode())
    assert longer != join.body
    office.vault.control.execute("UPDATE join_request SET body = ? WHERE id = ?", (longer, join.id))
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.approve(office.lee, join.id, office.anna)


def test_an_erased_subject_is_joined_no_more(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    office.joins.approve(office.lee, join.id, office.anna)
    office.vault.erase(office.anna, Cause.ERASURE_REQUEST, identity_verified=True)
    with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
        office.joins.use(office.kim, join.id, office.anna)


def test_once_erased_nobody_can_tell_whom_a_request_was_about(office: Office) -> None:
    join = office.joins.request(office.kim, office.anna, REASON, office.until)
    key = office.vault.tag_key_of(office.anna)
    assert key is not None
    assert join.about == hmac.digest(key, b"tideprint/join subject/2", "sha256")
    office.vault.erase(office.anna, Cause.ERASURE_REQUEST, identity_verified=True)
    assert office.vault.tag_key_of(office.anna) is None


def test_one_person_has_one_role(office: Office) -> None:
    for known in (office.kim.officer, replace(office.kim.officer, name="new"), replace(office.lee.officer, name="x")):
        with refused(RefusalCode.ROLE_SEPARATION):
            office.joins.officers.add(replace(known, role=StoreRole.KEY_KEEPER), office.clock())
    stranger = OfficerKey("s", StoreRole.REGISTRAR, Ed25519PrivateKey.generate())
    with refused(RefusalCode.DUAL_CONTROL_REQUIRED):
        office.joins.request(stranger, office.anna, REASON, office.until)
    false = OfficerKey("registrar", StoreRole.REGISTRAR, office.lee._signer)
    with refused(RefusalCode.ROLE_SEPARATION):
        office.joins.request(false, office.anna, REASON, office.until)


def test_officer_keys_open_under_their_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "kim.json"
    made = make_officer_key(path, "kim", StoreRole.REGISTRAR, "right", os.urandom)
    assert path.stat().st_mode & 0o777 == 0o600
    assert open_officer_key(path, "right").officer == made.officer
    with pytest.raises(VaultError, match="PASSPHRASE_WRONG"):
        open_officer_key(path, "wrong")
    with pytest.raises(StoreUnavailable, match="OFFICER_KEY_EXISTS"):
        make_officer_key(path, "kim", StoreRole.REGISTRAR, "right", os.urandom)
    path.write_text(path.read_text().replace("REGISTRAR", "KEY_KEEPER"))
    with pytest.raises(VaultError, match="PASSPHRASE_WRONG"):
        open_officer_key(path, "right")
    path.write_text("{}")
    with pytest.raises(StoreDamaged, match="OFFICER_KEY_DAMAGED"):
        open_officer_key(path, "right")
    with pytest.raises(StoreUnavailable, match="OFFICER_KEY_MISSING"):
        open_officer_key(tmp_path / "none", "right")
