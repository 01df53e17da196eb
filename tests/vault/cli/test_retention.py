"""The commands of holds, of the daily run and of the clocks, as an operator types them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from protocol.calendar import date_of, day_of
from protocol.quantities import Day
from tests.vault.support import seal_days
from vault import Cause, Vault, VaultOptions
from vault.cli import vault as command
from vault.forgetting import take_copy

TODAY = day_of(VaultOptions().clock())
LATER = str(date_of(Day(TODAY + 30)))


@pytest.fixture
def data(home: Path) -> Path:
    with Vault.create(home, VaultOptions(allow_remnants=True)) as vault:
        for name in ("anna", "ben"):
            seal_days(vault, vault.identity.enroll(name, []), 2, Day(TODAY - 1))
    return home


def run(*words: str | Path | int) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])


def done(*words: str | Path | int) -> Any:
    shown = run(*words, "--allow-remnants", "--json")
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.output)


def erased(data: Path, person: str) -> Any:
    return done("erase", "--data", data, "--person", person, "--cause", "ERASURE_REQUEST", "--identity-verified")


def held(data: Path) -> str:
    """Anna is erased; a law keeps something of her: its number."""
    run("hold", "init", "--data", data, "--officer-key", data.with_name("key"), "--allow-remnants")
    hold = ("hold", "add", "--data", data, "--basis", "COURT_EVIDENCE", "--until", LATER, "--by", "kim")
    done(*hold, "--person", "anna", "--kind", "DAY")
    assert len(done("hold", "list", "--data", data)["placed"]) == 1
    assert erased(data, "anna")["state"] == "PARTIAL_RETAINED"
    (found,) = done("hold", "list", "--data", data)["held"]
    return str(found["id"])


def test_a_hold_from_its_placing_to_its_end(data: Path) -> None:
    number = held(data)
    reading = ("hold", "read", "--silo", data.with_name("vault-silo"), "--officer-key", data.with_name("key"))
    records = done(*reading, "--officer", "kim", "--reason", "order 7")["records"]
    assert [record["person"] for record in records] == ["anna", "anna"]
    refused = run(*reading, "--officer", "kim", "--reason", " ", "--allow-remnants")
    assert (refused.exit_code, "REASON_MISSING" in refused.output) == (3, True)
    certificate = done("hold", "end", "--data", data, "--hold", number)
    assert certificate["state"] == "CERTIFIED"
    assert done("hold", "list", "--data", data)["held"][0]["certificate"] == certificate["number"]
    assert done("status", "--data", data)["certificates"] == 2


def test_a_hold_that_waits_is_taken_back(data: Path) -> None:
    words = ("--person", "ben", "--basis", "COURT_EVIDENCE", "--until", LATER, "--by", "kim")
    number = done("hold", "add", "--data", data, *words)["hold"]
    assert done("hold", "end", "--data", data, "--hold", number)["taken_back"]
    assert erased(data, "ben")["state"] == "CERTIFIED"


def test_holds_need_a_law_and_somebody(data: Path) -> None:
    words = ("hold", "add", "--data", data, "--until", LATER, "--by", "kim", "--allow-remnants")
    assert run(*words, "--person", "anna", "--basis", "as agreed").exit_code == 2
    unknown = run(*words, "--person", "nobody", "--basis", "COURT_EVIDENCE")
    assert (unknown.exit_code, "NOT_DATA_SUBJECT" in unknown.output) == (3, True)


def test_the_daily_run_does_what_is_due_once(data: Path) -> None:
    ended = run(
        "end", "--data", data, "--person", "ben", "--cause", "CONTRACT_END", "--on", date_of(Day(TODAY - 1)),
        "--allow-remnants",
    )  # fmt: skip
    assert ended.exit_code == 0
    first, second = done("tick", "--data", data), done("tick", "--data", data)
    assert [each["cause"] for each in first["erased"]] == ["CONTRACT_END"]
    assert (first["refreshed"], second["refreshed"], second["erased"]) == (True, False, [])
    assert done("status", "--data", data)["subjects"] == 1


def test_an_overdue_clock_ends_the_daily_run_with_one(data: Path) -> None:
    with Vault.open(data, VaultOptions(allow_remnants=True)) as vault:
        anna = vault.identity.subject_of("anna")
        assert anna is not None
        cause_at = type(vault.clock())(vault.clock() - 30 * 86_400)
        number = vault.request_erasure(anna, Cause.ERASURE_REQUEST, cause_at=cause_at).id
    overdue = run("tick", "--data", data, "--json", "--allow-remnants")
    assert overdue.exit_code == 1
    assert json.loads(overdue.output)["overdue"] == [f"ERASE {number}", f"NOTICE {number}"]
    assert run("clock", "list", "--data", data, "--allow-remnants").exit_code == 1
    erased(data, "anna")
    for what in ("noticed", "appealed", "answered"):
        noted = run("clock", "note", what, "--data", data, "--erasure", number, "--allow-remnants")
        assert noted.exit_code == 0, noted.output
    assert done("clock", "list", "--data", data) == {"missed": 2, "running": []}
    again = run("clock", "note", "answered", "--data", data, "--erasure", number, "--allow-remnants")
    assert (again.exit_code, "CLOCK_UNKNOWN" in again.output) == (1, True)


def test_a_proof_with_a_report_for_the_inspector(data: Path, tmp_path: Path) -> None:
    take_copy(data, tmp_path / "copy")
    held(data)
    silo = data.with_name("vault-silo")
    take_copy(silo, tmp_path / "silo copy")
    (found,) = done("hold", "list", "--data", data)["held"]
    done("hold", "end", "--data", data, "--hold", found["id"])
    words = ("prove-erased", "--data", data, "--copy", tmp_path / "copy", "--silo", silo)
    words += ("--silo-copy", tmp_path / "silo copy", "--image", "ext4", "--report", tmp_path / "proof.md", "--json")
    shown = run(*words)
    facts = json.loads(shown.output)
    assert (shown.exit_code, facts["holds"]) == (0, True), shown.output
    assert facts["not_run"] == sum(check["outcome"] == "NOT_RUN" for check in facts["checks"])
    page = (tmp_path / "proof.md").read_text()
    assert "**it holds**" in page
    assert "old copies of the silo" in page


@pytest.mark.parametrize(
    "name", ["tick", "end", "hold init", "hold add", "hold list", "hold end", "hold read", "clock list", "clock note"]
)
def test_every_command_shows_an_example(name: str) -> None:
    assert f"Example: tideprint vault {name}" in run(*name.split(), "--help").output
