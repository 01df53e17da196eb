"""A real node in a process of its own, on a new directory: where it answers, and what processor time it took."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
        """Seconds of processor time that it and the processes it started have used so far (Linux)."""
        return sum(_ticks(pid) for pid in family(self.pid)) / os.sysconf("SC_CLK_TCK")


def family(root: int) -> list[int]:
    """A process and its descendants (Linux)."""
    parents = {pid: int(_fields(pid)[1]) for pid in _processes()}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _fields(pid: int) -> list[str]:
    """What /proc/<pid>/stat says after the name; a process that has just ended has used nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["0"] * 16


def _ticks(pid: int) -> int:
    return sum(map(int, _fields(pid)[11:15]))


@contextmanager
def running(
    folder: Path, founder: str, chain_id: int | None = None, alloc: Sequence[str] = ()
) -> Iterator[NodeProcess]:
    """Start a node with its usual settings, stop it at the end. `alloc` are balances as ADDRESS=WEI."""
    command = [sys.executable, "-m", "node"]
    init = [*command, "init", "--data", str(folder), "--founder", founder, "--http", "127.0.0.1:0"]
    init += [] if chain_id is None else ["--chain-id", str(chain_id)]
    init += [part for one in alloc for part in ("--alloc", one)]
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
