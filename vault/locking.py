"""One writer: an advisory lock that the operating system drops when the process ends, however it ends."""

import fcntl
import os
from pathlib import Path

from vault.errors import StoreUnavailable


class ProcessLock:
    """Holds a lock file until closed. Raises `VAULT_IN_USE` or `VAULT_READ_ONLY`."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            hint = "run as the owner of the vault, on a writable file system"
            raise StoreUnavailable("VAULT_READ_ONLY", f"cannot write {path.name}: {error}", hint) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            hint = "stop the other process first; two writers would use keys twice"
            raise StoreUnavailable("VAULT_IN_USE", "another process has this vault open", hint) from None

    def close(self) -> None:
        """Let the next process in; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
