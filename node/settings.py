"""Reading groups of settings: types from the defaults, bounds from the fields, every problem at once.

A field's default says its type; `metadata` may hold `low` and `high` (numbers), `choices` (words), `kind` ("list").
"""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, TypeVar

from node.errors import ConfigError

KIND = "kind"
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a setting: `where` is its dotted name, `line` of its file counts from 1, 0 if unknown;
    advice does not keep the node from starting."""

    code: str
    where: str
    message: str
    hint: str
    file: str = "node.toml"
    line: int = 0
    advice: bool = False

    def error(self) -> ConfigError:
        """The same as an error."""
        return ConfigError(self.code, f"{self.where}: {self.message}", self.hint)


def bounded(default: Number, low: float, high: float) -> Number:
    """A number from `low` to `high`, both included."""
    made: Number = field(default=default, metadata={"low": low, "high": high})
    return made


def suggestion(name: str, known: Collection[str]) -> str:
    """What somebody who wrote `name` may have meant."""
    close = get_close_matches(name, known, 1, 0.6)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(sorted(known))


def read_group(
    name: str, kind: type, table: object, others: Collection[str] = ()
) -> tuple[dict[str, Any], list[Problem]]:
    """The well-formed values of a table and what is wrong with the rest; `others` are known names besides."""
    if not isinstance(table, Mapping):
        return {}, [Problem("CONFIG_INVALID", name, "must be a table", f"write [{name}] on a line of its own")]
    known = {item.name: item for item in fields(kind) if item.name not in others}
    values: dict[str, Any] = {}
    problems = []
    for key, value in table.items():
        where = f"{name}.{key}" if name else key
        if key not in known:
            problems.append(Problem("CONFIG_INVALID", where, "unknown setting", suggestion(key, {*known, *others})))
        elif wrong := _mistake(known[key], value):
            problems.append(Problem("CONFIG_INVALID", where, f"{wrong}, not {value!r}", "see docs/node.md, Settings"))
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return values, problems


def _mistake(item: "Field[Any]", value: object) -> str:
    """What a value must be instead, or nothing."""
    default = item.default
    if item.metadata.get(KIND) == "list" or isinstance(default, tuple):
        right = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return "" if right else "must be a list of texts"
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(default, str):
        return "" if isinstance(value, str) else "must be a text"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    return "must be a whole number" if isinstance(default, int) and not isinstance(value, int) else ""


def check_group(name: str, group: Any) -> list[Problem]:
    """Values beyond their bounds or choices."""
    problems = []
    for item in fields(group):
        value, rule = getattr(group, item.name), item.metadata
        if "low" in rule and not rule["low"] <= value <= rule["high"]:
            wanted = f"from {rule['low']:g} to {rule['high']:g}"
        elif "choices" in rule and value not in rule["choices"]:
            wanted = "one of " + ", ".join(choice for choice in rule["choices"] if choice)
        else:
            continue
        default = "" if item.default is MISSING else f"the default is {item.default}"
        problems.append(Problem("CONFIG_INVALID", f"{name}.{item.name}", f"must be {wanted}, not {value!r}", default))
    return problems
