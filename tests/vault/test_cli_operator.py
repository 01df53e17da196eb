"""The operator's commands: make, back up, lose, restore, replay; keys; what takes two officers."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.vault.backup.support import lose
from vault import Vault, VaultOptions
from vault.cli import vault as command


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def facts(*words: str | Path) -> dict[str, Any]:
    ran = run(*words, "--json")
    assert ran.exit_code == 0, ran.output
    found: dict[str, Any] = json.loads(ran.output)
    return found


@pytest.fixture
def data(home: Path) -> Path:
    facts("init", "--data", home, "--allow-remnants", "--tenant", "3")
    return home


def enrol(data: Path, name: str) -> str:
    with Vault.open(data, VaultOptions(allow_remnants=True)) as vault:
        return vault.identity.enroll(name, []).hex()


def test_the_drill(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    enrol(data, "anna")
    assert facts("status", "--data", data, "--allow-remnants")["recovery_debt"] == 1
    facts("backup", "--data", data, "--out", out)
    words = ("--person", "anna", "--cause", "ERASURE_REQUEST", "--identity-verified")
    assert facts("erase", "--data", data, "--allow-remnants", *words)["state"] == "CERTIFIED"
    enrol(data, "ben")
    made = facts("backup", "--data", data, "--out", out, "--changes-since", "0")
    assert facts("status", "--data", data, "--allow-remnants")["recovery_debt"] == 0
    lose(data)
    assert facts("restore", "--data", data, "--from", out, "--allow-remnants")["epoch"] == made["epoch"]
    assert facts("status", "--data", data, "--allow-remnants")["locked"]
    assert not facts("replay", "--data", data, "--allow-remnants")["locked"]
    shown = facts("status", "--data", data, "--allow-remnants")
    assert (shown["subjects"], shown["recovery_debt"]) == (1, made["epoch"] + 1)


def test_mistakes_have_their_code_and_status(data: Path, tmp_path: Path) -> None:
    assert "VAULT_EXISTS" in run("init", "--data", data).output
    settings = tmp_path / "vault.toml"
    settings.write_text('[rot]\n[blocks]\nkind = "kobo"')
    said = run("init", "--data", tmp_path / "new", "--settings", settings)
    assert (said.exit_code, said.output.count("did you mean")) == (1, 2)
    assert not (tmp_path / "new").exists()
    assert "BACKUP_UNKNOWN" in run("backup", "--data", data, "--out", tmp_path / "x", "--changes-since", "9").output
    assert run("restore", "--data", data).exit_code == 2


def test_keys_are_listed_rotated_and_marked(data: Path) -> None:
    (first,) = facts("keys", "list", "--data", data, "--allow-remnants")
    fresh = facts("rotate", "certificate-key", "--data", data, "--allow-remnants")
    marked = facts("keys", "compromise", "--data", data, "--allow-remnants", "--id", first, "--since", "5")
    assert (marked["state"], marked["compromised"]) == ("COMPROMISED", 5)
    listed = facts("keys", "list", "--data", data, "--allow-remnants")
    assert {key: listed[key]["state"] for key in listed} == {first: "COMPROMISED", fresh["id"]: "ACTIVE"}


def test_a_join_takes_two(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kim, lee = tmp_path / "kim.json", tmp_path / "lee.json"
    base = ("--data", data, "--allow-remnants")
    said = run("officer", "add", *base, "--key", kim, "--name", "kim", "--role", "REGISTRAR")
    assert "PASSPHRASE_MISSING" in said.output
    monkeypatch.setenv("TIDEPRINT_PASSPHRASE", "a long one")
    facts("officer", "add", *base, "--key", kim, "--name", "kim", "--role", "REGISTRAR")
    facts("officer", "add", *base, "--key", lee, "--name", "lee", "--role", "RECORD_KEEPER")
    twice = run("officer", "add", *base, "--key", tmp_path / "k2", "--name", "kim", "--role", "RECORD_KEEPER")
    assert (twice.exit_code, "ROLE_SEPARATION" in twice.output, (tmp_path / "k2").exists()) == (3, True, False)
    about = ("--subject", enrol(data, "anna"))
    missing = run("join", "request", *base, "--key", kim, *about)
    assert (missing.exit_code, "REASON_MISSING" in missing.output) == (3, True)
    made = facts("join", "request", *base, "--key", kim, *about, "--reason", "court order 2026/117")
    number = ("--id", made["id"])
    alone = run("join", "use", *base, "--key", kim, *number, *about)
    assert (alone.exit_code, "DUAL_CONTROL_REQUIRED" in alone.output) == (3, True)
    assert "SELF_APPROVAL" in run("join", "approve", *base, "--key", kim, *number, *about).output
    assert facts("join", "approve", *base, "--key", lee, *number, *about)["approver"] == "lee"
    assert facts("join", "use", *base, "--key", kim, *number, *about) == {"person": "anna", "records": 0}
    assert facts("join", "list", *base)[made["id"]]["uses"] == 1


@pytest.mark.parametrize(
    "words",
    [
        ("init",), ("backup",), ("restore",), ("replay",), ("rotate",), ("keys", "list"), ("keys", "compromise"),
        ("officer", "add"), ("join", "request"), ("join", "approve"), ("join", "use"), ("join", "list"),
    ],
)  # fmt: skip
def test_every_command_shows_an_example(words: tuple[str, ...]) -> None:
    assert "Example: tideprint vault " + " ".join(words) in run(*words, "--help").output
