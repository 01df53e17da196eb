"""One small demonstration, kept; its node runs again for the tests of the commands."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tideprint.node_process import NodeProcess

COMMAND = [sys.executable, "-m", "tideprint"]
DEMO_SECONDS = 300
PEOPLE, DAYS = 6, 2


@dataclass(frozen=True, slots=True)
class KeptDemo:
    """What a demonstration left."""

    home: Path
    output: str
    exit_code: int
    report: dict[str, Any]


def tideprint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user would."""
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> KeptDemo:
    """A demonstration with few people and days."""
    home = tmp_path_factory.mktemp("demo") / "kept"
    report = home.with_name("report.json")
    scale = ("--people", str(PEOPLE), "--days", str(DAYS))
    done = tideprint("demo", *scale, "--keep", str(home), "--json", str(report))
    return KeptDemo(home, done.stdout + done.stderr, done.returncode, json.loads(report.read_text()))


@pytest.fixture(scope="session")
def node(demo: KeptDemo) -> Iterator[NodeProcess]:
    """The kept node, running again."""
    process = NodeProcess(demo.home / "node")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `tideprint`."""
    return tideprint
