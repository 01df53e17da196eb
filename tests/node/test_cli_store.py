"""node snapshot, restore and verify, as an operator calls them: beside a running node and without one."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.config import STORE_FOLDER, write_config
from node.genesis import write_genesis
from tests.node.store_support import change
from tests.node.support import Client, chain, council_creation, genesis, serving

ROOT = Path(__file__).parents[2]


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "node", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def asked(*arguments: object) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def prepare(folder: Path) -> Path:
    folder.mkdir()
    write_genesis(folder / "genesis.toml", genesis())
    write_config(folder / "node.toml", "127.0.0.1:0", 5.0)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a running node with some blocks."""
    folder = prepare(tmp_path_factory.mktemp("cli") / "data")
    with serving(folder) as server:
        Client(server.url).mined(council_creation())
        yield folder


def test_snapshot_and_verify_work_beside_a_running_node(data: Path, tmp_path: Path) -> None:
    first = asked("snapshot", "--data", data, "--height", 1, "--out", tmp_path / "one")
    time.sleep(1.2)
    assert asked("snapshot", "--data", data, "--height", 1, "--out", tmp_path / "two")["hash"] == first["hash"]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    report = asked("verify", "--data", data)
    assert report["sound"] is True
    assert report["executed"] == report["blocks"] >= 2
    assert asked("verify", "--data", data, "--last", 1)["executed"] == 1
    assert run("verify", "--data", data).stdout.startswith("sound: blocks 0 to")


def test_a_node_goes_on_from_a_snapshot(data: Path, tmp_path: Path) -> None:
    made = asked("snapshot", "--data", data, "--out", tmp_path / "file")
    copy = prepare(tmp_path / "copy")
    done = asked("restore", "--data", copy, "--from", tmp_path / "file", "--hash", made["hash"])
    assert (done["height"], done["block"], done["hash"]) == (made["height"], made["block"], made["hash"])
    with serving(copy) as server:
        client = Client(server.url)
        assert int(client.ask("eth_blockNumber"), 16) >= made["height"]
        assert client.ask("eth_getBlockByNumber", hex(made["height"]), False)["hash"] == made["block"]
        assert client.error("eth_getLogs", {"fromBlock": "0x0", "toBlock": "latest"})["code"] == 4444
    assert run("restore", "--data", copy, "--from", tmp_path / "file").returncode == 1


def test_refusals_have_codes_and_exit_codes(data: Path, tmp_path: Path) -> None:
    missing = run("verify", "--data", tmp_path)
    assert missing.returncode == 2
    assert "STORE_MISSING" in missing.stderr
    assert run("verify", "--data", data, "--from", 1, "--last", 1).returncode == 2
    far = run("snapshot", "--data", data, "--height", 10**6, "--out", tmp_path / "far")
    assert (far.returncode, "SNAPSHOT_UNAVAILABLE" in far.stderr) == (1, True)
    assert run("snapshot", "--data", data, "--height", "-1", "--out", tmp_path / "far").returncode == 2
    bad = run("restore", "--data", data, "--from", tmp_path / "none", "--hash", "0x12")
    assert (bad.returncode, "HASH_INVALID" in bad.stderr) == (1, True)
    (tmp_path / "none").write_bytes(b"tideprint snapshot 1\n")
    bad = run("restore", "--data", prepare(tmp_path / "copy"), "--from", tmp_path / "none")
    assert (bad.returncode, "SNAPSHOT_CORRUPT" in bad.stderr) == (1, True)


def test_damage_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "data")
    with chain(folder / STORE_FOLDER) as made:
        made.seal()
        change(made.store, "headers", (1).to_bytes(8, "big"), b"\xc0")
    done = run("verify", "--data", folder, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"sound": False, "block": 1, "table": "headers", "what": "cannot be read"}
    assert "block 1: headers" in run("verify", "--data", folder).stdout
