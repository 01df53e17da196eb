import subprocess
import sys

from vault.process import random_buffer, wipeable

HARDENED = """
import ctypes, resource
from vault.process import harden
found = harden()
assert found.no_core_dumps and found.not_dumpable
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0
locked = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmLck"))
assert found.memory_locked == (int(locked) > 0), (found, locked)
assert found.memory_locked != bool(found.reason)
assert bytearray(50_000_000)
"""


def test_a_hardened_process_cannot_be_dumped_and_says_whether_its_memory_is_locked() -> None:
    subprocess.run([sys.executable, "-c", HARDENED], check=True, timeout=60)


def test_random_buffers_can_be_wiped() -> None:
    first, second = random_buffer(32), random_buffer(32)
    assert first != second
    assert len(first) == 32
    assert wipeable(first) is first
    assert wipeable(b"abc") == bytearray(b"abc")
