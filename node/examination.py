"""`validate-config`: everything that is wrong with the settings of a data directory, with lines and what to write."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.access.gate import anonymous_rights
from node.config import CONFIG_FILE, GENESIS_FILE, Config, config_from, config_problems, is_loopback, split_address
from node.errors import ConfigError
from node.file_checks import file_problems
from node.genesis import GAS_LIMIT, genesis_problems
from node.settings import Problem

GAS_PER_SECOND = 12_000_000
"""What the interpreter executes, transfers on one core; rounded."""
LONGEST_BLOCK = 10.0
INTERNALS = ("debug_traceTransaction", "txpool_content", "testing_buildBlockV1")


def examine(folder: Path, now: float) -> list[Problem]:
    """All problems, those of node.toml first; `now` in UTC seconds."""
    settings, problems = _table(folder / CONFIG_FILE, "CONFIG_MISSING", config_problems)
    genesis, others = _table(folder / GENESIS_FILE, "GENESIS_MISSING", genesis_problems)
    problems += others
    try:
        config = config_from(settings)
    except ConfigError:
        return problems
    found = [*_advice(config, genesis), *file_problems(folder, config, now)]
    text = _text(folder / CONFIG_FILE)
    return problems + [replace(one, line=line_of(text, one.where)) if one.file == CONFIG_FILE else one for one in found]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _table(
    path: Path, missing: str, judge: Callable[[Mapping[str, Any]], list[Problem]]
) -> tuple[dict[str, Any], list[Problem]]:
    """What a file holds and what is wrong with it, with lines."""
    if not path.is_file():
        return {}, [Problem(missing, path.name, f"no {path.name} in {path.parent}", "run `node init`", path.name)]
    try:
        text = path.read_text()
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        found = re.search(r"at line (\d+)", str(error))
        return {}, [
            Problem("NOT_TOML", path.name, str(error), "texts stand in quotes, lists in brackets: see toml.io",
                    path.name, int(found[1]) if found else 0)
        ]  # fmt: skip
    return table, [replace(one, file=path.name, line=line_of(text, one.where)) for one in judge(table)]


def line_of(text: str, where: str) -> int:
    """The line, from 1, on which a setting (dotted name) or its table stands; 0 if it is not written there."""
    group, _, name = where.rpartition(".")
    table, at_table = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            table = header[1].strip()
            at_table = number if table in (group, where) else at_table
            continue
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        full = "" if key is None else ".".join(part for part in (table, re.sub(r"[\"']", "", key[1])) if part)
        if full == where or (full == group and group and name in line):
            return number
    return at_table


def _advice(config: Config, genesis: Mapping[str, Any]) -> list[Problem]:
    """What works and is still not wise."""
    advice = []

    def say(where: str, message: str, hint: str, file: str = CONFIG_FILE) -> None:
        advice.append(Problem("ADVICE", where, message, hint, file, advice=True))

    host, _ = split_address(config.http)
    rights = anonymous_rights(config.access)
    if not is_loopback(host):
        if config.insecure:
            say("insecure", f"whoever reaches {config.http} may ask, in the clear", "set [tls] and access.anonymous")
        if any(rights.allow(method) for method in INTERNALS):
            say("access.anonymous", "strangers may trace, and read the pool",
                'write ["*", "!metrics", "!debug_*", "!txpool_*", "!testing_*"]')  # fmt: skip
    if config.sealing.work > config.sealing.interval:
        say("sealing.work", "a block may take longer than the interval between two", "keep work below interval")
    if config.limits.socket_bytes > config.front.memory_bytes:
        say("limits.socket_bytes", "one WebSocket client may use up front.memory_bytes", "make it a tenth of that")
    gas_limit = genesis.get("gas_limit", GAS_LIMIT)
    if isinstance(gas_limit, int) and gas_limit / GAS_PER_SECOND > LONGEST_BLOCK:
        seconds = gas_limit / GAS_PER_SECOND
        say("gas_limit", f"one transaction may take {seconds:.0f} seconds, however small sealing.work is",
            f"{GAS_LIMIT} suits this engine; only before the chain begins", GENESIS_FILE)  # fmt: skip
    return advice
