import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.vault.support import options, seal_days
from vault import Vault
from vault.cli import vault as command
from vault.forgetting import take_copy


@pytest.fixture
def data(home: Path, tmp_path: Path) -> Path:
    with Vault.create(home, options()) as vault:
        for name in ("anna", "ben"):
            seal_days(vault, vault.identity.enroll(name, []), 2)
        take_copy(home, tmp_path / "copy")
        take_copy(home, tmp_path / "whole", with_root=True)
    return home


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def erase(data: Path, *more: str) -> Result:
    return run("erase", "--data", data, "--allow-remnants", "--cause", "ERASURE_REQUEST", *more)


def test_status_says_how_it_stands(data: Path) -> None:
    shown = run("status", "--data", data, "--allow-remnants")
    assert shown.exit_code == 0
    assert "subjects" in shown.output
    facts = json.loads(run("status", "--data", data, "--allow-remnants", "--json").output)
    assert (facts["subjects"], facts["records"], facts["locked"]) == (2, 4, False)


def test_an_erasure_prints_its_certificate_and_a_second_one_the_same(data: Path) -> None:
    words = ("--person", "anna", "--identity-verified", "--request", "no-1", "--json")
    first, second = erase(data, *words), erase(data, *words)
    assert first.exit_code == second.exit_code == 0
    assert json.loads(first.output) == json.loads(second.output)
    assert json.loads(first.output)["salts_destroyed"] == 2
    shown = erase(data, "--person", "ben", "--identity-verified")
    assert "CERTIFIED" in shown.output
    assert "ben" not in shown.output


def test_refusals_have_their_exit_status(data: Path) -> None:
    unverified = erase(data, "--person", "anna")
    assert (unverified.exit_code, "IDENTITY_UNVERIFIED" in unverified.output) == (3, True)
    unknown = erase(data, "--person", "nobody", "--identity-verified")
    assert (unknown.exit_code, "NOT_DATA_SUBJECT" in unknown.output) == (3, True)


def test_errors_and_wrong_usage_have_theirs(tmp_path: Path) -> None:
    missing = run("status", "--data", tmp_path / "none")
    assert (missing.exit_code, "VAULT_MISSING" in missing.output) == (1, True)
    assert run("erase", "--data", tmp_path).exit_code == 2


def test_an_old_copy_is_attacked(data: Path, tmp_path: Path) -> None:
    erase(data, "--person", "anna", "--identity-verified")
    shown = run("prove-erased", "--data", data, "--copy", tmp_path / "copy", "--json")
    assert shown.exit_code == 0
    facts = json.loads(shown.output)
    assert [(check["name"], check["outcome"]) for check in facts.pop("checks")] == [
        ("old copies", "HOLDS"), ("block store, each member", "HOLDS"),
    ]  # fmt: skip
    assert facts == {
        "erased_rows_closed": 4, "erased_rows_opened": 0, "holds": True, "not_run": 0,
        "other_rows_closed": 0, "other_rows_opened": 4,
    }  # fmt: skip


def test_a_proof_that_fails_ends_with_one(data: Path, tmp_path: Path) -> None:
    erase(data, "--person", "anna", "--identity-verified")
    stolen = (tmp_path / "whole" / "keys" / "root.slot").read_bytes()
    (data / "keys" / "root.slot").write_bytes(stolen)
    shown = run("prove-erased", "--data", data, "--copy", tmp_path / "copy")
    assert shown.exit_code == 1
    assert "False" in shown.output


@pytest.mark.parametrize("name", ["status", "erase", "prove-erased"])
def test_every_command_shows_an_example(name: str) -> None:
    assert "Example: tideprint vault" in run(name, "--help").output
