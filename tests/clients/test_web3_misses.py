"""The list of known misses is about cases that exist, and short enough."""

import subprocess
import sys

from tests.clients.support import ROOT
from tests.clients.web3.misses import known

ANVIL, OF = 186, 234
"""Cases of the synchronous Eth, Net and Web3 suites of web3.py 7.16 that anvil 1.7.1 passes, and how many there are."""


def collected() -> set[str]:
    """Every case of the suites, by name."""
    folder = "tests/clients/web3"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", "-p", "no:cacheprovider", folder]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    return {line.partition(f"{folder}/")[2] for line in listing.splitlines() if "::" in line}


def test_every_miss_is_a_case_and_more_pass_than_with_anvil() -> None:
    cases, misses = collected(), set(known())
    assert misses <= cases
    suites = tuple(f"test_sync.py::{name}::" for name in ("TestEth", "TestNet", "TestWeb3"))
    synchronous = {case for case in cases if case.startswith(suites)}
    assert len(synchronous) == OF
    assert len(synchronous - misses) >= ANVIL
    assert sum(case.startswith("test_async.py::Test") for case in cases) >= 122
    assert sum(case.startswith("test_socket.py::Test") for case in cases) >= 17
