"""The node's own key: encrypted, for its owner only, opened by its passphrase alone."""

import json
from pathlib import Path

import pytest
from eth_account import Account

from node.errors import ConfigError
from node.keystore import credential, key_address, load_key, make_key, read_passphrase

PASSPHRASE = "correct horse battery"


def test_a_key_made_and_opened(tmp_path: Path) -> None:
    path = tmp_path / "node-key.json"
    address = make_key(path, PASSPHRASE, 1 << 10)
    assert path.stat().st_mode & 0o777 == 0o600
    key = load_key(path, PASSPHRASE)
    assert Account.from_key(key).address == address
    assert key_address(path).lower() == address.lower()
    assert key.hex() not in path.read_text()
    assert PASSPHRASE not in path.read_text()
    assert json.loads(path.read_text())["crypto"]["kdf"] == "scrypt"
    with pytest.raises(ConfigError, match="KEY_PASSPHRASE") as refused:
        load_key(path, "wrong horse battery")
    assert "horse" not in str(refused.value)
    with pytest.raises(FileExistsError):
        make_key(path, PASSPHRASE, 1 << 10)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"version": 9}'])
def test_what_is_no_keystore(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node-key.json"
    path.write_text(content)
    for read in (lambda: load_key(path, PASSPHRASE), lambda: key_address(path)):
        with pytest.raises(ConfigError, match="KEY_FILE"):
            read()


def test_passphrases_from_files(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.touch(0o600)
    path.write_text(f"{PASSPHRASE}\nsecond line\n")
    assert read_passphrase(path) == PASSPHRASE
    for content, code in (("", "PASSPHRASE_SHORT"), ("short", "PASSPHRASE_SHORT")):
        path.write_text(content)
        with pytest.raises(ConfigError, match=code):
            read_passphrase(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="PASSPHRASE_FILE"):
        read_passphrase(path)
    with pytest.raises(ConfigError, match="PASSPHRASE_FILE"):
        read_passphrase(tmp_path / "none")


def test_where_systemd_puts_it(tmp_path: Path) -> None:
    assert credential({}) is None
    assert credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None
    (tmp_path / "node-passphrase").touch(0o600)
    assert credential({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == tmp_path / "node-passphrase"
