"""Where worker processes come from: one process that has imported everything and forks on demand.

Forking it takes milliseconds and shares its memory, where starting an interpreter anew would take a second and a
hundred megabytes. It runs no threads and holds no files of the node, so that forking is safe.

Whoever dies, nobody is left behind: the nursery ends when its control socket closes, and every process here is killed
by the kernel when the one that started it dies (Linux); elsewhere a worker ends when its own socket closes. Workers
ignore SIGTERM and SIGINT: the node tells them when to stop.

Kept light: it is imported first, so that the nursery loads while the node loads.
"""

import ctypes
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

log = logging.getLogger(__name__)
SEALER, CALLER = b"sealer", b"caller"
PR_SET_PDEATHSIG = 1
PATIENCE = 5.0
"""Seconds that processes get to end by themselves."""


@dataclass(frozen=True, slots=True)
class Child:
    """A worker process and the node's end of its socket."""

    pid: int
    socket: socket.socket

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self.socket.close()
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("process %d had ended already", self.pid)


class Nursery:
    """The node's end: starts the process at once; `close` ends it and all that it forked."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "node.processes.nursery", str(theirs.fileno()), str(os.getpid())],
            pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        theirs.close()

    @property
    def pid(self) -> int:
        """The process that forks."""
        return self._process.pid

    def start(self, kind: bytes) -> Child:
        """A new worker of a kind. Raises OSError when the nursery is gone."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [kind], [theirs.fileno()])
        answer = self._control.recv(32)
        if not answer:
            ours.close()
            raise OSError("the process that starts workers has ended")
        return Child(int(answer), ours)

    def close(self) -> None:
        """End it; returns when it has ended."""
        self._control.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; `parent` may have died already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _see_off() -> None:
    """Wait a moment for the workers: their own sockets are closed too, and the sealer has a store to close."""
    until = time.monotonic() + PATIENCE / 2
    while _reap() and time.monotonic() < until:
        time.sleep(0.01)


def main(descriptor: int, parent: int) -> None:
    """Fork until the control socket closes."""
    die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    _load()
    gc.freeze()
    while True:
        kind, descriptors, _, _ = socket.recv_fds(control, 32, 1)
        _reap()
        if not kind:
            return _see_off()
        own = os.getpid()
        pid = os.fork()
        if pid == 0:
            control.close()
            die_with(own)
            _run(kind, descriptors[0])
        os.close(descriptors[0])
        control.send(str(pid).encode())


def _load() -> None:
    import node.processes.calling
    import node.processes.sealing  # noqa: F401


def _reap() -> bool:
    """Forget workers that have ended; until then their numbers are not given to others. Are there any left?"""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _run(kind: bytes, descriptor: int) -> NoReturn:
    from node.processes import calling, sealing

    code = 1
    try:
        with socket.socket(fileno=descriptor) as wire:
            (sealing if kind == SEALER else calling).serve(wire)
        code = 0
    except (EOFError, ConnectionError):
        code = 0
    finally:
        if code:
            logging.getLogger(__name__).exception("a process of the node failed")
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
