"""Three stores, three credentials, three roles: no role holds two stores.

A credential is a file of its own, mode 0600, with 32 secret bytes of one store. Payload keys of the records and of the
identity map hang on it as well as on the key tree:

    payload key = HMAC-SHA256(credential, "tideprint/store key/1" ‖ leaf key)

So whoever has the keys and a dump of one other store still needs that store's credential. The key store's credential
authenticates backups. Credentials lie in no backup; each role keeps a copy of its own.
"""

import hmac
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from protocol.errors import Refusal, RefusalCode
from vault.database import Database
from vault.errors import StoreDamaged, StoreUnavailable
from vault.macs import mac

CREDENTIAL_SIZE = 32
_STORE_KEY = b"tideprint/store key/1"
_MAC = b"tideprint/store mac/1"
_CHECK = b"tideprint/credential check/1"


class Store(StrEnum):
    """The three stores that nobody may hold two of."""

    KEYS = "keys"
    RECORDS = "records"
    IDENTITY = "identity"


class StoreRole(StrEnum):
    """Who works at the stores. A further officer or an inspector holds none."""

    KEY_KEEPER = "KEY_KEEPER"
    RECORD_KEEPER = "RECORD_KEEPER"
    REGISTRAR = "REGISTRAR"
    PRIVACY_OFFICER = "PRIVACY_OFFICER"
    INSPECTOR = "INSPECTOR"


HOLDS: Mapping[StoreRole, Store | None] = {
    StoreRole.KEY_KEEPER: Store.KEYS,
    StoreRole.RECORD_KEEPER: Store.RECORDS,
    StoreRole.REGISTRAR: Store.IDENTITY,
    StoreRole.PRIVACY_OFFICER: None,
    StoreRole.INSPECTOR: None,
}
"""The store a role holds; never two."""
KEEPER: Mapping[Store, StoreRole] = {store: role for role, store in HOLDS.items() if store is not None}


def check_role(role: StoreRole, store: Store) -> None:
    """Refuses `ROLE_SEPARATION` unless the role holds this store."""
    if HOLDS[role] is not store:
        hint = f"ask the {KEEPER[store]}"
        raise Refusal(RefusalCode.ROLE_SEPARATION, f"{role} does not hold the store {store}", hint, f"{role}, {store}")


@dataclass(frozen=True, slots=True)
class Credential:
    """What opens one store."""

    store: Store
    role: StoreRole
    holder: str
    secret: bytes

    def __repr__(self) -> str:
        return f"Credential({self.store}, {self.role})"

    def store_key(self, leaf_key: bytes) -> bytes:
        """The payload key (32 bytes) of a leaf in this store."""
        return mac(self.secret, _STORE_KEY + leaf_key)

    def mac(self, message: bytes) -> bytes:
        """32 bytes that only this credential makes."""
        return mac(self.secret, _MAC + message)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of all three stores: what the service is started with, nobody else."""

    keys: Credential
    records: Credential
    identity: Credential

    def write_check(self, control: Database) -> None:
        """Note, in a new control database, what shows these credentials to be the right ones; it tells nothing else."""
        for each in (self.keys, self.records, self.identity):
            control.execute("INSERT INTO meta VALUES (?, ?)", (f"credential {each.store}", each.mac(_CHECK)))

    def check(self, control: Database) -> None:
        """Raises `CREDENTIAL_WRONG` before anything is sealed under a wrong one."""
        for each in (self.keys, self.records, self.identity):
            known = bytes(control.value("SELECT value FROM meta WHERE name = ?", (f"credential {each.store}",)) or b"")
            if not hmac.compare_digest(known, each.mac(_CHECK)):
                hint = f"bring back the copy that the {KEEPER[each.store]} keeps"
                raise StoreDamaged("CREDENTIAL_WRONG", f"the credential of {each.store} is not this vault's", hint)


def make_credentials(directory: Path, entropy: Callable[[int], bytes]) -> None:
    """Fresh credentials for a new vault, one file each. `holder` is filled in by `hand_over`."""
    directory.mkdir(mode=0o700)
    for store in Store:
        secret = entropy(CREDENTIAL_SIZE)
        _write(directory / f"{store}.json", Credential(store, KEEPER[store], "", secret))


def hand_over(directory: Path, store: Store, role: StoreRole, holder: str) -> None:
    """Name who holds a store's credential. Refuses `ROLE_SEPARATION` for a role of another store, or somebody who
    holds another credential already."""
    check_role(role, store)
    found = load_credential(directory, store)
    others = [load_credential(directory, other) for other in Store if other is not store]
    if any(other.holder == holder for other in others):
        hint = "somebody else has to hold it"
        raise Refusal(RefusalCode.ROLE_SEPARATION, f"{holder} holds another store already", hint, f"{role}, {store}")
    path = directory / f"{store}.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    _write(fresh, Credential(store, role, holder, found.secret))
    fresh.rename(path)


def load_credentials(directory: Path) -> Credentials:
    """All three. Raises `CREDENTIAL_MISSING`, `CREDENTIAL_EXPOSED`, `CREDENTIAL_DAMAGED`; refuses `ROLE_SEPARATION`
    if one role or one holder has two stores, or two stores have one secret."""
    found = {store: load_credential(directory, store) for store in Store}
    holders = [each.holder for each in found.values() if each.holder]
    secrets = {each.secret for each in found.values()}
    if len(set(holders)) < len(holders) or len(secrets) < len(found):
        raise Refusal(RefusalCode.ROLE_SEPARATION, "one holder has two stores", "hand one of them to somebody else")
    return Credentials(found[Store.KEYS], found[Store.RECORDS], found[Store.IDENTITY])


def load_credential(directory: Path, store: Store) -> Credential:
    """The credential of one store."""
    path = directory / f"{store}.json"
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            hint = "chmod 600, then treat it as leaked"
            raise StoreUnavailable("CREDENTIAL_EXPOSED", f"others may read the credential of {store}", hint)
        found = json.loads(path.read_text())
        made = Credential(
            Store(found["store"]), StoreRole(found["role"]), str(found["holder"]), bytes.fromhex(found["secret"])
        )
    except OSError as error:
        hint = f"bring back the copy that the {KEEPER[store]} keeps; nothing in this store opens without it"
        raise StoreUnavailable("CREDENTIAL_MISSING", f"the credential of {store}: {error.strerror}", hint) from error
    except (ValueError, KeyError, TypeError) as error:
        hint = f"bring back the copy that the {KEEPER[store]} keeps"
        raise StoreDamaged("CREDENTIAL_DAMAGED", f"the credential of {store} does not read", hint) from error
    if made.store is not store or len(made.secret) != CREDENTIAL_SIZE:
        raise StoreDamaged("CREDENTIAL_DAMAGED", f"{path.name} is not the credential of {store}", "put it in its place")
    check_role(made.role, store)
    return made


def _write(path: Path, credential: Credential) -> None:
    facts = {
        "holder": credential.holder,
        "role": credential.role,
        "secret": credential.secret.hex(),
        "store": credential.store,
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(facts, file)
        file.flush()
        os.fsync(file.fileno())
