"""Groups of settings from TOML: types from the fields of a dataclass, every problem at once, "did you mean".

A field may be `str`, `int`, `float`, `bool`, `Path` (written as text), one of these or None, a tuple of `str`, `int` or
of another dataclass. `metadata` may hold `low`, `high` (numbers) and `choices` (words).
"""

import types
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Group = TypeVar("Group")
WORDS: dict[Any, str] = {str: "text", Path: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a setting: `where` is its dotted name."""

    where: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.hint}"


def suggestion(name: str, known: Collection[str]) -> str:
    """What somebody who wrote `name` may have meant."""
    close = get_close_matches(name, known, 1, 0.6)
    return f"did you mean {close[0]}?" if close else "known are " + ", ".join(sorted(known))


def read_group(where: str, kind: type[Group], table: object, problems: list[Problem]) -> Group | None:
    """A dataclass from a table; None if it cannot be made, and then `problems` says why."""
    if not isinstance(table, Mapping):
        problems.append(Problem(where, "must be a table", f"write [{where}] on a line of its own"))
        return None
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    hints, before = get_type_hints(kind), len(problems)
    values: dict[str, Any] = {}
    for name, value in table.items():
        dotted = f"{where}.{name}" if where else name
        if name not in known:
            problems.append(Problem(dotted, "unknown setting", suggestion(name, known)))
        else:
            values[name] = _value(dotted, hints[name], known[name], value, problems)
    for name, item in known.items():
        if name not in table and item.default is MISSING and item.default_factory is MISSING:
            problems.append(Problem(f"{where}.{name}", "is missing", f"add a line: {name} = …"))
    return kind(**values) if len(problems) == before else None


def _value(where: str, hint: Any, item: Field[Any], value: object, problems: list[Problem]) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        hint = next(part for part in parts if part is not type(None))
        origin, parts = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            problems.append(Problem(where, "must be a list", "write it in [ ]"))
            return ()
        return tuple(_value(f"{where}[{i}]", parts[0], item, each, problems) for i, each in enumerate(value))
    if is_dataclass(hint):
        return read_group(where, hint if isinstance(hint, type) else type(hint), value, problems)
    return _plain(where, hint, item, value, problems)


def _plain(where: str, hint: Any, item: Field[Any], value: object, problems: list[Problem]) -> Any:
    accepted: Any = {Path: str, float: (int, float)}.get(hint, hint)
    if not isinstance(value, accepted) or (isinstance(value, bool) and hint is not bool):
        problems.append(Problem(where, f"must be {WORDS[hint]}", f"it is {value!r}"))
        return None
    choices, low, high = (item.metadata.get(name) for name in ("choices", "low", "high"))
    if choices is not None and value not in choices:
        problems.append(Problem(where, f"cannot be {value!r}", suggestion(str(value), choices)))
    if (low is not None and value < low) or (high is not None and value > high):
        problems.append(Problem(where, f"is out of bounds: {value!r}", f"from {low} to {high}"))
    return hint(value)
