import json
import os
from itertools import product
from pathlib import Path

import pytest

from protocol.errors import Refusal
from tests.vault.support import options, seal_days
from vault import Vault
from vault.credentials import HOLDS, Store, StoreRole, check_role, hand_over, load_credential, load_credentials
from vault.errors import StoreDamaged, StoreUnavailable
from vault.forgetting import scan


@pytest.fixture
def folder(home: Path) -> Path:
    Vault.create(home, options()).close()
    return home / "credentials"


@pytest.mark.parametrize(("role", "store"), product(StoreRole, Store))
def test_role_separation_every_role_at_every_store(folder: Path, role: StoreRole, store: Store) -> None:
    if HOLDS[role] is store:
        check_role(role, store)
        hand_over(folder, store, role, "kim")
        assert load_credential(folder, store).holder == "kim"
        return
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        check_role(role, store)
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        hand_over(folder, store, role, "kim")
    path = folder / f"{store}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "role": role}))
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        Vault.open(folder.parent, options())


def test_no_role_holds_two_stores() -> None:
    held = [store for store in HOLDS.values() if store is not None]
    assert sorted(held) == sorted(Store)


def test_nobody_holds_two_stores(folder: Path) -> None:
    hand_over(folder, Store.KEYS, StoreRole.KEY_KEEPER, "kim")
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        hand_over(folder, Store.RECORDS, StoreRole.RECORD_KEEPER, "kim")
    hand_over(folder, Store.RECORDS, StoreRole.RECORD_KEEPER, "lee")
    load_credentials(folder)
    path = folder / "records.json"
    path.write_text(path.read_text().replace("lee", "kim"))
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        load_credentials(folder)


def test_one_secret_for_two_stores_is_refused(folder: Path) -> None:
    secret = json.loads((folder / "keys.json").read_text())["secret"]
    path = folder / "identity.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "secret": secret}))
    with pytest.raises(Refusal, match="ROLE_SEPARATION"):
        load_credentials(folder)


@pytest.mark.parametrize("store", Store)
def test_a_credential_must_be_there_private_and_whole(folder: Path, store: Store) -> None:
    path = folder / f"{store}.json"
    whole = path.read_text()
    path.chmod(0o640)
    with pytest.raises(StoreUnavailable, match="CREDENTIAL_EXPOSED"):
        Vault.open(folder.parent, options())
    path.chmod(0o600)
    for broken in ("", "{}", whole[:-20], whole.replace('"secret": "', '"secret": "zz')):
        path.write_text(broken)
        with pytest.raises(StoreDamaged, match="CREDENTIAL_DAMAGED"):
            Vault.open(folder.parent, options())
    path.unlink()
    with pytest.raises(StoreUnavailable, match="CREDENTIAL_MISSING"):
        Vault.open(folder.parent, options())
    path.touch(0o600)
    path.write_text(whole)
    Vault.open(folder.parent, options()).close()


def test_keys_with_another_credential_open_neither_records_nor_identity(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        seal_days(vault, vault.identity.enroll("anna", []), 2)
    for store in Store:
        path = home / "credentials" / f"{store}.json"
        whole = path.read_text()
        path.write_text(json.dumps({**json.loads(whole), "secret": os.urandom(32).hex()}))
        with pytest.raises(StoreDamaged, match="CREDENTIAL_WRONG"):
            Vault.open(home, options())
        path.write_text(whole)
    Vault.open(home, options()).close()


def test_no_dump_says_who_or_what(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna-canary", [b"device-canary"])
        salts = {found.opening.salt for found in [vault.records.open(each) for each in seal_days(vault, anna, 3)]}
    canaries = {"person": b"anna-canary", "device": b"device-canary", "pseudonym": anna, "steps": b'"steps":1001'}
    canaries |= {f"salt {number}": bytes(salt) for number, salt in enumerate(salts)}
    assert scan(home, canaries) == []
    (home / "control" / "leak").write_bytes(b"x" + anna)
    assert [hit.label for hit in scan(home, canaries)] == ["pseudonym"]
