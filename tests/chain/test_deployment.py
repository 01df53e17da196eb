import json
from pathlib import Path
from typing import Any

import pytest

from chain import ChainError, Deployment
from chain.deployment import CONTRACTS

PLACE = "0x71c7656ec7ab88b098defb751b7401b5f6d8976f"
WHOLE: dict[str, Any] = {
    "chain_id": 20210310,
    "block": 1,
    "rules": "0x" + "ab" * 32,
    "contracts": {name: {"address": PLACE, "abi": [], "integrity": "x"} for name in CONTRACTS},
}


def written(folder: Path, content: str) -> Path:
    path = folder / "deployment.json"
    path.write_text(content)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    deployment = Deployment.load(written(tmp_path, json.dumps(WHOLE)))
    assert deployment.chain_id == 20210310
    assert deployment.rules == b"\xab" * 32
    assert {deployment.address_of(name) for name in CONTRACTS} == {"0x71C7656EC7ab88b098defB751B7401B5f6d8976F"}


def test_a_missing_file_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match=r"DEPLOYMENT_INVALID: no deployment file \(run `ape run deploy` first\)"):
        Deployment.load(tmp_path / "deployment.json")


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_missing_contract_is_named(tmp_path: Path, name: str) -> None:
    contracts = {other: entry for other, entry in WHOLE["contracts"].items() if other != name}
    with pytest.raises(ChainError, match=f"DEPLOYMENT_INVALID.*{name}"):
        Deployment.load(written(tmp_path, json.dumps(WHOLE | {"contracts": contracts})))


@pytest.mark.parametrize(
    "change",
    [
        {"rules": 5},
        {"rules": "0x"},
        {"rules": "0xab"},
        {"rules": "nonsense"},
        {"chain_id": "nonsense"},
        {"chain_id": None},
        {"contracts": []},
        {"contracts": dict.fromkeys(CONTRACTS, 5)},
        {"contracts": {name: {"address": "nowhere", "abi": []} for name in CONTRACTS}},
        {"contracts": {name: {"address": PLACE, "abi": None} for name in CONTRACTS}},
    ],
    ids=lambda change: str(change)[:40],
)
def test_a_misspelt_file_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ChainError, match="DEPLOYMENT_INVALID"):
        Deployment.load(written(tmp_path, json.dumps(WHOLE | change)))


@pytest.mark.parametrize("content", ["", "nonsense", "[]", "null", '"text"', "{}"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ChainError, match="DEPLOYMENT_INVALID"):
        Deployment.load(written(tmp_path, content))
