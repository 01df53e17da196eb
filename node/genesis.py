"""Genesis: what all members of a chain must share, from a TOML file that people can read.

rules = 2                         # version of the rules; without it 1, which this software does not follow
chain_id = 20210310
time = 1616025600                 # UTC seconds of block 0
window = 3600                     # seconds of the windows in which accounts without a role have an allowance of gas
gas_limit = 30000000
founders = ["0x..."]              # the first creates the Council with its first transaction
[alloc]                           # optional: address = wei, as a string
"0x..." = "1000000000000000000"
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from node.addresses import checksummed, parse_address
from node.blocks import EMPTY_ROOT, ZERO_ADDRESS, ZERO_HASH, Header
from node.errors import ConfigError
from node.rules.version import RULES
from node.settings import Problem, suggestion
from node.transactions import created_address

CHAIN_ID = 20_210_310
GAS_LIMIT = 30_000_000
WINDOW = 3_600
WINDOW_RANGE = 60, 86_400
WEI = re.compile("[0-9]{1,39}")
UNNAMED_RULES = 1
"""Genesis files of the first rules did not name them."""
EXTRA_DATA = b"tideprint"
LATEST_TIME = 253_370_764_800
"""UTC seconds of the year 9999: who reads blocks may count on dates of four digits."""
OPEN_SHARE = 8
"""An account that is neither member nor role holder may ask for one part in so many of a block's gas."""


@dataclass(frozen=True)
class Genesis:
    """Block 0 and the rules that never change. `time` in UTC seconds, `window` in seconds, `alloc` in wei.

    Raises ConfigError RULES_MISMATCH for a chain of other rules than this software's."""

    founders: tuple[bytes, ...]
    time: int
    chain_id: int = CHAIN_ID
    gas_limit: int = GAS_LIMIT
    alloc: Mapping[bytes, int] = field(default_factory=dict)
    window: int = WINDOW
    rules: int = RULES

    def __post_init__(self) -> None:
        require_rules(self.rules)

    @cached_property
    def council(self) -> bytes:
        """Where the Council will be: the first contract of the first founder."""
        return created_address(self.founders[0], 0)

    @property
    def open_gas_limit(self) -> int:
        """The most gas that a transaction of an account without any role may ask for."""
        return self.gas_limit // OPEN_SHARE

    def header(self, state_root: bytes) -> Header:
        """Block 0; its mix hash binds what no other field does: chain id, founders, rules, window."""
        return Header(
            0, ZERO_HASH, self.time, ZERO_ADDRESS, state_root, EMPTY_ROOT, EMPTY_ROOT, 0, self.gas_limit, 0,
            mix_hash=self._digest(), extra_data=EXTRA_DATA,
        )  # fmt: skip

    def _digest(self) -> bytes:
        """keccak of chain id, each founder, rules, window: 32, 20, 32 and 32 bytes, big-endian. A chain with others
        must have another block 0. No number of founders can be mistaken for another: 64 is no multiple of 20."""
        numbers = [number.to_bytes(32, "big") for number in (self.chain_id, self.rules, self.window)]
        return keccak(numbers[0] + b"".join(self.founders) + numbers[1] + numbers[2])


def require_rules(version: int) -> None:
    """Raises ConfigError RULES_MISMATCH for other rules than this software's."""
    if version != RULES:
        raise ConfigError(
            "RULES_MISMATCH",
            f"the chain was begun under rules {version}, this software follows rules {RULES}",
            f"start the software of rules {version}; for a new chain write rules = {RULES} into genesis.toml",
        )


def load_genesis(path: Path) -> Genesis:
    """Read and check a genesis file. Raises ConfigError GENESIS_MISSING, GENESIS_INVALID, ADDRESS_INVALID,
    RULES_MISMATCH."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError("GENESIS_MISSING", f"no {path.name} in {path.parent}", "run `node init` first") from error
    except OSError as error:
        raise _invalid(f"{path.name} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"{path.name}: {error}") from error
    unknown = sorted(set(table) - set(_READERS))
    if unknown:
        raise _invalid(f"unknown setting {unknown[0]}: {suggestion(unknown[0], _READERS)}")
    return Genesis(**{name: read(table) for name, read in _READERS.items()})


def genesis_problems(table: Mapping[str, object]) -> list[Problem]:
    """Everything that is wrong in a parsed genesis file."""
    problems = [
        Problem("GENESIS_INVALID", name, "unknown setting", suggestion(name, _READERS), "genesis.toml")
        for name in sorted(set(table) - set(_READERS))
    ]
    for name, read in _READERS.items():
        try:
            read(table)
        except ConfigError as error:
            problems.append(Problem(error.code, name, error.message, error.hint, "genesis.toml"))
    return problems


def write_genesis(path: Path, genesis: Genesis) -> None:
    """Write the file that `load_genesis` reads; refuses to overwrite (FileExistsError)."""
    founders = "".join(f'    "{checksummed(address)}",\n' for address in genesis.founders)
    lines = [
        "# What all members of this chain share. Changing anything makes another chain.",
        f"rules = {genesis.rules}",
        f"chain_id = {genesis.chain_id}",
        f"time = {genesis.time}",
        f"gas_limit = {genesis.gas_limit}",
        "# Seconds of the windows in which accounts without a role have an allowance of gas",
        f"window = {genesis.window}",
        f"# The first founder's first transaction creates the Council, at {checksummed(genesis.council)}",
        f"founders = [\n{founders}]",
    ]
    if genesis.alloc:
        lines += ["", "[alloc]", *(f'"{checksummed(a)}" = "{wei}"' for a, wei in genesis.alloc.items())]
    with path.open("x") as file:
        file.write("\n".join(lines) + "\n")


def _invalid(message: str) -> ConfigError:
    return ConfigError("GENESIS_INVALID", message, "correct genesis.toml")


def _whole(table: Mapping[str, object], name: str, default: int | None, low: int, high: int = 2**63 - 1) -> int:
    value = table.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _invalid(f"{name} must be a whole number from {low} to {high}")
    return value


def _alloc(table: object) -> dict[bytes, int]:
    if not isinstance(table, dict):
        raise _invalid("alloc must be a table of address = wei")
    alloc = {}
    for address, wei in table.items():
        alloc[parse_address(address, "alloc")] = parse_wei(wei, f"alloc of {address}")
    return alloc


def parse_wei(text: object, where: str) -> int:
    """A balance as people write it. Raises ConfigError GENESIS_INVALID."""
    if not isinstance(text, str) or not WEI.fullmatch(text) or int(text) >= 2**128:
        raise _invalid(f"{where} must be a decimal string of wei")
    return int(text)


def _founders(table: Mapping[str, object]) -> tuple[bytes, ...]:
    founders = table.get("founders")
    if not isinstance(founders, list) or not founders:
        raise _invalid("founders must name at least one address")
    parsed = tuple(parse_address(text, "founders") for text in founders)
    if len(set(parsed)) != len(parsed):
        raise _invalid("a founder is named twice")
    return parsed


def _rules(table: Mapping[str, object]) -> int:
    version = _whole(table, "rules", UNNAMED_RULES, 1)
    require_rules(version)
    return version


_READERS: dict[str, Callable[[Mapping[str, object]], Any]] = {
    "founders": _founders,
    "time": lambda table: _whole(table, "time", None, 1, LATEST_TIME),
    "chain_id": lambda table: _whole(table, "chain_id", CHAIN_ID, 1, 2**53 - 1),
    "gas_limit": lambda table: _whole(table, "gas_limit", GAS_LIMIT, 1_000_000, 2**40),
    "alloc": lambda table: _alloc(table.get("alloc", {})),
    "window": lambda table: _whole(table, "window", WINDOW, *WINDOW_RANGE),
    "rules": _rules,
}
