"""Every place in which a running member may hold something of a person, and how each forgets.

A store of the register stands on each erasure certificate under its name. Places without a store hold nothing that
outlives a person's keys, or nothing of a person at all; the reason is given. A file that matches no place is a finding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

OWN_STORES = ("silo", "keys", "blocks", "records", "identity")
"""Stores of the vault itself; the silo stands on a certificate only where a law keeps something."""


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of place below a member's directory."""

    files: tuple[str, ...]
    """Patterns, relative to the member's directory; a database's log and index go with it."""
    holds: str
    forgets: str
    store: str | None = None
    """Its name in the store register and on certificates."""


def _erased(files: Sequence[str], holds: str, store: str, forgets: str = "rows deleted and overwritten") -> Place:
    return Place(tuple(files), holds, forgets, store)


PLACES = (
    _erased(
        ["vault/keys/keys.db", "vault/keys/root.slot"], "the key tree; the root secret", "keys", "re-keyed; overwritten"
    ),
    _erased(
        ["vault/records/blocks.db"], "ciphertext of records", "blocks", "blocks deleted, at every member of a swarm"
    ),
    _erased(["vault/records/records.db"], "paths, CIDs, owners, holds and ends, tickets of erasures", "records"),
    _erased(["vault/identity/identity.db"], "person, devices, credential", "identity"),
    _erased(
        ["vault/gate/access.db"], "access log: tags of persons", "access-log", "lines stay, their tags answer to nobody"
    ),
    _erased(["vault/gate/agreements.db"], "consents and contracts", "agreements"),
    _erased(["vault/gate/releases.db"], "which release used which consent", "release counts"),
    _erased(["vault/gate/notes.db"], "notes on a patient's capacity and kin", "patient notes"),
    _erased(
        ["oracle/spool.db"], "queue: minutes waiting or refused, clocks, references to be anchored", "oracle-spool"
    ),
    _erased(["oracle/shoes.db"], "which shoe is whose", "shoe-register"),
    _erased(["oracle/issuance.db"], "vouchers a wearer is entitled to", "issuance-ledger"),
    _erased(
        ["vault-silo/*"],
        "what a law keeps, sealed to the hold officer",
        "silo",
        "destroyed on its day, with a certificate",
    ),
    Place(
        ("vault/control/*",),
        "officers, joins, key register, log of the key store",
        "a join holds SHA-256 of a pseudonym; tags of the log answer to nobody",
    ),
    Place(
        ("vault/credentials/*", "vault/records/certificate.key", "vault/vault.toml", "vault/keys/lock"),
        "service keys",
        "",
    ),
    Place(
        ("oracle/series/*", "issuer-key/*", "accounts/*", "passphrase"),
        "keys of the service",
        "hold nothing of a person",
    ),
    Place(
        ("node/*", "deployment.json", "plan.json", "ape/*"),
        "the ledger, its log and its contracts",
        "only hiding commitments, whose salts die with the records; the log has no bodies of requests",
    ),
    Place(("wallets/*",), "the wearer's own wallet", "on the wearer's device; the service has none"),
    Place(("copy-before-erasure/*",), "the demonstration's stolen copy", "useless once its keys are dead"),
)
TEMPORARY = "copies of databases that `prove-erased` reads lie sealed in a directory of its own, removed when it ends"
"""What lies outside a member's directory while a command runs."""


def place_of(name: str) -> Place | None:
    """The place of a file, by its path below the member's directory."""
    bare = name.removesuffix("-wal").removesuffix("-shm").removesuffix("-journal")
    return next((place for place in PLACES if any(fnmatch(bare, pattern) for pattern in place.files)), None)


def unknown_files(home: Path) -> list[str]:
    """Files below a member's directory that no place names: must be none."""
    names = (path.relative_to(home).as_posix() for path in sorted(home.rglob("*")) if path.is_file())
    return [name for name in names if place_of(name) is None]


def missing_stores(registered: Iterable[str]) -> list[str]:
    """Stores that the places name and the vault's register lacks: must be none."""
    known = {*registered, *OWN_STORES}
    return sorted({place.store for place in PLACES if place.store is not None} - known)
