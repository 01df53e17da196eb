"""Who opened the key store, when and what for: a hash-chained log of its own (`vault.access_log`), about nobody."""

import getpass
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path

from protocol.errors import Refusal
from protocol.quantities import Seconds, SubjectId
from vault.access_log import Access, AccessLog, Line

NOBODY = SubjectId(bytes(16))
_log = logging.getLogger(__name__)


class KeyLog:
    """The log of the key store. Opening it checks every line; raises `LOG_TAMPERED`."""

    def __init__(self, path: Path, clock: Callable[[], Seconds]) -> None:
        self._file = AccessLog(path, lambda _: None, clock)

    def note(self, task: str, decision: str = "ALLOWED") -> None:
        """Write one line: this account, this host and process, what it does. A clock that was set back stays in the
        log as an incident and does not keep an erasure from its deadline."""
        origin = f"{socket.gethostname()} {os.getpid()}"
        access = Access(_account(), None, "SERVICE", "", origin, NOBODY, task, "KEY_STORE", "KEYS", decision)
        try:
            self._file.append(access)
        except Refusal as refusal:
            _log.warning("key store log: %s", refusal.code)

    def lines(self) -> tuple[Line, ...]:
        """All lines, checked against each other."""
        self._file.verify()
        return tuple(self._file.lines())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())
