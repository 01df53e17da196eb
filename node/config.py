"""The node's settings: `node.toml` in its data directory. Nothing is read on import.

http = "127.0.0.1:8545"      where JSON-RPC listens, HTTP and WebSocket on one port
origins = []                 web pages that may ask, by HTTP (CORS) and WebSocket; "https://host[:port]"
insecure = false             listen beyond loopback without TLS and without saying who may call what
account = ""                 the address of the node's own key (node-key.json), written by `init`
[sealing] interval, heartbeat, work, clock_tolerance, clock_leap        [pool] capacity, bytes, per_sender, lifetime
[limits]  body_bytes, answer_bytes, socket_bytes, batch, log_blocks, log_results, filters, subscriptions, calls,
          call_seconds, call_workers, call_mib
[store]   map_gib, keep_states
[front]   header_seconds, body_seconds, write_seconds, idle_seconds, connections, per_client, sockets, memory_bytes,
          gzip_bytes
[tls]     certificate, key, clients            files, relative to the data directory
[access]  anonymous                            what may be called without a key or token: ["*", "!debug_*"]
[jwt]     algorithm, key, audience, issuer, leeway
[logs]    format, level, repeats
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from node.errors import ConfigError
from node.settings import KIND, Problem, bounded, check_group, read_group

GENESIS_FILE = "genesis.toml"
CONFIG_FILE = "node.toml"
URL_FILE = "node.url"
STORE_FOLDER = "chain"
KEY_FILE = "node-key.json"
ACCESS_FILE = "access.json"
MIB = 1024 * 1024
MOST = 2**40
FEWEST_STATES = 256


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seconds: between two blocks at least, between empty blocks, of execution a block may take, that the clock
    may step back unnoticed, and that it may run ahead of the machine's own count between two blocks."""

    interval: float = bounded(1.0, 1, 86_400)
    heartbeat: float = bounded(5.0, 1, 86_400)
    work: float = bounded(0.8, 0.001, 10)
    clock_tolerance: float = bounded(2.0, 0, 3_600)
    clock_leap: float = bounded(3_600.0, 0, 86_400 * 365)


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Waiting transactions: in all, their wire bytes, beyond an account's nonce, and how many seconds they may wait."""

    capacity: int = bounded(20_000, 1, MOST)
    bytes: int = bounded(64 * MIB, 1, MOST)
    per_sender: int = bounded(4_096, 1, MOST)
    lifetime: float = bounded(600.0, 1, 86_400 * 365)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request, connection or client may ask for. Calls (executions and searches for a client) may be so many
    at once, waiting ones included, take so many seconds each, on so many processes of so many MiB of memory."""

    body_bytes: int = bounded(5 * MIB, 1, 1_024 * MIB)
    answer_bytes: int = bounded(25 * MIB, 1, 4_096 * MIB)
    socket_bytes: int = bounded(32 * MIB, 1, 4_096 * MIB)
    batch: int = bounded(1_000, 1, MOST)
    log_blocks: int = bounded(100_000, 1, MOST)
    log_results: int = bounded(10_000, 1, MOST)
    filters: int = bounded(1_000, 1, MOST)
    subscriptions: int = bounded(100, 1, MOST)
    calls: int = bounded(64, 1, MOST)
    call_seconds: float = bounded(5.0, 0.05, 600)
    call_workers: int = bounded(2, 1, 64)
    call_mib: int = bounded(1_024, 128, 65_536)


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """The most the store may grow to, in GiB (space is taken only as it is used), and how many blocks back states are
    kept at least (0: all of them). Headers, blocks and receipts are kept for ever."""

    map_gib: int = bounded(256, 1, 65_536)
    keep_states: int = bounded(100_000, 0, 2**40)


@dataclass(frozen=True, slots=True)
class FrontLimits:
    """Seconds for a request's header, its body, a client to take 64 KiB of an answer, and between two requests;
    connections in all and of one address, WebSocket sessions; bytes of requests and answers held for all clients
    together; size from which answers are compressed."""

    header_seconds: float = bounded(10.0, 0.1, 600)
    body_seconds: float = bounded(30.0, 0.1, 3_600)
    write_seconds: float = bounded(20.0, 0.1, 3_600)
    idle_seconds: float = bounded(120.0, 1, 86_400)
    connections: int = bounded(1_024, 1, 100_000)
    per_client: int = bounded(256, 1, 100_000)
    sockets: int = bounded(512, 1, 100_000)
    memory_bytes: int = bounded(512 * MIB, 1, MOST)
    gzip_bytes: int = bounded(1_400, 1, MOST)


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files: the node's certificate chain and its key; `clients` is the authority of those who may connect."""

    certificate: str = ""
    key: str = ""
    clients: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What may be called without a key or token; when not said, everything, and only loopback may listen."""

    anonymous: tuple[str, ...] | None = field(default=None, metadata={KIND: "list"})


@dataclass(frozen=True, slots=True)
class Jwt:
    """Tokens: the one algorithm, file with secret or public key, wanted `aud` and `iss`, seconds of leeway."""

    algorithm: str = field(default="", metadata={"choices": ("", "HS256", "RS256", "ES256")})
    key: str = ""
    audience: str = ""
    issuer: str = ""
    leeway: float = bounded(5.0, 0, 60)


@dataclass(frozen=True, slots=True)
class Logs:
    """Lines for people or for machines, from which level on, and how many alike in a minute."""

    format: str = field(default="text", metadata={"choices": ("text", "json")})
    level: str = field(default="info", metadata={"choices": ("debug", "info", "warning", "error")})
    repeats: int = bounded(10, 1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Config:
    """All settings. `origins` are the web pages that may ask, none by default."""

    http: str = "127.0.0.1:8545"
    origins: tuple[str, ...] = ()
    sealing: Sealing = field(default_factory=Sealing)
    pool: PoolLimits = field(default_factory=PoolLimits)
    limits: Limits = field(default_factory=Limits)
    store: StoreLimits = field(default_factory=StoreLimits)
    insecure: bool = False
    account: str = ""
    front: FrontLimits = field(default_factory=FrontLimits)
    tls: Tls = field(default_factory=Tls)
    access: Access = field(default_factory=Access)
    jwt: Jwt = field(default_factory=Jwt)
    logs: Logs = field(default_factory=Logs)

    def __post_init__(self) -> None:
        for problem in _check({item.name: getattr(self, item.name) for item in fields(self)}):
            raise problem.error()


GROUPS: dict[str, type] = {
    "sealing": Sealing, "pool": PoolLimits, "limits": Limits, "store": StoreLimits, "front": FrontLimits,
    "tls": Tls, "access": Access, "jwt": Jwt, "logs": Logs,
}  # fmt: skip


def load_config(path: Path) -> Config:
    """Read and check `node.toml`. Raises ConfigError CONFIG_MISSING, CONFIG_INVALID, INSECURE_LISTEN."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError("CONFIG_MISSING", f"no {path.name} in {path.parent}", "run `node init` first") from error
    except OSError as error:
        message = f"{path.name} cannot be read: {error.strerror}"
        raise ConfigError("CONFIG_INVALID", message, "give this user the file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("CONFIG_INVALID", f"{path.name}: {error}", "correct node.toml") from error
    return config_from(table)


def config_from(table: Mapping[str, Any]) -> Config:
    """The settings in a parsed table; what is absent keeps its default. Raises ConfigError, the first problem."""
    values, problems = _read(table)
    for problem in problems:
        raise problem.error()
    return Config(**values)


def config_problems(table: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong in a parsed table."""
    values, problems = _read(table)
    return problems + _check(values)


def _read(table: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Values of the right types, defaults in place of wrong ones, and what was wrong."""
    values, problems = read_group(
        "", Config, {name: value for name, value in table.items() if name not in GROUPS}, GROUPS
    )
    for name, kind in GROUPS.items():
        read, wrong = read_group(name, kind, table.get(name, {}))
        values[name] = kind(**read)
        problems += wrong
    return values, problems


def _check(values: Mapping[str, Any]) -> list[Problem]:
    """Bounds of single settings, then what must fit together."""
    problems = [wrong for name in GROUPS if name in values for wrong in check_group(name, values[name])]
    return problems + _check_listening(values) + _check_together(values)


def _check_listening(values: Mapping[str, Any]) -> list[Problem]:
    http = values.get("http", "127.0.0.1:8545")
    try:
        host, _ = split_address(http)
    except ConfigError as error:
        return [Problem(error.code, "http", error.message, "write HOST:PORT, as in 127.0.0.1:8545")]
    tls, access = values.get("tls", Tls()), values.get("access", Access())
    guarded = tls.certificate and access.anonymous is not None
    if is_loopback(host) or guarded or values.get("insecure", False):
        return []
    lacking = [name for name, there in (("[tls]", tls.certificate), ("access.anonymous", access.anonymous is not None))
               if not there]  # fmt: skip
    return [
        Problem(
            "INSECURE_LISTEN",
            "http",
            f"{http} is reached from other machines and node.toml has no {' and no '.join(lacking)}",
            "set both, listen on 127.0.0.1 behind a proxy, or write insecure = true where the network is guarded",
        )
    ]


def _check_together(values: Mapping[str, Any]) -> list[Problem]:
    sealing, tls, jwt = values.get("sealing", Sealing()), values.get("tls", Tls()), values.get("jwt", Jwt())
    problems = []

    def wrong(where: str, message: str, hint: str) -> None:
        problems.append(Problem("CONFIG_INVALID", where, message, hint))

    if 0 < values.get("store", StoreLimits()).keep_states < FEWEST_STATES:
        wrong("store.keep_states", "is too few for code that asks for the hashes of earlier blocks",
              f"write 0 (all) or at least {FEWEST_STATES}")  # fmt: skip
    if sealing.interval > sealing.heartbeat:
        wrong("sealing.heartbeat", "must be at least sealing.interval", f"write heartbeat = {sealing.interval:g}")
    if bool(tls.certificate) != bool(tls.key):
        wrong("tls", "certificate and key belong together", "name both files or none")
    if tls.clients and not tls.certificate:
        wrong("tls.clients", "clients can show a certificate only over TLS", "set tls.certificate and tls.key")
    if bool(jwt.algorithm) != bool(jwt.key):
        wrong("jwt", "algorithm and key belong together", "set both or none")
    front, limits = values.get("front", FrontLimits()), values.get("limits", Limits())
    if front.memory_bytes < limits.body_bytes + limits.answer_bytes:
        wrong("front.memory_bytes", "holds not even one request and its answer",
              f"write at least {limits.body_bytes + limits.answer_bytes}")  # fmt: skip
    for origin in values.get("origins", ()):
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s*]+", origin):
            wrong("origins", f"{origin!r} is no origin", 'write scheme and host, as in "https://app.example.org"')
    for pattern in values.get("access", Access()).anonymous or ():
        if not re.fullmatch(r"!?(\*|[A-Za-z0-9_]+\*?)", pattern):
            wrong(
                "access.anonymous", f"{pattern!r} is no method or pattern", 'write "eth_*", "net_version", "!debug_*"'
            )
    account = values.get("account", "")
    if account and not re.fullmatch(r"0x[0-9a-fA-F]{40}", account):
        wrong("account", f"{account!r} is no address", "copy it from the output of `node init`")
    return problems


def is_loopback(host: str) -> bool:
    """Is this host reached from the same machine only?"""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def split_address(text: str) -> tuple[str, int]:
    """HOST:PORT. Raises ConfigError CONFIG_INVALID."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigError("CONFIG_INVALID", f"http must be HOST:PORT, not {text!r}", "correct node.toml")
    return host.strip("[]"), int(port)


def write_config(path: Path, http: str, heartbeat: float, account: str = "") -> None:
    """Write the file that `load_config` reads; refuses to overwrite (FileExistsError)."""
    own = f'account = "{account}"   # of {KEY_FILE}\n' if account else ""
    with path.open("x") as file:
        file.write(f'http = "{http}"\n{own}\n[sealing]\nheartbeat = {heartbeat:g}   # seconds between empty blocks\n')
