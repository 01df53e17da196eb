"""The cases of execution-apis: reading them, running them against a node, comparing as the hive simulator does.

In an error the message is free, everything else must be equal as JSON. A case marked `speconly` shows an example:
there the answer must have the same shape, where names that are addresses or nonces are data.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

FOLDER = Path(__file__).parents[2] / "fixtures" / "execution-apis" / "tests"
_DATA_NAME = re.compile(r"0x[0-9a-fA-F]{40}|[0-9]+")


@dataclass(frozen=True, slots=True)
class Case:
    """`exchanges` are (request, expected answer), both as text."""

    method: str
    name: str
    example: bool
    exchanges: tuple[tuple[str, str], ...]


def read_cases(folder: Path = FOLDER) -> list[Case]:
    """All cases in the order of their files: what is sent early is in the pool later."""
    return [_read(path) for path in sorted(folder.rglob("*.io"))]


def _read(path: Path) -> Case:
    lines = [line.strip() for line in path.read_text().splitlines()]
    asked = [line[2:].strip() for line in lines if line.startswith(">>")]
    expected = [line[2:].strip() for line in lines if line.startswith("<<")]
    example = any(line.startswith("//") and "speconly:" in line for line in lines)
    return Case(path.parent.name, path.stem, example, tuple(zip(asked, expected, strict=True)))


def run(url: str, case: Case) -> str:
    """What is wrong with the node's answers, or nothing."""
    for request, expected in case.exchanges:
        reply = requests.post(url, data=request, headers={"Content-Type": "application/json"}, timeout=30)
        problem = compare(reply.json(), json.loads(expected), case.example)
        if problem:
            return problem
    return ""


def compare(got: Any, wanted: Any, example: bool) -> str:
    """What differs, or nothing."""
    if example and "error" not in got:
        return "" if shape(got) == shape(wanted) else f"shape {shape(got)} instead of {shape(wanted)}"[:500]
    left, right = without_messages(got), without_messages(wanted)
    return "" if left == right else f"got {json.dumps(left)[:300]} instead of {json.dumps(right)[:300]}"


def without_messages(answer: Any) -> Any:
    """The answer, its errors reduced to what must agree."""
    if isinstance(answer, list):
        return [without_messages(item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: {key: item for key, item in value.items() if key != "message"}
        if name == "error" and isinstance(value, dict)
        else without_messages(value)
        for name, value in answer.items()
    }


def shape(value: Any) -> Any:
    """Names and kinds of values; lists by their first item."""
    if isinstance(value, dict):
        if value and all(_DATA_NAME.fullmatch(name) for name in value):
            return {"data": shape(next(iter(value.values())))}
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
