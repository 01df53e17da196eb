"""A claim that does not hold fails the run, and is told."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from protocol.errors import Refusal, RefusalCode
from tideprint.demo import report
from tideprint.demo.claims import Claims


@pytest.fixture
def claims() -> Claims:
    made = Claims()
    with made.timed("walk"):
        made.check("the tide comes", True)
        made.count("steps", 3)
        made.count("steps", 4)
    return made


def told(claims: Claims) -> str:
    console = Console(file=io.StringIO(), width=118)
    report.show(claims, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_held(claims: Claims) -> None:
    assert claims.all_held
    assert claims.figures == {"steps": 7}
    assert "all 1 claims held" in told(claims)


def test_nothing_claimed_is_nothing_held() -> None:
    assert not Claims().all_held


def test_one_failed_claim_fails_the_run(claims: Claims) -> None:
    claims.check("the tide goes", False)
    assert not claims.all_held
    assert "1 of 2 claims did not hold" in told(claims)


def test_the_expected_refusal_holds(claims: Claims) -> None:
    with claims.refused("K_FLOOR", "a crowd of two"):
        raise Refusal(RefusalCode.K_FLOOR, "too few")
    assert claims.all_held
    assert claims.refusals == {"K_FLOOR": 1}


def test_another_refusal_does_not_hold(claims: Claims) -> None:
    with claims.refused("K_FLOOR", "a crowd of two"):
        raise Refusal(RefusalCode.REPLAY, "again")
    assert not claims.all_held


def test_no_refusal_does_not_hold(claims: Claims) -> None:
    with claims.refused("K_FLOOR", "a crowd of two"):
        pass
    assert not claims.all_held


def test_the_figures_are_written_for_scripts(claims: Claims, tmp_path: Path) -> None:
    report.write_json(claims, tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["held"] is True
    assert written["figures"] == {"steps": 7}
    assert written["claims"] == [{"stage": "walk", "claim": "the tide comes", "held": True}]
    assert written["seconds"].keys() == {"walk"}
