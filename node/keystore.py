"""The node's own key: secp256k1, in `node-key.json` (keystore V3, scrypt, AES-128-CTR), 0600.

It signs snapshots and, later, proposals. The passphrase comes from a file, from a systemd credential
(`$CREDENTIALS_DIRECTORY/node-passphrase`) or from a prompt; never from the command line or the environment.
"""

import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from eth_account import Account
from eth_keys import keys

from node.errors import ConfigError

CREDENTIAL = "node-passphrase"
SCRYPT_N = 1 << 18
SHORTEST = 12
"""Characters of a passphrase."""


def credential(environment: Mapping[str, str]) -> Path | None:
    """Where systemd put the passphrase, if it did."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    path = None if folder is None else Path(folder) / CREDENTIAL
    return path if path is not None and path.is_file() else None


def read_passphrase(path: Path) -> str:
    """The first line of a file that nobody else can read. Raises ConfigError PASSPHRASE_FILE."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError("PASSPHRASE_FILE", f"others can read {path}", f"chmod 600 {path}")
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("PASSPHRASE_FILE", f"{path} cannot be read: {error}", "give a text file") from error
    return require_passphrase(lines[0] if lines else "")


def require_passphrase(text: str) -> str:
    """Raises ConfigError PASSPHRASE_SHORT."""
    if len(text) < SHORTEST:
        raise ConfigError(
            "PASSPHRASE_SHORT", f"the passphrase has fewer than {SHORTEST} characters", "openssl rand -base64 24"
        )
    return text


def make_key(path: Path, passphrase: str, scrypt_n: int = SCRYPT_N) -> str:
    """Make a key and write it encrypted; returns its address. Refuses to overwrite (FileExistsError)."""
    key = keys.PrivateKey(secrets.token_bytes(32))
    sealed = Account.encrypt(key.to_bytes(), passphrase, kdf="scrypt", iterations=scrypt_n)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(sealed, file)
        file.flush()
        os.fsync(file.fileno())
    return str(key.public_key.to_checksum_address())


def load_key(path: Path, passphrase: str) -> bytes:
    """The 32 bytes of the private key. Raises ConfigError KEY_FILE, KEY_PASSPHRASE."""
    try:
        return bytes(Account.decrypt(json.loads(path.read_text()), passphrase))
    except (OSError, json.JSONDecodeError, KeyError, TypeError, NotImplementedError) as error:
        raise ConfigError("KEY_FILE", f"{path} is no keystore: {type(error).__name__}", "restore it") from error
    except ValueError as error:
        raise ConfigError("KEY_PASSPHRASE", f"the passphrase does not open {path}", "try another") from error


def key_address(path: Path) -> str:
    """The address that a keystore says it is of, as 0x and 40 digits. Raises ConfigError KEY_FILE."""
    try:
        return "0x" + str(json.loads(path.read_text())["address"]).removeprefix("0x")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("KEY_FILE", f"{path} is no keystore: {type(error).__name__}", "restore it") from error
