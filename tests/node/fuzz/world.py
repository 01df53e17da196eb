"""A node in its own process with contracts and blocks being made, and what is watched of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import requests

from node.transactions import created_address
from tests.node.scenes import everything
from tests.node.support import FOUNDER, Client, raw, sign

MIB = 1024 * 1024
PATIENCE = 15.0
"""Seconds in which the node must say that it lives and make a block, whatever is asked of it."""

SIGNS = ("Traceback", "MemoryError", "never retrieved", "was destroyed")
HTTP_TROUBLE = ("aiohttp.http_exceptions.", "ConnectionResetError", "ClientConnectionResetError")


class World:
    """A running node with the scene of everything in it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "node.log"
        data = folder / "data"
        python = [sys.executable, "-m", "node"]
        made = [*python, "init", "--data", str(data), "--founder", FOUNDER.address, "--http", "127.0.0.1:0"]
        subprocess.run([*made, "--heartbeat", "1"], check=True, stdout=subprocess.DEVNULL)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*python, "start", "--data", str(data)], stderr=log, stdout=log)
        self.url = self._url(data / "node.url")
        self.client = Client(self.url)
        scene = everything()
        self.transactions = scene.transactions
        self.hashes = [self.client.mined(transaction)["transactionHash"] for transaction in scene.transactions]
        self.hashes.append(self.client.ask("eth_getBlockByNumber", "latest", False)["hash"])
        count = scene.nonce
        self.addresses = ["0x" + created_address(raw(FOUNDER), nonce).hex() for nonce in range(count)]
        self.addresses.append(FOUNDER.address)
        self.nonce = count

    def _url(self, path: Path) -> str:
        for _ in range(300):
            if path.exists():
                return path.read_text().strip()
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError("the node does not start:\n" + self.log.read_text()[-2_000:])

    def send_one(self) -> None:
        """A good transaction, so that blocks are never empty for long."""
        self.nonce = int(self.client.ask("eth_getTransactionCount", FOUNDER.address, "pending"), 16)
        target = bytes.fromhex(self.addresses[1][2:])
        self.client.answer("eth_sendRawTransaction", "0x" + sign(FOUNDER, self.nonce, target, gas=200_000).hex())

    def complaints(self) -> tuple[list[str], int]:
        """Tracebacks and the like in the node's log, each with what it is about; and how many are about bad HTTP.

        The HTTP library writes one for every client that does not speak HTTP.
        """
        lines, found, noise = self.log.read_text(errors="replace").splitlines(), list[str](), 0
        for at, line in enumerate(lines):
            if not any(sign in line for sign in SIGNS):
                continue
            end = next((after for after in lines[at + 1 :] if after and not after.startswith(" ")), "")
            if "aiohttp.server" in lines[at - 1] and any(word in end for word in HTTP_TROUBLE):
                noise += 1
            else:
                found.append(f"{lines[at - 1][-120:]} | {line[:80]} | {end[:200]}")
        return found, noise

    def memory(self) -> tuple[int, int]:
        """MiB of the node's own process, and of it with all its workers."""
        family = _family(self.process.pid)
        sizes = {pid: _resident(pid) for pid in family}
        return sizes.get(self.process.pid, 0) // MIB, sum(sizes.values()) // MIB

    def stop(self) -> int:
        """End it politely; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return -9


class Watch:
    """Looks at the node once a second. `findings` is what was wrong."""

    def __init__(self, world: World) -> None:
        self._world, self._end = world, Event()
        self.findings: list[str] = []
        self.slowest, self.blocks = 0.0, 0
        self.memory = [world.memory()]
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(2 * PATIENCE)
        self.memory.append(self._world.memory())

    def _run(self) -> None:
        session, height, since = requests.Session(), -1, time.monotonic()
        while not self._end.wait(1.0):
            if self._world.process.poll() is not None:
                self.findings.append(f"the node ended with code {self._world.process.returncode}")
                return
            began = time.monotonic()
            try:
                session.get(self._world.url + "/liveness", timeout=PATIENCE)
                self._world.send_one()
                now = int(self._world.client.ask("eth_blockNumber"), 16)
            except (requests.RequestException, AssertionError, ValueError) as error:
                self.findings.append(f"not alive: {type(error).__name__}: {str(error)[:200]}")
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)
            if now > height:
                self.blocks, height, since = self.blocks + (now - height if height >= 0 else 0), now, time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                self.findings.append(f"no block after {now} for {PATIENCE:g} s")
                since = time.monotonic()
            self.memory.append(self._world.memory())


def _family(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
    family = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return family
        family |= more


def _resident(pid: int) -> int:
    """Bytes in memory that are its own: what it shares with those it was forked from counts once, there."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
