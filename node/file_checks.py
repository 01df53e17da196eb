"""Checks of the files that the settings name: who may read them, whether they fit together, when they end."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from node.access.errors import AccessError
from node.access.files import read_ring
from node.access.tokens import load_token_key
from node.config import ACCESS_FILE, KEY_FILE, Config
from node.errors import ConfigError
from node.keystore import key_address
from node.settings import Problem

SOON = timedelta(days=14)


def file_problems(folder: Path, config: Config, now: float) -> list[Problem]:
    """Everything about files; `now` in UTC seconds."""
    return [
        *_modes(folder, config),
        *_certificate(folder, config, datetime.fromtimestamp(now, UTC)),
        *_keys(folder, config),
        *_account(folder, config),
    ]


def _modes(folder: Path, config: Config) -> Iterator[Problem]:
    """Secret files are for their owner alone; nobody else may put files into the directory."""
    for name in (KEY_FILE, ACCESS_FILE, config.tls.key):
        path = folder / name
        if name and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Problem("FILE_MODE", name, "others can read this secret file", f"chmod 600 {path}", name)
    if folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o022:
        yield Problem("FILE_MODE", str(folder), "others can write into the directory", f"chmod 700 {folder}", "")


def _certificate(folder: Path, config: Config, now: datetime) -> Iterator[Problem]:
    if not (config.tls.certificate and config.tls.key):
        return
    try:
        chain = x509.load_pem_x509_certificates((folder / config.tls.certificate).read_bytes())
        key = load_pem_private_key((folder / config.tls.key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        yield Problem("TLS_FILES", "tls", f"certificate or key cannot be read: {error}", "give plain PEM files")
        return
    first, form = chain[0], (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if first.public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        yield Problem("TLS_FILES", "tls.key", "is not the key of the certificate", "put the two that belong together")
    until = first.not_valid_after_utc
    if until <= now:
        yield Problem("TLS_FILES", "tls.certificate", f"expired on {until:%Y-%m-%d}", "renew it, then SIGHUP")
    elif until - now < SOON:
        yield Problem("TLS_FILES", "tls.certificate", f"expires on {until:%Y-%m-%d}", "renew it, then SIGHUP",
                      advice=True)  # fmt: skip
    if first.not_valid_before_utc > now:
        yield Problem("TLS_FILES", "tls.certificate", f"is valid from {first.not_valid_before_utc:%Y-%m-%d} on only",
                      "check the machine's clock")  # fmt: skip
    if config.tls.clients:
        yield from _authority(folder / config.tls.clients)


def _authority(path: Path) -> Iterator[Problem]:
    try:
        x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        yield Problem("TLS_FILES", "tls.clients", f"cannot be read: {error}", "give the authority's certificate in PEM")


def _keys(folder: Path, config: Config) -> Iterator[Problem]:
    try:
        read_ring(folder / ACCESS_FILE)
    except AccessError as error:
        if error.code != "ACCESS_FILE_MODE":
            yield Problem(error.code, ACCESS_FILE, error.message, error.hint, ACCESS_FILE)
    try:
        if config.jwt.algorithm and config.jwt.key:
            load_token_key(config.jwt.algorithm, folder / config.jwt.key)
    except AccessError as error:
        yield Problem(error.code, "jwt.key", error.message, error.hint)


def _account(folder: Path, config: Config) -> Iterator[Problem]:
    path = folder / KEY_FILE
    try:
        if path.exists() and key_address(path).lower() != config.account.lower():
            yield Problem("KEY_FILE", "account", f"is not the address of {KEY_FILE}",
                          f'write account = "{key_address(path)}"')  # fmt: skip
        elif config.account and not path.exists():
            yield Problem("KEY_FILE", "account", f"names a key, and there is no {KEY_FILE}",
                          "restore the file, or take the line out")  # fmt: skip
    except ConfigError as error:
        yield Problem(error.code, KEY_FILE, error.message, error.hint, KEY_FILE)
