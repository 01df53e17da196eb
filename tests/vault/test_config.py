from pathlib import Path

import pytest

from tests.vault.support import options
from vault import Vault
from vault.blocks import EmbeddedSettings, MemberSettings, SwarmSettings
from vault.config import BackupSettings, ConfigInvalid, VaultSettings, load_settings, parse_settings, write_settings
from vault.roots import FileSettings, SharesSettings, TokenSettings

MEMBERS = (MemberSettings("a", "/ip4/127.0.0.1/tcp/5001"), MemberSettings("b", "/unix/x", Path("b.secret")))


def test_no_file_means_files(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == VaultSettings(0, FileSettings(), EmbeddedSettings(), BackupSettings())


@pytest.mark.parametrize(
    "settings",
    [
        VaultSettings(),
        VaultSettings(7, TokenSettings(Path("/usr/lib/soft.so"), 'to"ken'), SwarmSettings(MEMBERS, 2)),
        VaultSettings(0, SharesSettings(2, ()), EmbeddedSettings(), BackupSettings(Path("/mnt/replica"))),
    ],
)
def test_what_is_written_reads_back(tmp_path: Path, settings: VaultSettings) -> None:
    write_settings(tmp_path, settings)
    assert load_settings(tmp_path) == settings
    assert (tmp_path / "vault.toml").stat().st_mode & 0o777 == 0o600


def test_a_vault_writes_its_settings_and_is_opened_with_them(home: Path) -> None:
    settings = VaultSettings(5, FileSettings(Path("here.slot"), allow_remnants=True), EmbeddedSettings())
    Vault.create(home, options(settings=settings)).close()
    assert (home / "keys" / "here.slot").exists()
    with Vault.open(home) as vault:
        assert vault.settings == settings
        subject = vault.identity.enroll("anna", [])
        assert vault.target_of(subject).prefixes[0].startswith("05")


def test_every_mistake_is_said_at_once_with_what_was_meant() -> None:
    text = """
tennant = 1
tenant = 300
[root]
kind = "flie"
[blocks]
kind = "kubo"
copis = 2
copies = "two"
[backup]
replica = 5
[bakup]
"""
    with pytest.raises(ConfigInvalid) as found:
        parse_settings(text)
    said = {problem.where: f"{problem.message}; {problem.hint}" for problem in found.value.problems}
    assert said == {
        "tennant": "unknown setting; did you mean tenant?",
        "bakup": "unknown setting; did you mean backup?",
        "tenant": "is out of bounds: 300; from 0 to 255",
        "root.kind": "cannot be 'flie'; did you mean file?",
        "blocks.copis": "unknown setting; did you mean copies?",
        "blocks.copies": "must be a whole number; it is 'two'",
        "blocks.members": "is missing; add a line: members = …",
        "backup.replica": "must be text; it is 5",
    }


@pytest.mark.parametrize(
    "text",
    [
        "tenant = ",
        "tenant = true",
        '[blocks]\nfile = "b.db"',
        "root = 5",
        "[root]\nkind = 5",
        '[blocks]\nkind = "kubo"\nmembers = "a"',
    ],
)
def test_other_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="CONFIG_INVALID"):
        parse_settings(text)
