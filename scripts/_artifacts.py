"""The contracts, compiled on this machine by the installed compiler; nothing is fetched."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector

VERSION = "0.4.3"
NAMES = ("Council", "HealthToken", "VoucherMint", "ReferenceRegistry", "ConsentRegistry")
"""In the order of deployment."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract. `integrity` is the compiler's hash over the contract's source and its imports."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    integrity: str

    def creation(self, *arguments: Any) -> bytes:
        """Bytecode and constructor arguments: the data of the creating transaction."""
        constructor = next(entry for entry in self.abi if entry["type"] == "constructor")
        return self.bytecode + encode([item["type"] for item in constructor["inputs"]], list(arguments))


def check_compiler() -> None:
    """Refuse another compiler than the audited one, on the PATH or in this environment."""
    try:
        said = subprocess.run(["vyper", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise click.ClickException(
            "vyper is not on the PATH: activate the environment that holds vyper 0.4.3"
        ) from error
    if said.split("+")[0] != VERSION:
        raise click.ClickException(f"vyper {said} comes first on the PATH; the contracts need {VERSION}")


def compile_contracts(root: Path) -> dict[str, Artifact]:
    """All contracts of the project in `root`, by name."""
    from vyper import __version__
    from vyper.cli.vyper_compile import compile_files

    if __version__.split("+")[0] != VERSION:
        raise click.ClickException(f"vyper {__version__} is installed; the contracts need {VERSION}")
    files = [str(root / "contracts" / f"{name}.vy") for name in NAMES]
    outputs = compile_files(files, ["abi", "bytecode", "integrity"], paths=[str(root)])
    return {
        Path(path).stem: Artifact(out["abi"], bytes.fromhex(out["bytecode"][2:]), out["integrity"])
        for path, out in outputs.items()
    }


def call_data(abi: list[dict[str, Any]], name: str, *arguments: Any) -> bytes:
    """Selector and arguments of a call."""
    entry = function(abi, name)
    types = [item["type"] for item in entry["inputs"]]
    if len(types) != len(arguments):
        raise click.ClickException(f"{name} takes {len(types)} arguments: {', '.join(types) or 'none'}")
    return bytes(function_signature_to_4byte_selector(f"{name}({','.join(types)})")) + encode(types, arguments)


def function(abi: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The entry of a function in an ABI."""
    for entry in abi:
        if entry["type"] == "function" and entry["name"] == name:
            return entry
    raise click.ClickException(f"the contract has no function {name}")
