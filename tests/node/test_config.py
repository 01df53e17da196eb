"""Settings and genesis files: what is read, what is refused."""

from pathlib import Path

import pytest

from node.config import Config, config_from, load_config, split_address, write_config
from node.errors import ConfigError
from node.genesis import Genesis, load_genesis, write_genesis
from tests.node.support import FOUNDER, SECOND, genesis, raw


def test_defaults_and_overrides() -> None:
    assert config_from({}) == Config()
    made = config_from(
        {"http": "[::1]:0", "origins": ["http://a"], "sealing": {"heartbeat": 2}, "pool": {"capacity": 5}}
    )
    assert (made.http, made.origins, made.sealing.heartbeat, made.pool.capacity) == ("[::1]:0", ("http://a",), 2, 5)


@pytest.mark.parametrize(
    "table",
    [
        {"htp": "127.0.0.1:1"},
        {"http": 5},
        {"http": "nowhere"},
        {"http": "h:70000"},
        {"origins": "all"},
        {"sealing": 3},
        {"sealing": {"heartbeat": 0}},
        {"sealing": {"interval": 0.5}},
        {"sealing": {"interval": 9, "heartbeat": 8}},
        {"store": {"keep_states": 255}},
        {"sealing": {"work": 0}},
        {"sealing": {"pace": 1}},
        {"pool": {"capacity": 0}},
        {"pool": {"capacity": 1.5}},
        {"limits": {"batch": True}},
    ],
)
def test_settings_refused(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="CONFIG_INVALID"):
        config_from(table)


def test_config_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    with pytest.raises(ConfigError, match="CONFIG_MISSING"):
        load_config(path)
    write_config(path, "127.0.0.1:0", 7.5)
    assert load_config(path).sealing.heartbeat == 7.5
    with pytest.raises(FileExistsError):
        write_config(path, "127.0.0.1:0", 7.5)
    path.write_text("http = ")
    with pytest.raises(ConfigError, match="CONFIG_INVALID"):
        load_config(path)


def test_split_address() -> None:
    assert split_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert split_address("[::1]:0") == ("::1", 0)


def test_genesis_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "genesis.toml"
    born = genesis({raw(SECOND): 10**20})
    write_genesis(path, born)
    assert load_genesis(path) == born
    with pytest.raises(FileExistsError):
        write_genesis(path, born)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("founders = [", "GENESIS_INVALID"),
        ("time = 1\nfounders = []", "GENESIS_INVALID"),
        ("time = 1", "GENESIS_INVALID"),
        ("time = 1616025600000\nfounders = ['{f}']", "GENESIS_INVALID"),
        ("founders = ['{f}']", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}', '{f}']", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nchain = 3", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\ngas_limit = 5", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nalloc = 5", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\n[alloc]\n'{f}' = 5", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\n[alloc]\n'{f}' = '" + "9" * 5_000 + "'", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nwindow = 59", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nwindow = 86401", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nrules = 0", "GENESIS_INVALID"),
        ("time = 1\nfounders = ['{f}']\nrules = 1", "RULES_MISMATCH"),
        ("time = 1\nfounders = ['{f}']\nrules = 3", "RULES_MISMATCH"),
        ("time = 1\nfounders = ['{f}']", "RULES_MISMATCH"),
        ("time = 1\nfounders = ['0x12']", "ADDRESS_INVALID"),
        ("time = 1\nfounders = [12]", "ADDRESS_INVALID"),
        ("time = 1\nfounders = ['0x71c7656EC7ab88b098defB751B7401B5f6d8976F']", "ADDRESS_INVALID"),
    ],
)
def test_genesis_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "genesis.toml"
    path.write_text(text.replace("{f}", FOUNDER.address))
    with pytest.raises(ConfigError, match=code):
        load_genesis(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"CONFIG_INVALID.*cannot be read"):
        load_config(tmp_path)
    with pytest.raises(ConfigError, match=r"GENESIS_INVALID.*cannot be read"):
        load_genesis(tmp_path)


def test_genesis_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="GENESIS_MISSING"):
        load_genesis(tmp_path / "genesis.toml")


def test_a_chain_of_other_rules_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A genesis file from before the rules had a number belongs to rules 1."""
    path = tmp_path / "genesis.toml"
    path.write_text(f"time = 1\nfounders = ['{FOUNDER.address}']")
    with pytest.raises(ConfigError) as caught:
        load_genesis(path)
    assert "begun under rules 1" in caught.value.message
    assert "start the software of rules 1" in caught.value.hint
    path.write_text(f"rules = 2\n{path.read_text()}")
    assert load_genesis(path).window == 3_600


def test_founders_chain_id_and_window_are_part_of_block_zero() -> None:
    roots = {
        born.header(bytes(32)).hash
        for born in (
            genesis(),
            Genesis((raw(FOUNDER),), genesis().time),
            Genesis(genesis().founders, genesis().time, 5),
            Genesis(genesis().founders, genesis().time, window=60),
        )
    }
    assert len(roots) == 4


def test_extra_data_fits_what_clients_accept() -> None:
    assert len(genesis().header(bytes(32)).extra_data) <= 32
