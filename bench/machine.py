"""Facts about the machine and the packages, because no figure means anything without them."""

import os
import platform
import sqlite3
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("py-evm", "coincurve", "eth-hash", "lmdb", "aiohttp", "cryptography", "gmpy2", "vyper", "eth-tester")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where figures were taken. `load` is the mean number of running processes of the last minute."""

    cores: int
    processor: str
    python: str
    hash_backend: str
    load: tuple[float, float]
    """Before and after."""
    packages: dict[str, str]


def load() -> float:
    """The load of the last minute."""
    return round(os.getloadavg()[0], 1)


def facts(load_before: float) -> Machine:
    """The machine now, with the load from before the benches."""
    packages = {name: _version(name) for name in PACKAGES}
    return Machine(
        cores=os.cpu_count() or 1,
        processor=platform.machine(),
        python=platform.python_version(),
        hash_backend=os.environ.get("ETH_HASH_BACKEND", "default"),
        load=(load_before, load()),
        packages={"SQLite": sqlite3.sqlite_version, **packages},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
