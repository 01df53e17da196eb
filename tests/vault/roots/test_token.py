import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.vault.roots.support import PIN, TOKEN
from vault.errors import RootRefused, StoreUnavailable, VaultError
from vault.roots import TokenRootSlot, TokenSettings, open_root
from vault.roots.token import read_pin

VAULT_ID, MARK = b"v" * 16, b"a" * 16


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.write_text(PIN + "\n")
    path.chmod(0o600)
    return path


def test_a_pin_comes_from_a_file_of_its_owner(pin_file: Path) -> None:
    assert read_pin(pin_file, "") == PIN
    pin_file.chmod(0o640)
    with pytest.raises(RootRefused, match="TOKEN_PIN_EXPOSED"):
        read_pin(pin_file, "")


def test_a_pin_comes_from_a_credential(pin_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(pin_file.parent))
    assert read_pin(None, "pin") == PIN
    for wrong in ("other", "../pin"):
        with pytest.raises(RootRefused, match="TOKEN_PIN_MISSING"):
            read_pin(None, wrong)


def test_no_pin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "empty").touch(0o600)
    for path, credential in ((None, ""), (None, "pin"), (tmp_path / "none", ""), (tmp_path / "empty", "")):
        with pytest.raises(RootRefused, match="TOKEN_PIN_MISSING"):
            read_pin(path, credential)


def test_settings_open_it(token_module: Path, pin_file: Path, tmp_path: Path) -> None:
    slot = open_root(TokenSettings(token_module, TOKEN, f"test-{os.urandom(4).hex()}", pin_file), tmp_path)
    slot.prepare(0, VAULT_ID, MARK)
    assert slot.report(0, MARK).place == "token vault"
    slot.close()


def test_a_key_cannot_leave_the_token(token_module: Path) -> None:
    import pkcs11

    slot = TokenRootSlot(token_module, TOKEN, f"test-{os.urandom(4).hex()}", PIN)
    slot.prepare(0, VAULT_ID, MARK)
    ((_, _, key),) = slot._objects()
    with pytest.raises(pkcs11.exceptions.AttributeSensitive):
        key[pkcs11.Attribute.VALUE]
    assert key[pkcs11.Attribute.NEVER_EXTRACTABLE]
    slot.close()


def test_a_wrong_pin_is_named(token_module: Path) -> None:
    with pytest.raises(RootRefused, match="TOKEN_PIN_WRONG"):
        TokenRootSlot(token_module, TOKEN, "test", "9999")


def test_a_missing_token_or_library_is_named(token_module: Path, tmp_path: Path) -> None:
    for module, token in ((token_module, "none"), (tmp_path / "none.so", TOKEN)):
        with pytest.raises(StoreUnavailable, match="TOKEN_UNAVAILABLE"):
            TokenRootSlot(module, token, "test", PIN)


def test_a_label_is_one_word(token_module: Path) -> None:
    with pytest.raises(VaultError, match="ROOT_SETTINGS"):
        TokenRootSlot(token_module, TOKEN, "two words", PIN)


def test_a_token_that_keeps_a_destroyed_key_is_noticed(token_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = TokenRootSlot(token_module, TOKEN, f"test-{os.urandom(4).hex()}", PIN)
    slot.prepare(0, VAULT_ID, MARK)
    slot.prepare(1, VAULT_ID, MARK)
    monkeypatch.setattr(slot, "_destroy", lambda _: None)
    with pytest.raises(StoreUnavailable, match="ROOT_STILL_HELD"):
        slot.settle(1, MARK)
    assert slot.report(1, MARK).debts
    slot.close()


def test_a_token_that_makes_extractable_keys_is_refused(token_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pkcs11

    slot = TokenRootSlot(token_module, TOKEN, f"test-{os.urandom(4).hex()}", PIN)
    attributes = SimpleNamespace(**{found.name: found for found in pkcs11.Attribute})
    attributes.EXTRACTABLE = pkcs11.Attribute.ENCRYPT
    attributes.SENSITIVE = pkcs11.Attribute.DECRYPT
    weak = SimpleNamespace(**{name: getattr(pkcs11, name) for name in ("KeyType", "Mechanism", "ObjectClass")})
    weak.Attribute, weak.exceptions = attributes, pkcs11.exceptions
    attributes.NEVER_EXTRACTABLE = pkcs11.Attribute.MODIFIABLE
    attributes.ALWAYS_SENSITIVE = pkcs11.Attribute.WRAP
    monkeypatch.setattr(slot, "_pkcs11", weak)
    with pytest.raises(RootRefused, match="TOKEN_EXTRACTABLE"):
        slot.prepare(0, VAULT_ID, MARK)
    assert slot.held() == ()
    slot.close()
