"""The operator's guide explains every reason, and says which ones are incidents."""

from pathlib import Path

from oracles.refusals import INCIDENTS, Reason

GUIDE = Path(__file__).parents[2] / "docs" / "oracles.md"


def test_every_reason_stands_in_the_guide_once_and_incidents_are_marked() -> None:
    rows = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    named = {Reason(row.split("`")[1]): row for row in rows}
    assert list(named) == list(Reason)
    assert {reason for reason, row in named.items() if "**incident**" in row} == INCIDENTS
