"""The rules for sources, and that each is noticed when it is broken."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.check_sources import main, problems, sources
from tests.contracts.support import CONTRACTS, House, deployer

HEAD = "# pragma version ==0.4.3\n# pragma evm-version prague\n"
NAMES = ("Council", "HealthToken", "VoucherMint", "ReferenceRegistry", "ConsentRegistry")
FORBIDDEN = {
    "korean": ("# \ub9d0\n", "printable ASCII"),
    "form feed": ("\x0c\n", "printable ASCII"),
    "tab": ("\tx: uint256\n", "printable ASCII"),
    "line separator in a comment": ("# a\u2028b\n", "printable ASCII"),
    "carriage return": ("x: uint256\r\n", "printable ASCII"),
    "value or constant": ("def f():\n    x: uint256 = msg.value | 3\n", "CVE-2026-114117"),
    "constant or value": ("def f():\n    x: uint256 = 3 | msg.value\n", "CVE-2026-114117"),
    "data length over two lines": ("def f():\n    x: uint256 = (len(msg.data)\n        | 3)\n", "CVE-2026-114117"),
    "ternary": ("def f():\n    x: uint256 = a if b else c\n", "CVE-2026-114115"),
    "ternary over lines": ("def f():\n    x: uint256 = (\n        a\n        if b\n        else c\n    )\n", "-114115"),
    "blueprint": ("def f():\n    create_from_blueprint(a, code_offset=b)\n", "CVE-2026-114118"),
    "snekmate": ("from snekmate.auth import ownable\n", "AGPL"),
    "experimental": ("#pragma experimental-codegen\n", "experimental"),
}  # fmt: skip


def source(folder: Path, text: str, name: str = "Bad.vy") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("form", FORBIDDEN)
def test_a_forbidden_form_is_caught(tmp_path: Path, form: str) -> None:
    body, why = FORBIDDEN[form]
    found = problems(source(tmp_path, HEAD + body))
    assert len(found) >= 1
    assert all(why in problem for problem in found)
    assert main([str(tmp_path)]) == 1


def test_innocent_lookalikes_pass(tmp_path: Path) -> None:
    body = (
        '"""\n@notice msg.value | 3, a if b else c\n"""\n'
        "def f():\n    # x if y else z\n    if a | 3 == 4:\n        pass\n    else:\n        pass\n"
        '    assert a, "one if two else three"\n'
    )
    assert problems(source(tmp_path, HEAD + body)) == []
    assert main([str(tmp_path)]) == 0


def test_the_compiler_is_pinned(tmp_path: Path) -> None:
    for head in ("", "# pragma version ^0.4.0\n# pragma evm-version prague\n", "# pragma version ==0.4.3\n"):
        assert problems(source(tmp_path, head + "x: uint256\n"))
    assert problems(source(tmp_path, "# pragma version ==0.4.3\nx: uint256\n", "module.vy")) == []


def test_nothing_to_check_is_an_error(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 2
    assert main([]) == 2


def test_the_contracts_pass_as_a_command() -> None:
    root = CONTRACTS.parent
    done = subprocess.run([sys.executable, "scripts/check_sources.py", "contracts"], cwd=root, capture_output=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sources([CONTRACTS]), ids=lambda path: path.name)
def test_house_rules(path: Path) -> None:
    text = path.read_text()
    assert "@license Apache-2.0" in text
    assert text.count("\n") <= 240
    assert max(map(len, text.splitlines())) <= 120
    reasons = re.findall(r'assert .*?, "(.*?)"', text, re.DOTALL)
    assert all(len(reason) < 32 and re.fullmatch(r"[a-z0-9]+: [\w -]+", reason) for reason in reasons)
    for body in re.findall(r"@external\n(?:@\w+\n)*def \w+\([^)]*\)[^:]*:\n(.*)", text):
        assert body.strip() == '"""'


@pytest.mark.parametrize("name", NAMES)
def test_every_contract_says_how_it_is_stopped(name: str) -> None:
    assert "@custom:stop" in (CONTRACTS / f"{name}.vy").read_text()


def test_no_event_carries_text_or_bytes_of_any_length(house: House) -> None:
    for contract in (house.council, house.token, house.mint, house.references, house.consents):
        for event in (entry for entry in contract.abi if entry["type"] == "event"):
            assert {field["type"] for field in event["inputs"]} <= {
                "uint256",
                "uint64",
                "uint32",
                "uint8",
                "bytes32",
                "address",
                "bool",
            }


def stored(layout: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and type of every variable in a storage layout, those of modules too."""
    for name, entry in layout.items():
        if "slot" in entry:
            yield name, entry["type"]
        else:
            yield from stored(entry)


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_stored_but_the_tokens_name_and_symbol(name: str) -> None:
    variables = dict(stored(deployer(name).compiler_data.storage_layout["storage_layout"]))
    assert len(variables) > 2
    text = {variable for variable, type in variables.items() if "String" in type}
    data = {variable for variable, type in variables.items() if "Bytes" in type}
    assert text == ({"name", "symbol"} if name == "HealthToken" else set())
    assert data == ({"modulus_of"} if name == "VoucherMint" else set())


def test_no_struct_and_no_argument_takes_text(house: House) -> None:
    """Structs appear in a layout by name only. The domain of EIP-712 lies in the code, fixed at deployment."""
    mentions = {path.name for path in sources([CONTRACTS]) if "String[" in path.read_text()}
    assert mentions == {"HealthToken.vy", "erc20.vy", "typed_data.vy"}
    for path in sources([CONTRACTS]):
        for struct in re.findall(r"struct \w+:\n((?:    .*\n)+)", path.read_text()):
            assert "String" not in struct
            assert "Bytes" not in struct
    for contract in (house.council, house.token, house.mint, house.references, house.consents):
        calls = [entry for entry in contract.abi if entry["type"] == "function"]
        assert not any("string" in field["type"] for entry in calls for field in entry["inputs"])
        told = {entry["name"] for entry in calls for field in entry["outputs"] if "string" in field["type"]}
        assert told <= {"name", "symbol", "eip712Domain"}


@pytest.mark.parametrize("name", NAMES)
def test_code_fits_into_a_contract(name: str) -> None:
    assert len(deployer(name).compiler_data.bytecode_runtime) < 24_576
