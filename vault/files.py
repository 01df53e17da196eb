"""Where the files of a vault lie, and the making of a new one.

DIRECTORY/vault.toml     how it is opened; without it: root slot and blocks in files
DIRECTORY/credentials/   keys.json, records.json, identity.json: one store's credential each, never in a backup
DIRECTORY/control/       control.db (officers, joins, key register, backups), key-access.db (log of the key store)
DIRECTORY/keys/          keys.db, root.slot (never copy it), lock
DIRECTORY/records/       records.db, blocks.db, certificate.key
DIRECTORY/identity/      identity.db
"""

KEYS, RECORDS, IDENTITY, CONTROL = "keys", "records", "identity", "control"
KEYS_FILE, ROOT_FILE, LOCK_FILE = f"{KEYS}/keys.db", f"{KEYS}/root.slot", f"{KEYS}/lock"
RECORDS_FILE, BLOCKS_FILE = f"{RECORDS}/records.db", f"{RECORDS}/blocks.db"
SIGNER_FILE, IDENTITY_FILE = f"{RECORDS}/certificate.key", f"{IDENTITY}/identity.db"
CONTROL_FILE, KEY_LOG_FILE = f"{CONTROL}/control.db", f"{CONTROL}/key-access.db"
CREDENTIALS = "credentials"
CONFIG_FILE = "vault.toml"
RESTORING = "restoring"
"""A marker: a restore was cut short, the files are of two moments."""
BACKUP_LOCK = f"{CONTROL}/backup.lock"
