"""The command line: init, start, status, a stop that loses nothing."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import requests
from click.testing import CliRunner, Result

from node.cli import node
from tests.node.support import FOUNDER, MIB, council_creation, raw

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(node, arguments)


def test_init_writes_both_files_once(tmp_path: Path) -> None:
    made = run("init", "--data", str(tmp_path), "--founder", FOUNDER.address, "--chain-id", "77", "--alloc",
               f"{FOUNDER.address}=5")  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "chain_id = 77" in (tmp_path / "genesis.toml").read_text()
    assert (tmp_path / "node.toml").exists()
    again = run("init", "--data", str(tmp_path), "--founder", FOUNDER.address)
    assert again.exit_code == 1
    assert "ALREADY_INITIALISED" in again.output


def test_init_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    assert run("init", "--data", str(tmp_path)).exit_code == 2
    assert "ADDRESS_INVALID" in run("init", "--data", str(tmp_path), "--founder", "0x1").output
    bad = run("init", "--data", str(tmp_path), "--founder", FOUNDER.address, "--http", "nowhere")
    assert "CONFIG_INVALID" in bad.output
    alloc = run("init", "--data", str(tmp_path), "--founder", FOUNDER.address, "--alloc", "x")
    assert "GENESIS_INVALID" in alloc.output
    file = tmp_path / "file"
    file.write_text("")
    assert "UNWRITABLE" in run("init", "--data", str(file / "below"), "--founder", FOUNDER.address).output
    assert not (tmp_path / "genesis.toml").exists()


def test_start_and_status_without_a_node_say_what_to_do(tmp_path: Path) -> None:
    assert "CONFIG_MISSING" in run("start", "--data", str(tmp_path)).output
    assert "NODE_NOT_RUNNING" in run("status", "--data", str(tmp_path)).output
    assert "NODE_UNREACHABLE" in run("status", "--url", "http://127.0.0.1:9").output


def test_every_command_has_an_example() -> None:
    for command in ([], ["init"], ["start"], ["status"]):
        assert "Example:" in run(*command, "--help").output


def test_a_node_from_start_to_sigterm_and_back(tmp_path: Path) -> None:
    assert run("init", "--data", str(tmp_path), "--founder", FOUNDER.address, "--heartbeat", "1").exit_code == 0
    process = _start(tmp_path)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("ready ").strip()
        assert (tmp_path / "node.url").read_text().strip() == url
        digest = _rpc(url, "eth_sendRawTransaction", "0x" + council_creation().hex())
        receipt = _wait_for_receipt(url, str(digest))
        state = json.loads(run("status", "--data", str(tmp_path), "--json").output)
        assert state["ready"] is True
        assert state["block"] >= int(receipt["blockNumber"], 16)
        assert "ready" in run("status", "--url", url).output
        locked = run("start", "--data", str(tmp_path), "--http", "127.0.0.1:0")
        assert "STORE_LOCKED" in locked.output
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (tmp_path / "node.url").exists()
    process = _start(tmp_path)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("ready ").strip()
        assert _rpc(url, "eth_getTransactionReceipt", str(digest)) == receipt
        assert int(str(_rpc(url, "eth_getTransactionCount", FOUNDER.address, "latest")), 16) == 1
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert len(raw(FOUNDER)) == 20
    assert (tmp_path / "chain" / "data.mdb").stat().st_size < 64 * MIB


def _start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "node", "start", "--data", str(folder), "--http", "127.0.0.1:0"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)


def _rpc(url: str, method: str, *params: object) -> object:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return requests.post(url, json=body, timeout=10).json()["result"]


def _wait_for_receipt(url: str, digest: str) -> dict[str, str]:
    for _ in range(100):
        receipt = _rpc(url, "eth_getTransactionReceipt", digest)
        if isinstance(receipt, dict):
            return receipt
        time.sleep(0.1)
    raise AssertionError("never mined")
