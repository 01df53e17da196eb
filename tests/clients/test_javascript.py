"""The libraries that wallets are made of, ethers and viem, against a running node: a line per check, all must be ok."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import HTTPProvider, Web3

from tests.clients.support import MEMBER, PATIENCE, ROOT, STRANGER, Running, artifact, running_node
from tests.node.support import sign

HERE = Path(__file__).with_name("javascript")
CHAIN_ID = 20_210_310
CHECKS = {"ethers": 21, "viem": 22}
CLOSED = {
    "type": "error",
    "name": "Closed",
    "inputs": [{"name": "who", "type": "address"}, {"name": "number", "type": "uint256"}],
}
"""The door's own error, for which Vyper writes no ABI."""
INSTALL_SECONDS = 150
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("javascript")]


@pytest.fixture(scope="module")
def modules() -> Path:
    """A folder under .tools/ with the libraries as the lock file names them, installed once."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("not run: node and npm are not installed")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = ROOT / ".tools" / f"javascript-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.skip(f"not run: npm did not end within {INSTALL_SECONDS} s")
        unreachable = [line for line in done.stderr.splitlines() if _means_no_registry(line)]
        if unreachable:
            pytest.skip(f"not run: npm cannot reach its registry: {unreachable[0]}")
        assert done.returncode == 0, done.stderr
        (folder / "ready").touch()
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def _means_no_registry(line: str) -> bool:
    return any(code in line for code in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_node(tmp_path_factory.mktemp("javascript"), CHAIN_ID, 1) as node:
        yield node


@pytest.fixture(scope="module")
def setting(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    web3 = Web3(HTTPProvider(running.url))
    nonce = web3.eth.get_transaction_count(MEMBER.address)
    raw = sign(MEMBER, nonce, None, data=artifact("counter")["bytecode"], gas=2_000_000)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw), PATIENCE, 0.1)
    path = tmp_path_factory.mktemp("setting") / "setting.json"
    door = artifact("door")
    closing = {**door, "abi": [*door["abi"], CLOSED]}
    content = {
        "url": running.url, "socket": running.socket, "chainId": CHAIN_ID, "door": closing,
        "counter": artifact("counter"), "counterAddress": receipt["contractAddress"],
        "member": MEMBER.key.to_0x_hex(), "stranger": STRANGER.key.to_0x_hex(),
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("library", CHECKS)
def test_every_check_of_the_library_is_ok(library: str, modules: Path, setting: Path) -> None:
    command = ["node", f"{library}.mjs", str(setting)]
    environment = {**os.environ, "NODE_OPTIONS": "", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=modules, env=environment, capture_output=True, text=True, timeout=150)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if not line.startswith("ok - ")]
    assert not failed, "\n".join([*failed, done.stderr])
    assert (done.returncode, len(lines)) == (0, CHECKS[library]), done.stderr
