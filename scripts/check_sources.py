"""Refuse Vyper sources that known compiler bugs can misread or miscompile (advisories of October 2026; vyper 0.4.3).

    python scripts/check_sources.py contracts       files or folders; exit status 1 when something is refused

It compiles nothing. Patterns are held against logical lines: comments and strings out, continuation lines joined.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".vy", ".vyi")
PRAGMA = "# pragma version ==0.4.3"
EVM_PRAGMA = "# pragma evm-version prague"
FORMS = [
    (re.compile(r"\bcode_offset\b"), "code_offset of create_from_blueprint wraps around (CVE-2026-114118)"),
    (
        re.compile(r"(msg \. value|len \( msg \. data \)) \||\| (msg \. value|len \( msg \. data \))"),
        "the optimizer drops an operand of this `|` (CVE-2026-114117)",
    ),
    (
        re.compile(r"(?<!^)\bif\b.*\belse\b"),
        "no conditional expression: nested arrays and `|` in one are miscompiled (CVE-2026-114115, CVE-2026-114117)",
    ),
    (re.compile(r"\bsnekmate\b"), "snekmate is AGPL-3.0-only and may not be used"),
]
_SKIPPED = {tokenize.COMMENT, tokenize.STRING, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}


def problems(path: Path) -> list[str]:
    """What is wrong with one source file, a line each."""
    data = path.read_bytes()
    found = [
        f"{path}:{number}: byte 0x{byte:02x}: printable ASCII only (CVE-2026-114114, CVE-2026-114116)"
        for number, line in enumerate(data.split(b"\n"), 1)
        for byte in line
        if not 32 <= byte <= 126
    ]
    if found:
        return found
    text = data.decode("ascii")
    return [f"{path}:{number}: {why}" for number, why in [*_pragmas(path, text), *_forms(text)]]


def sources(paths: list[Path]) -> list[Path]:
    """The files themselves and all Vyper sources under the folders."""
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    return [file for file in files if file.suffix in SUFFIXES]


def _pragmas(path: Path, text: str) -> Iterator[tuple[int, str]]:
    lines = text.split("\n")
    if lines[0] != PRAGMA:
        yield 1, f"the first line is not `{PRAGMA}`"
    if path.suffix == ".vy" and path.stem[:1].isupper() and EVM_PRAGMA not in lines:
        yield 1, f"a contract states `{EVM_PRAGMA}`"
    for number, line in enumerate(lines, 1):
        if re.search(r"#\s*pragma\s+(enable-decimals|experimental-codegen|venom)", line):
            yield number, "experimental code generation is outside the compiler's audits"


def _forms(text: str) -> Iterator[tuple[int, str]]:
    for number, line in _logical_lines(text):
        for pattern, why in FORMS:
            if pattern.search(line):
                yield number, why


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    words: list[str] = []
    first = 1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            yield first, " ".join(words)
            words = []
        elif token.type not in _SKIPPED and token.string.strip():
            first = first if words else token.start[0]
            words.append(token.string)


def main(arguments: list[str]) -> int:
    """Check the named files and folders; the exit status."""
    files = sources([Path(argument) for argument in arguments])
    if not files:
        print("usage: check_sources.py FILE_OR_FOLDER...   (found no .vy or .vyi file)", file=sys.stderr)
        return 2
    found = [problem for file in files for problem in problems(file)]
    print("\n".join(found) or f"{len(files)} files fine")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
