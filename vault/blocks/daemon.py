"""Running a private Kubo daemon: checked before every start, started again when it falls, stopped when asked.

The daemon runs with an environment of its own (`repository.environment`), so it refuses to run without its swarm key.
It is started without garbage collection of its own: that is the vault's, at night.
"""

import logging
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vault.blocks.privacy import check_repository
from vault.blocks.repository import environment, read_configuration
from vault.errors import StoreUnavailable

log = logging.getLogger(__name__)
STOP_SECONDS = 30.0
READY_SECONDS = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STEADY_SECONDS = 300.0
"""A daemon that ran this long is started again without a pause."""
READY_LINE = "Daemon is ready"


class Daemon:
    """One daemon process. `before` goes in front of its command, such as a network namespace to run it in."""

    def __init__(self, binary: Path, repository: Path, before: Sequence[str] = ()) -> None:
        self._command = [*before, str(binary), "daemon", "--migrate=false"]
        self._repository = repository
        self._process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()
        self._serving = False
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it and wait until it serves. Raises `KUBO_NOT_PRIVATE`, `KUBO_MISSING`, `KUBO_FAILED`."""
        configuration = read_configuration(self._repository)
        check_repository(self._repository, configuration)
        _clear_socket(str(configuration["Addresses"]["API"]))
        self._ready.clear()
        self._serving = False
        try:
            self._process = subprocess.Popen(
                self._command,
                env=environment(self._repository),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except OSError as error:
            hint = "build it with scripts/kubo.sh, or name it with --kubo"
            raise StoreUnavailable("KUBO_MISSING", f"{self._command[0]} cannot be run", hint) from error
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        if not self._ready.wait(READY_SECONDS) or not self._serving:
            self.stop()
            raise StoreUnavailable("KUBO_FAILED", "the daemon did not come up", "its last words are in the log")

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Pass its words to the log; they hold addresses and identities, no secrets."""
        assert process.stdout is not None
        for line in process.stdout:
            log.info("kubo: %s", line.rstrip())
            if READY_LINE in line:
                self._serving = True
                self._ready.set()
        self._ready.set()  # it ended: nobody need wait any longer

    def wait(self) -> int:
        """Wait until it ends; its exit status."""
        assert self._process is not None
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to end; end it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._finish()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._finish()

    def _finish(self) -> None:
        if self._reader is not None:
            self._reader.join()
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


def _clear_socket(api: str) -> None:
    """Remove the socket that a killed daemon left: the next one would not start. One that answers is left alone."""
    path = Path(api.removeprefix("/unix"))
    if not api.startswith("/unix/") or not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def supervise(daemon: Daemon, stopping: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
    """Keep a daemon running until `stopping` is set; each fall soon after a start makes the next pause longer.

    What is wrong before it ran once is raised: a daemon that is not private is never started.
    """
    pause = FIRST_PAUSE
    daemon.start()
    try:
        while True:
            began = clock()
            ending = threading.Thread(target=daemon.wait, daemon=True)
            ending.start()
            while ending.is_alive() and not stopping.is_set():
                ending.join(0.2)
            if stopping.is_set():
                return
            pause = FIRST_PAUSE if clock() - began > STEADY_SECONDS else min(2 * pause, LONGEST_PAUSE)
            log.warning("the daemon ended, starting it again in %.0f s", pause)
            if stopping.wait(pause):
                return
            daemon.stop()
            _restart(daemon)
    finally:
        daemon.stop()


def _restart(daemon: Daemon) -> None:
    try:
        daemon.start()
    except StoreUnavailable as error:
        if error.code == "KUBO_NOT_PRIVATE":
            raise
        log.warning("the daemon did not start: %s", error)
