"""A node in a process of its own, as an operator would run it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from protocol.errors import TideprintError

START_SECONDS = 60.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.1


class NodeProcess:
    """Starts, stops and kills a node over one data directory."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None

    def init(self, founders: list[str], chain_id: int) -> None:
        """Write genesis and settings. Raises `NODE_FAILED`."""
        options = [part for founder in founders for part in ("--founder", founder)]
        self._run("init", "--data", str(self._data), "--chain-id", str(chain_id), *options)

    def start(self) -> str:
        """Start and wait until it answers; returns its URL. Raises `NODE_FAILED`."""
        url_file = self._data / "node.url"
        url_file.unlink(missing_ok=True)
        log = (self._data / "node.log").open("ab")
        command = [sys.executable, "-m", "node", "start", "--data", str(self._data), "--http", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if url_file.exists() and _answers(url := url_file.read_text().strip()):
                return url
            time.sleep(POLL_SECONDS)
        raise TideprintError("NODE_FAILED", "the node did not start", f"see {self._data / 'node.log'}")

    def status(self) -> dict[str, Any]:
        """What `node status` says."""
        result: dict[str, Any] = json.loads(self._run("status", "--data", str(self._data), "--json"))
        return result

    def stop(self) -> None:
        """Ask the node to finish its block and end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @staticmethod
    def _run(*arguments: str) -> str:
        command = [sys.executable, "-m", "node", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
        if done.returncode:
            raise TideprintError("NODE_FAILED", f"`node {arguments[0]}` failed", done.stderr.strip()[-300:])
        return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "ETH_HASH_BACKEND": "pysha3"}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/liveness", timeout=2) as response:  # noqa: S310  our own loopback address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
