"""Importing refuses what is not the chain of its genesis, and leaves what is there alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import rlp
from click.testing import CliRunner

from node.cli import node
from node.errors import ConfigError, Refused
from node.imported import import_chain, read_blocks, read_genesis
from node.store import Store
from tests.node.imported.support import CHAIN, GENESIS, MAP_BYTES, Imported, imported
from tests.node.support import account, sign


def changed(folder: Path, **fields: Any) -> Path:
    """The genesis file with other fields; those of `config` by name."""
    table = json.loads(GENESIS.read_text())
    for name, value in fields.items():
        (table["config"] if name in table["config"] or name.endswith("Time") else table)[name] = value
    path = folder / "genesis.json"
    path.write_text(json.dumps(table))
    return path


def test_a_second_start_finds_the_chain(tmp_path: Path) -> None:
    first = imported(tmp_path)
    head = first.chain.head
    first.store.close()
    again = imported(tmp_path)
    assert again.chain.head == head
    again.store.close()


def test_a_store_of_another_chain_is_refused(tmp_path: Path) -> None:
    imported(tmp_path / "store").store.close()
    store = Store(tmp_path / "store", MAP_BYTES)
    other = read_genesis(changed(tmp_path, timestamp="0x1"))
    with pytest.raises(ConfigError, match="GENESIS_MISMATCH"):
        import_chain(other, [], store)
    store.close()


@pytest.mark.parametrize("position", [3, 8, 10])
def test_a_changed_block_is_refused(tmp_path: Path, position: int) -> None:
    """State root, height and gas used of block 1."""
    block = rlp.decode(next(iter(read_blocks(CHAIN))))
    block[0][position] = bytes([*block[0][position][:-1], block[0][position][-1] ^ 1])
    store = Store(tmp_path, MAP_BYTES)
    with pytest.raises(ConfigError, match="FOREIGN_CHAIN_INVALID"):
        import_chain(read_genesis(GENESIS), [rlp.encode(block)], store)
    store.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"gasLimit": "plenty"},
        {"gasLimit": None},
        {"osakaTime": 500},
        {"alloc": {"0x12": {}}},
        {"alloc": 3},
        {"blobSchedule": {"prague": {"target": 1, "max": 2, "baseFeeUpdateFraction": 3}}},
    ],
)
def test_a_genesis_that_cannot_be_followed_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="FOREIGN_GENESIS_INVALID"):
        read_genesis(changed(tmp_path, **fields))


def test_a_file_that_is_no_chain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.rlp"
    path.write_bytes(CHAIN.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="FOREIGN_CHAIN_INVALID"):
        list(read_blocks(path))


@pytest.mark.parametrize(
    "options",
    [["--no-seal"], ["--genesis", str(GENESIS)], ["--genesis", str(GENESIS), "--import-chain", str(CHAIN)]],
)
def test_the_three_options_belong_together(options: list[str]) -> None:
    result = CliRunner().invoke(node, ["start", *options])
    assert result.exit_code == 1
    assert "OPTIONS_INCOMPLETE" in result.output


def test_a_bad_file_ends_the_command_in_words(tmp_path: Path) -> None:
    path = tmp_path / "chain.rlp"
    path.write_bytes(b"\xf9")
    command = [sys.executable, "-m", "node", "start", "--genesis", str(GENESIS), "--import-chain", str(path)]
    done = subprocess.run([*command, "--no-seal"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "FOREIGN_CHAIN_INVALID" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_pool_door_checks_as_other_clients_do(foreign: Imported) -> None:
    nobody = account("stranger to this chain")
    poor = foreign.chain.check_tx(sign(nobody, 0, chainId=foreign.chain.rules.chain_id, value=1))
    alien = foreign.chain.check_tx(sign(nobody, 0))
    assert poor.refusal is not None
    assert poor.refusal.refused is Refused.INSUFFICIENT_FUNDS
    assert alien.refusal is not None
    assert alien.refusal.refused is Refused.CHAIN_ID_WRONG
