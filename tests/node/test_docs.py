"""The operator's pages name every method, setting and refusal."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from node.config import FrontLimits, Limits, PoolLimits, Sealing, StoreLimits
from node.errors import Refused
from node.rpc.methods import METHODS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join((DOCS / name).read_text() for name in ("node.md", "json-rpc.md", "node-access.md"))
WORDS = set(re.findall(r"[A-Za-z0-9_.]+", PAGE))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_is_documented(name: str) -> None:
    assert name in WORDS or name.split("_", 1)[1] in WORDS


@pytest.mark.parametrize("code", sorted(Refused))
def test_every_refusal_is_documented(code: str) -> None:
    assert code in WORDS


def test_every_setting_is_documented_with_its_default() -> None:
    for group, kind in (
        ("sealing", Sealing),
        ("pool", PoolLimits),
        ("limits", Limits),
        ("store", StoreLimits),
        ("front", FrontLimits),
    ):
        for item in fields(kind):
            shown = f"{item.default:g}" if isinstance(item.default, float) else str(item.default)
            assert f"| `{group}.{item.name}` | {shown} |" in PAGE
