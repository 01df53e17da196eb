"""anvil, hardhat and ganache: installed once into .tools/peers from the lock file beside this one, started by mode.

Only public switches, the fastest honest ones. None of them keeps blocks on a disk, checks permissions or has peers.
"""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.node_process import NodeProcess

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
TOOLS = ROOT / ".tools" / "peers"
MNEMONIC = "test test test test test test test test test test test junk"
CHAIN_ID = 31_337
PATIENCE = 40.0
NAMES = ("anvil", "hardhat", "ganache")


@dataclass(frozen=True, slots=True)
class Mode:
    """`interval`: a block a second; otherwise one for each transaction."""

    interval: bool


def install() -> str:
    """Install the peers if they are not there; why they cannot be, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    if (TOOLS / "node_modules" / ".package-lock.json").exists():
        return ""
    TOOLS.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, TOOLS / name)
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"npm install failed: {done.stderr.strip()[-200:]}"


def _command(name: str, mode: Mode, port: int, folder: Path) -> list[str]:
    binaries = TOOLS / "node_modules"
    if name == "anvil":
        found = next((binaries / "@foundry-rs").glob("anvil-*/bin/anvil"), Path("anvil"))
        pace = ["--gas-limit", "4000000000", "--block-time", "1"] if mode.interval else ["--gas-limit", "30000000"]
        return [str(found), "-p", str(port), "--chain-id", str(CHAIN_ID), "-a", "100", "--silent", *pace]
    if name == "ganache":
        pace = ["--miner.blockTime", "1", "--miner.blockGasLimit", "4000000000"] if mode.interval else []
        fixed = ["-q", "-p", str(port), "-a", "100", "-e", "10000", "-m", MNEMONIC]
        return [
            "node", str(binaries / ".bin" / "ganache"), *fixed,
            "--chain.chainId", str(CHAIN_ID), "--chain.hardfork", "shanghai", *pace,
        ]  # fmt: skip
    mining = {"auto": False, "interval": 1_000} if mode.interval else {"auto": True}
    network = {
        "chainId": CHAIN_ID, "blockGasLimit": 400_000_000, "loggingEnabled": False, "mining": mining,
        "accounts": {"count": 100},
    }  # fmt: skip
    settings = TOOLS / f"hardhat.config.{'interval' if mode.interval else 'auto'}.js"
    settings.write_text(f"module.exports = {json.dumps({'solidity': '0.8.28', 'networks': {'hardhat': network}})};\n")
    return ["node", str(binaries / ".bin" / "hardhat"), "--config", str(settings), "node", "--port", str(port)]


@contextmanager
def peer(name: str, mode: Mode, folder: Path) -> Iterator[NodeProcess]:
    """A fresh node of a kind. Raises OSError when it does not answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / f"{name}.log"
    environment = os.environ | {"HARDHAT_DISABLE_TELEMETRY_PROMPT": "true"}
    with (
        log.open("w") as output,
        subprocess.Popen(
            _command(name, mode, port, folder), cwd=TOOLS, stdout=output, stderr=output, env=environment
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, log)
            yield NodeProcess(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=2) as reply:
                reply.read()
                return
        except OSError:
            time.sleep(0.1)
    raise OSError(f"it did not start: {log.read_text()[-200:]}")
