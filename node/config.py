"""The node's settings: `node.toml` in its data directory. Nothing is read on import.

http = "127.0.0.1:8545"      where JSON-RPC listens, HTTP and WebSocket on one port
[sealing] interval, heartbeat, work, clock_tolerance, clock_leap        [pool] capacity, bytes, per_sender, lifetime
[limits]  body_bytes, answer_bytes, socket_bytes, batch, log_blocks, log_results, filters, subscriptions, calls
[store]   map_gib
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from node.errors import ConfigError

GENESIS_FILE = "genesis.toml"
CONFIG_FILE = "node.toml"
URL_FILE = "node.url"
STORE_FOLDER = "chain"


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seconds: between two blocks at least, between empty blocks, of execution a block may take, that the clock
    may step back unnoticed, and that it may run ahead of the machine's own count between two blocks."""

    interval: float = 1.0
    heartbeat: float = 5.0
    work: float = 0.8
    clock_tolerance: float = 2.0
    clock_leap: float = 3_600.0


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Waiting transactions: in all, their wire bytes, beyond an account's nonce, and how many seconds they may wait."""

    capacity: int = 20_000
    bytes: int = 64 * 1024 * 1024
    per_sender: int = 4_096
    lifetime: float = 600.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, connection or client may ask for."""

    body_bytes: int = 5 * 1024 * 1024
    answer_bytes: int = 25 * 1024 * 1024
    socket_bytes: int = 32 * 1024 * 1024
    batch: int = 1_000
    log_blocks: int = 100_000
    log_results: int = 10_000
    filters: int = 1_000
    subscriptions: int = 100
    calls: int = 64


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The most the store may grow to, in GiB; space is taken only as it is used."""

    map_gib: int = 256


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `origins` are the web pages that may open a WebSocket, none by default."""

    http: str = "127.0.0.1:8545"
    origins: tuple[str, ...] = ()
    sealing: Sealing = field(default_factory=Sealing)
    pool: PoolLimits = field(default_factory=PoolLimits)
    limits: Limits = field(default_factory=Limits)
    store: StoreLimits = field(default_factory=StoreLimits)

    def __post_init__(self) -> None:
        split_address(self.http)
        if not 1 <= self.sealing.interval <= self.sealing.heartbeat or not 0 < self.sealing.work <= 10:
            raise _invalid(
                "sealing.interval must be at least 1, sealing.heartbeat at least the interval, "
                "sealing.work above 0 and at most 10 seconds"
            )
        for group in (self.pool, self.limits, self.store):
            for item in fields(group):
                if getattr(group, item.name) < 1:
                    raise _invalid(f"{item.name} must be at least 1")


_GROUPS: dict[str, type] = {"sealing": Sealing, "pool": PoolLimits, "limits": Limits, "store": StoreLimits}


def load_config(path: Path) -> Config:
    """Read and check `node.toml`. Raises ConfigError CONFIG_MISSING, CONFIG_INVALID."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError("CONFIG_MISSING", f"no {path.name} in {path.parent}", "run `node init` first") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"{path.name}: {error}") from error
    return config_from(table)


def config_from(table: Mapping[str, Any]) -> Config:
    """The settings in a parsed table; what is absent keeps its default. Raises ConfigError CONFIG_INVALID."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in _GROUPS:
            values[name] = _group(name, _GROUPS[name], value)
        elif name == "http" and isinstance(value, str):
            values[name] = value
        elif name == "origins" and isinstance(value, list) and all(isinstance(origin, str) for origin in value):
            values[name] = tuple(value)
        else:
            raise _invalid(f"unknown or malformed setting {name}")
    return Config(**values)


def _group(name: str, kind: type, table: object) -> Any:
    if not isinstance(table, dict):
        raise _invalid(f"[{name}] must be a table")
    types = {item.name: item.type for item in fields(kind)}
    for key, value in table.items():
        if key not in types or isinstance(value, bool) or not isinstance(value, int | float):
            raise _invalid(f"unknown or malformed setting {name}.{key}")
        if types[key] in (int, "int") and not isinstance(value, int):
            raise _invalid(f"{name}.{key} must be a whole number")
    return kind(**table)


def split_address(text: str) -> tuple[str, int]:
    """HOST:PORT. Raises ConfigError CONFIG_INVALID."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise _invalid(f"http must be HOST:PORT, not {text!r}")
    return host.strip("[]"), int(port)


def write_config(path: Path, http: str, heartbeat: float) -> None:
    """Write the file that `load_config` reads; refuses to overwrite (FileExistsError)."""
    with path.open("x") as file:
        file.write(f'http = "{http}"\n\n[sealing]\nheartbeat = {heartbeat:g}   # seconds between empty blocks\n')


def _invalid(message: str) -> ConfigError:
    return ConfigError("CONFIG_INVALID", message, "correct node.toml")
