"""The rules of the house that no linter knows: who imports whom, what is tested, how long a file may be."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from protocol.errors import RefusalCode

ROOT = Path(__file__).parents[1]
MAY_IMPORT: dict[str, set[str]] = {
    "protocol": set(),
    "node": {"protocol"},
    "chain": {"protocol"},
    "vault": {"protocol", "chain"},
    "oracles": {"protocol", "chain"},
    "wallet": {"protocol", "chain"},
    "audit": {"protocol", "chain"},
    "tideprint": {"protocol", "node", "chain", "vault", "oracles", "wallet", "audit"},
}
OURS = {*MAY_IMPORT, "tests", "scripts", "bench"}
LATER = {
    RefusalCode.K_FLOOR: "comes with the dossier's re-identification figures",
    RefusalCode.DOSSIER_STALE: "comes with the dossier",
    RefusalCode.AGENT_POA_MISSING: "requests of a patient come from the patient only so far",
    RefusalCode.INSPECTION_SCOPE_EXCEEDED: "comes with the inspector's bundles",
}
"""Codes that nothing raises yet, and why."""
CODE_LINES, TEST_LINES = 400, 500


def files(folder: str, pattern: str = "*.py") -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob(pattern) if "__pycache__" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """First part of every module a file imports, at its top or inside a function, by statement or by name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "a relative import" if node.level else (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(a.value).partition(".")[0] for a in node.args[:1] if isinstance(a, ast.Constant))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_one_way(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    forbidden = OURS - allowed | {"a relative import"}
    found = [f"{named(path)} imports {name}" for path in files(room) for name in imports(path) if name in forbidden]
    assert files(room)
    assert not found


def test_the_reader_of_imports_sees_every_way_to_import(tmp_path: Path) -> None:
    path = tmp_path / "sneaky.py"
    path.write_text(
        "import vault.keys as k\nfrom node.rpc import http\nfrom . import x\n"
        "def f():\n    import wallet\n    importlib.import_module('oracles.links')\n    __import__('audit')\n"
    )
    assert set(imports(path)) == {"vault", "node", "a relative import", "wallet", "oracles", "audit"}


def test_every_room_is_named_here() -> None:
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert rooms == set(MAY_IMPORT)


def packages() -> list[Path]:
    return sorted({path.parent for room in MAY_IMPORT for path in files(room)})


@pytest.mark.parametrize("folder", packages(), ids=named)
def test_every_package_says_what_it_is_for(folder: Path) -> None:
    assert (folder / "__init__.py").exists()
    assert len((ast.get_docstring(tree(folder / "__init__.py")) or "").split()) >= 5


@pytest.mark.parametrize(
    ("folder", "pattern", "most"),
    [(room, "*.py", CODE_LINES) for room in (*MAY_IMPORT, "scripts")]
    + [("contracts", "*.vy", CODE_LINES), ("tests", "*.py", TEST_LINES)],
)
def test_no_file_is_too_long_to_hold_in_the_head(folder: str, pattern: str, most: int) -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in files(folder, pattern)}
    assert lengths
    assert not {path: lines for path, lines in lengths.items() if lines > most}


def raisable() -> set[RefusalCode]:
    """Codes that the code names, an oracle's reasons among them, and reasons of contracts that end in a code."""
    codes: set[str] = set()
    for room in MAY_IMPORT:
        for path in files(room):
            codes.update(
                node.attr
                for node in ast.walk(tree(path))
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("RefusalCode", "Reason")
            )
    for path in files("contracts", "*.vy"):
        codes.update(re.findall(r'"[a-z]+: ([A-Z_]+)"', path.read_text()))
    return {code for code in RefusalCode if code.name in codes}


def names_in_tests() -> set[str]:
    """Names and words in the code of all tests but this one; a test function's name counts as a code in capitals."""
    words: set[str] = set()
    for path in files("tests"):
        if path != Path(__file__):
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Attribute):
                    words.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    words.update(re.findall(r"[A-Z_]{4,}", node.value))
                elif isinstance(node, ast.FunctionDef):
                    words.add(node.name.upper())
    return words


def test_every_refusal_that_can_happen_has_a_test_that_names_it() -> None:
    known = names_in_tests()
    functions = [word for word in known if word.startswith("TEST_")]
    untested = {
        code for code in raisable() if code.name not in known and not any(code.name in name for name in functions)
    }
    assert not untested


def test_codes_of_later_capabilities_are_really_later() -> None:
    assert set(LATER) == set(RefusalCode) - raisable()
    assert all(LATER.values())


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_exported_names_exist_and_stand_in_order(room: str) -> None:
    module = __import__(room)
    names = list(getattr(module, "__all__", []))
    assert all(hasattr(module, name) for name in names)
    assert len(set(names)) == len(names)
