"""Making a new vault: every file of it, at epoch 0, complete or not there at all."""

import os
from contextlib import closing
from pathlib import Path

from vault import certificates, clocks, identity, joins, key_register, keys, officers, records, sagas, standing
from vault.access_log import AccessLog
from vault.backup import ledger
from vault.blocks import open_blocks
from vault.config import VaultSettings, write_settings
from vault.credentials import load_credentials, make_credentials
from vault.database import Database
from vault.files import (
    CONTROL,
    CONTROL_FILE,
    CREDENTIALS,
    IDENTITY,
    IDENTITY_FILE,
    KEY_LOG_FILE,
    KEYS,
    KEYS_FILE,
    RECORDS,
    RECORDS_FILE,
    SIGNER_FILE,
)
from vault.keys import KeyTree
from vault.options import VaultOptions
from vault.retention import ticks
from vault.roots import VAULT_ID_SIZE, open_root
from vault.service_keys import CertificateKey

CONTROL_SCHEMA = (
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    + key_register.SCHEMA
    + officers.SCHEMA
    + joins.SCHEMA
    + ledger.SCHEMA
)
RECORDS_SCHEMA = records.SCHEMA + sagas.SCHEMA + certificates.SCHEMA + standing.SCHEMA + clocks.SCHEMA + ticks.SCHEMA


def make_vault(directory: Path, options: VaultOptions, settings: VaultSettings) -> None:
    """Lay out an empty vault in a directory that is not there yet, by making it beside and renaming it."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = directory.parent / f".{directory.name}.{options.entropy(8).hex()}.new"
    for name in (KEYS, RECORDS, IDENTITY, CONTROL):
        (fresh / name).mkdir(mode=0o700, parents=True)
    fresh.chmod(0o700)
    _make_key_store(fresh, options, settings)
    Database(fresh / RECORDS_FILE, RECORDS_SCHEMA, create=True).close()
    open_blocks(settings.blocks, fresh / RECORDS, create=True).close()
    Database(fresh / IDENTITY_FILE, identity.SCHEMA, create=True).close()
    make_credentials(fresh / CREDENTIALS, options.entropy)
    _make_control(fresh, options)
    if options.settings is not None:
        write_settings(fresh, settings)
    fresh.rename(directory)


def _make_key_store(directory: Path, options: VaultOptions, settings: VaultSettings) -> None:
    with (
        closing(open_root(settings.root, directory / KEYS, create=True)) as root,
        closing(Database(directory / KEYS_FILE, keys.SCHEMA, create=True)) as rows,
    ):
        vault_id = options.entropy(VAULT_ID_SIZE)
        rows.execute("INSERT INTO meta VALUES ('vault id', ?)", (vault_id,))
        KeyTree(rows, root, vault_id, options.entropy).close()


def _make_control(directory: Path, options: VaultOptions) -> None:
    certificates.load_signer(directory / SIGNER_FILE, options.entropy)
    with closing(Database(directory / CONTROL_FILE, CONTROL_SCHEMA, create=True)) as control:
        load_credentials(directory / CREDENTIALS).write_check(control)
        register = key_register.KeyRegister(control)
        CertificateKey(directory / SIGNER_FILE, register, options.clock, options.entropy)
    AccessLog(directory / KEY_LOG_FILE, lambda _: None, options.clock, create=True, entropy=os.urandom).close()
