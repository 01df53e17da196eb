"""The node's processes: what each of them takes with it when it dies, and what it must not."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.config import Limits
from node.drivers.making import Made
from node.errors import StoreError
from node.processes.sealing import SealerProcess
from node.server import Server
from node.store import Store
from tests.node.support import FOUNDER, MIB, Client, council_creation, serving, sign

ROOT = Path(__file__).parents[2]
SPIN = {"data": "0x5b5f56", "gas": hex(30_000_000)}
"""A creation that loops until its gas is gone."""


def alive(pid: int) -> bool:
    """Is there such a process, and is it more than an entry that nobody has read yet?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(map(alive, pids))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "node", limits=Limits(call_seconds=0.4, call_workers=1)) as running:
        yield running


def test_a_call_over_time_is_ended_and_the_next_one_answered(server: Server) -> None:
    client, before = Client(server.url), server.processes["calls"]
    error = client.error("eth_call", SPIN)
    assert error["data"] == {"code": "CALL_TIMEOUT"}
    assert "timeout" in error["message"]
    assert client.ask("eth_call", {"to": FOUNDER.address}) == "0x"
    assert gone(before)
    assert server.processes["calls"] != before


def test_a_worker_that_is_killed_is_replaced(server: Server) -> None:
    client, (worker,) = Client(server.url), server.processes["calls"]
    os.kill(worker, signal.SIGKILL)
    assert gone([worker])
    assert client.error("eth_call", {"to": FOUNDER.address})["data"] == {"code": "CALL_BROKE"}
    assert client.ask("eth_call", {"to": FOUNDER.address}) == "0x"


def test_no_process_tells_of_a_block_before_the_node_has_heard_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = SealerProcess.make

    async def late(self: SealerProcess, *arguments: Any) -> Made:
        made = await make(self, *arguments)
        await asyncio.sleep(0.5)
        return made

    monkeypatch.setattr(SealerProcess, "make", late)
    with serving(tmp_path / "node") as server:
        client = Client(server.url)
        digest = client.ask("eth_sendRawTransaction", "0x" + council_creation().hex())
        asked: list[tuple[str, list[Any]]] = [
            ("eth_getTransactionReceipt", [digest]),
            ("eth_getBlockByNumber", ["latest"]),
            ("eth_call", [{"data": "0x4360005260206000f3"}]),
            ("eth_getTransactionCount", [FOUNDER.address, "latest"]),
            ("eth_blockNumber", []),
        ]
        body = [{"jsonrpc": "2.0", "id": at, "method": name, "params": given} for at, (name, given) in enumerate(asked)]
        receipt = None
        while receipt is None:
            receipt, block, seen, nonce, head = (reply["result"] for reply in client.post(body))
            assert int(block["number"], 16) <= int(head, 16)
            assert int(seen, 16) <= int(head, 16)
        assert int(receipt["blockNumber"], 16) <= int(head, 16)
        assert nonce == "0x1"


def test_a_dead_sealer_ends_the_node_with_all_blocks_kept(tmp_path: Path) -> None:
    life, ended = ExitStack(), pytest.raises(StoreError, match="SEALER_DIED")
    running = life.enter_context(serving(tmp_path / "node"))
    receipt = Client(running.url).mined(council_creation())
    others = [pid for pids in list(running.processes.values())[1:] for pid in pids]
    os.kill(running.processes["sealer"][0], signal.SIGKILL)
    assert gone(others, 15)
    with ended:
        life.close()
    store = Store(tmp_path / "node" / "chain", 64 * MIB)
    try:
        header = store.header(int(receipt["blockNumber"], 16))
        assert header is not None
        assert "0x" + header.hash.hex() == receipt["blockHash"]
    finally:
        store.close()


def test_a_sealer_that_hangs_does_not_keep_the_node_from_stopping(tmp_path: Path) -> None:
    with node(tmp_path) as (process, client):
        client.mined(council_creation())
        all_of_it = family(process.pid)
        before = int(client.ask("eth_blockNumber"), 16)
        hanging = next(pid for pid in all_of_it if "writer.lock" in _open_files(pid))
        os.kill(hanging, signal.SIGSTOP)
        client.ask("eth_sendRawTransaction", "0x" + sign(FOUNDER, 1).hex())
        time.sleep(1.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 1
        assert gone(all_of_it)
    with node(tmp_path) as (_, client):
        assert int(client.ask("eth_blockNumber"), 16) >= before


def _open_files(pid: int) -> str:
    names = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return " ".join(names)


@contextmanager
def node(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Client]]:
    command = [sys.executable, "-m", "node"]
    if not (folder / "node.toml").exists():
        init = [*command, "init", "--data", str(folder), "--founder", FOUNDER.address, "--http", "127.0.0.1:0"]
        subprocess.run([*init, "--heartbeat", "1"], check=True, capture_output=True, cwd=ROOT)
    start = [*command, "start", "--data", str(folder), "--log-level", "error"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            yield process, Client(process.stdout.readline().removeprefix("ready ").strip())
        finally:
            process.kill()


def family(root: int) -> list[int]:
    found = [root]
    for pid in found:
        out = subprocess.run(["ps", "--ppid", str(pid), "-o", "pid="], capture_output=True, text=True, check=False)
        found += [int(child) for child in out.stdout.split()]
    return found


def test_a_killed_node_leaves_no_process_and_loses_no_block(tmp_path: Path) -> None:
    """kill -9 of the front while blocks are being made: what was answered as mined is there at the next start."""
    with node(tmp_path) as (process, client):
        client.mined(council_creation())
        receipt = client.mined(sign(FOUNDER, 1))
        client.ask("eth_sendRawTransaction", "0x" + sign(FOUNDER, 2).hex())
        all_of_it = family(process.pid)
        assert len(all_of_it) >= 5
        process.kill()
        assert gone(all_of_it)
    with node(tmp_path) as (_, client):
        kept = client.ask("eth_getTransactionReceipt", receipt["transactionHash"])
        assert json.dumps(kept) == json.dumps(receipt)
