"""A real node process for other people's tools: own chain id, steady blocks, one member that may do everything."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from vyper.compiler import compile_code
from web3 import HTTPProvider, Web3

from tests.node.support import account, compiled, creation, sign

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
MEMBER, STRANGER = account("client"), account("client's stranger")
ETHER = 10**18
PATIENCE = 60.0
"""Seconds until a node or a tool that does not answer fails the test."""


@dataclass(frozen=True, slots=True)
class Running:
    """A node with a Council that lets `MEMBER` send and deploy, and nobody else; both accounts hold some ether."""

    url: str
    chain_id: int
    council: str

    @property
    def socket(self) -> str:
        """The address of the WebSocket."""
        return self.url.replace("http", "ws", 1)


@contextmanager
def running_node(folder: Path, chain_id: int, interval: float) -> Iterator[Running]:
    """Start a node with a block every `interval` seconds and create its Council; it must stop cleanly when told to."""
    node = [sys.executable, "-m", "node"]
    alloc = [f"--alloc={who.address}={10**6 * ETHER}" for who in (MEMBER, STRANGER)]
    init = [*node, "init", "--data", str(folder), "--founder", MEMBER.address, "--chain-id", str(chain_id), *alloc]
    subprocess.run(init, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE)
    settings = f'http = "127.0.0.1:0"\n\n[sealing]\ninterval = {interval}\nheartbeat = {interval}\n'
    (folder / "node.toml").write_text(settings)
    with (folder / "log").open("w") as log:
        start = [*node, "start", "--data", str(folder), "--log-level", "warning"]
        process = subprocess.Popen(start, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), (folder / "log").read_text()
        url = line.split()[1]
        yield Running(url, chain_id, _found_council(url, chain_id, MEMBER))
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _found_council(url: str, chain_id: int, founder: LocalAccount) -> str:
    web3 = Web3(HTTPProvider(url))
    data = creation("council", ("address",), (founder.address,))
    raw = sign(founder, 0, None, data=data, gas=2_000_000, chainId=chain_id)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw), PATIENCE, 0.1)
    assert receipt["status"] == 1
    assert receipt["contractAddress"] is not None
    return receipt["contractAddress"]


@cache
def artifact(name: str) -> dict[str, Any]:
    """ABI and bytecode of a contract in this folder, or of one that the node's tests use."""
    path = HERE / f"{name}.vy"
    if not path.exists():
        return compiled(name)
    return compile_code(path.read_text(), output_formats=["abi", "bytecode"])
