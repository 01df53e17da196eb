"""The process that holds keys: no core dump, no debugger, no swap, and random bytes in memory that can be wiped.

Python copies values where it likes; what is wiped here is what the vault itself allocates as a bytearray.
"""

import ctypes
import logging
import os
import resource
from dataclasses import dataclass
from pathlib import Path

PR_SET_DUMPABLE = 4
"""linux/prctl.h"""
LOCK_ALL = 1 | 2 | 4
"""MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT of linux/mman.h"""
CAP_IPC_LOCK = 14
STATUS = Path("/proc/self/status")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hardening:
    """What could be had; `reason` says why memory is not locked."""

    no_core_dumps: bool
    not_dumpable: bool
    memory_locked: bool
    reason: str


def random_buffer(size: int) -> bytearray:
    """Random bytes of the operating system, straight into memory that can be wiped."""
    buffer = bytearray(size)
    with open("/dev/urandom", "rb", buffering=0) as source:
        source.readinto(buffer)
    return buffer


def wipeable(value: bytes | bytearray) -> bytearray:
    """The value in memory that can be wiped: itself if it can."""
    return value if isinstance(value, bytearray) else bytearray(value)


def harden() -> Hardening:
    """Protect this process's memory as far as it may. Call it once, early; it cannot be undone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    library = ctypes.CDLL(None, use_errno=True)
    not_dumpable = library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
    reason = _why_not_lock()
    if not reason and library.mlockall(LOCK_ALL) != 0:
        reason = os.strerror(ctypes.get_errno())
    if reason:
        _log.warning("memory is not locked (%s): switch swap off or encrypt it", reason)
    return Hardening(True, not_dumpable, not reason, reason)


def _why_not_lock() -> str:
    """Locking under a small limit would make later allocations fail: rather not at all."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return ""
    for line in STATUS.read_text().splitlines():
        if line.startswith("CapEff:") and int(line.split()[1], 16) >> CAP_IPC_LOCK & 1:
            return ""
    return "LimitMEMLOCK is not infinity"
