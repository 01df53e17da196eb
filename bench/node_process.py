"""A real node in a process of its own, on a new directory: where it answers, and what processor time it took."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class NodeProcess:
    """A running node."""

    url: str
    pid: int

    def processor_seconds(self) -> float:
        """Seconds of processor time used so far (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(folder: Path, founder: str) -> Iterator[NodeProcess]:
    """Start a node with its usual settings, stop it at the end."""
    command = [sys.executable, "-m", "node"]
    init = [*command, "init", "--data", str(folder), "--founder", founder, "--http", "127.0.0.1:0"]
    subprocess.run(init, check=True, capture_output=True)
    start = [*command, "start", "--data", str(folder), "--log-level", "warning"]
    with subprocess.Popen(start, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "ready", "the node did not start"
            yield NodeProcess(url, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
