"""ape against a running node, as somebody who builds on the chain uses it: `ape run`, `ape console`, `ape test`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account
from eth_hash.auto import keccak

from tests.clients.support import HERE, MEMBER, Running, running_node

CHAIN_ID = 20_210_310
PASSPHRASE = "for this test only"
ALIAS = "member"
SECONDS = 120
ENTER = keccak(b"enter(uint256)")[:4].hex()
TOOLS = Path(sys.executable).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("ape"),
    pytest.mark.skipif(not (TOOLS / "ape").exists(), reason="not run: ape is not installed"),
]


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder with ape's data beside it and the member's key in its keystore."""

    folder: Path
    url: str

    def ape(self, *arguments: str, seconds: int = SECONDS) -> subprocess.CompletedProcess[str]:
        """Run ape with an own home and data folder; no proxy, no other environment's settings."""
        home = self.folder.parent
        environment = {
            "PATH": f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(home),
            "APE_DATA_FOLDER": str(home / "ape"),
            "APE_ACCOUNTS_member_PASSPHRASE": PASSPHRASE,
            "NO_PROXY": "127.0.0.1",
            "LANG": "C.UTF-8",
        }
        network = ["--network", f"ethereum:consortium:{self.url}"]
        command = [str(TOOLS / "ape"), *arguments, *network]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_node(tmp_path_factory.mktemp("node"), CHAIN_ID, 1) as node:
        yield node


@pytest.fixture(scope="module")
def project(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Project:
    home = tmp_path_factory.mktemp("home")
    folder = home / "project"
    shutil.copytree(HERE / "ape", folder)
    (folder / "contracts").mkdir()
    shutil.copy(HERE / "door.vy", folder / "contracts" / "Door.vy")
    keys = home / "ape" / "accounts"
    keys.mkdir(parents=True)
    (keys / f"{ALIAS}.json").write_text(json.dumps(Account.encrypt(MEMBER.key, PASSPHRASE, iterations=2)))
    return Project(folder, running.url)


def test_a_script_deploys_transacts_reads_events_and_traces_a_failure(project: Project) -> None:
    done = project.ape("run", "visit")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["chain"], seen["times"], seen["heard"], seen["events"]) == (CHAIN_ID, 2, [1, 2], [1, 2])
    assert seen["failed"] is True
    assert seen["frames"] > 10
    assert "[reverted]" in seen["call"]
    assert ENTER in seen["call"]
    assert seen["spent"] == 0


def test_the_console_answers(project: Project) -> None:
    code = (
        "print('head', chain.blocks.head.number >= 1, chain.chain_id, chain.provider.base_fee, networks.provider.name)"
    )
    done = project.ape("console", "--code", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"head True {CHAIN_ID} 0" in done.stdout


def test_somebodys_tests_run_on_the_chain(project: Project) -> None:
    done = project.ape("test", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_failing_test_of_somebody_fails(project: Project) -> None:
    path = project.folder / "tests" / "test_wrong.py"
    path.write_text("def test_wrong(chain):\n    assert chain.chain_id == 1\n")
    try:
        done = project.ape("test", "-q", str(path))
    finally:
        path.unlink()
    assert done.returncode == 1
    assert "1 failed" in done.stdout
