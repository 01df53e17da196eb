"""The node against all cases of execution-apis, through the command line and HTTP, on their own chain."""

import json
import logging
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.rpc_compat.cases import FOLDER, Case, compare, read_cases, run

HEAD = json.loads((FOLDER / "headfcu.json").read_text())["params"][0]["headBlockHash"]
MISSES = tomllib.loads((Path(__file__).parent / "misses.toml").read_text())
log = logging.getLogger(__name__)
LEAST = 200
"""Of 213."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A node that serves the fixtures' chain; it must say that it reached their head."""
    command = [
        sys.executable, "-m", "node", "start", "--genesis", str(FOLDER / "genesis.json"),
        "--import-chain", str(FOLDER / "chain.rlp"), "--no-seal", "--http", "127.0.0.1:0", "--log-level", "error",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().split() == ["head", "45", HEAD]
            word, address = process.stdout.readline().split()
            assert word == "ready"
            yield address
        finally:
            process.terminate()
            assert process.wait(timeout=20) == 0


def test_all_cases_pass_but_the_named_ones(url: str) -> None:
    """Logs passed and all cases by method: `pytest -rP` shows it."""
    cases = read_cases()
    problems = {(case.method, case.name): run(url, case) for case in cases}
    failed = {key: problem for key, problem in problems.items() if problem}
    named = {(method, name) for method, group in MISSES.items() for name in group}
    report = _by_method(cases, failed)
    log.info("cases passed, by method:\n%s", report)
    details = "\n".join(f"{method}/{name}: {problem}" for (method, name), problem in failed.items())
    assert failed.keys() == named, f"{report}\n{details}"
    assert len(cases) == 213
    assert len(cases) - len(failed) >= LEAST


def _by_method(cases: list[Case], failed: dict[tuple[str, str], str]) -> str:
    """A line per method: passed of all."""
    total = Counter(case.method for case in cases)
    missed = Counter(method for method, _ in failed)
    lines = [f"{method:45} {total[method] - missed[method]:3} of {total[method]:3}" for method in sorted(total)]
    return "\n".join([*lines, f"{'all':45} {total.total() - missed.total():3} of {total.total():3}"])


def test_every_miss_has_a_reason() -> None:
    assert all(len(reason) > 20 for group in MISSES.values() for reason in group.values())


@pytest.mark.parametrize(
    ("got", "wanted", "example", "same"),
    [
        ({"result": "0x1"}, {"result": "0x1"}, False, True),
        ({"result": "0x1"}, {"result": "0x2"}, False, False),
        ({"error": {"code": 3, "message": "a"}}, {"error": {"code": 3, "message": "b"}}, False, True),
        ({"error": {"code": 3, "message": "a"}}, {"error": {"code": 4, "message": "a"}}, False, False),
        ({"error": {"code": 3, "data": "0x1"}}, {"error": {"code": 3}}, False, False),
        ({"result": ["0x1"]}, {"result": ["0x2", "0x3"]}, True, True),
        ({"result": None}, {"result": "0x2"}, True, False),
        ({"result": {"a": 1}}, {"result": {"b": 1}}, True, False),
        ({"error": {"code": 3}}, {"result": "0x2"}, True, False),
    ],
)
def test_how_answers_are_compared(got: object, wanted: object, example: bool, same: bool) -> None:
    assert (compare(got, wanted, example) == "") is same
