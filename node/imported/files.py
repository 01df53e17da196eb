"""The two files of a foreign chain: geth's genesis.json, and blocks one after the other in RLP."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlp.codec import consume_item
from rlp.exceptions import RLPException

from node.blocks import ZERO_ADDRESS, ZERO_HASH
from node.chain_rules import ChainRules
from node.errors import ConfigError
from node.fees import BLOB_TERMS, BlobTerms
from node.forks import Fork, Schedule

_HEIGHTS = {
    "homesteadBlock": Fork.HOMESTEAD, "eip150Block": Fork.TANGERINE_WHISTLE, "eip155Block": Fork.SPURIOUS_DRAGON,
    "byzantiumBlock": Fork.BYZANTIUM, "constantinopleBlock": Fork.CONSTANTINOPLE, "petersburgBlock": Fork.PETERSBURG,
    "istanbulBlock": Fork.ISTANBUL, "muirGlacierBlock": Fork.MUIR_GLACIER, "berlinBlock": Fork.BERLIN,
    "londonBlock": Fork.LONDON, "arrowGlacierBlock": Fork.ARROW_GLACIER, "grayGlacierBlock": Fork.GRAY_GLACIER,
    "mergeNetsplitBlock": Fork.PARIS,
}  # fmt: skip
_TIMES = {"shanghaiTime": Fork.SHANGHAI, "cancunTime": Fork.CANCUN, "pragueTime": Fork.PRAGUE}
_BEYOND = ("osakaTime", "bpo1Time", "amsterdamTime", "verkleTime")


@dataclass(frozen=True, slots=True)
class ForeignAccount:
    """An account of block 0: balance in wei, storage by slot."""

    nonce: int
    balance: int
    code: bytes
    storage: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ForeignGenesis:
    """Block 0 of a foreign chain and its rules. Times in UTC seconds."""

    rules: ChainRules
    time: int
    gas_limit: int
    difficulty: int
    nonce: bytes
    proposer: bytes
    mix_hash: bytes
    extra_data: bytes
    base_fee: int | None
    alloc: Mapping[bytes, ForeignAccount]


def read_genesis(path: Path) -> ForeignGenesis:
    """Raises ConfigError FOREIGN_GENESIS_INVALID."""
    try:
        table = json.loads(path.read_text())
        return _genesis(table)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            "FOREIGN_GENESIS_INVALID",
            f"{path} is no genesis that this node can follow: {type(error).__name__}: {error}",
            "give a geth-style genesis.json with forks up to Prague",
        ) from error


def read_blocks(path: Path) -> Iterator[bytes]:
    """The RLP of each block in a file. Raises ConfigError FOREIGN_CHAIN_INVALID."""
    try:
        raw, at = path.read_bytes(), 0
        while at < len(raw):
            _, _, end = consume_item(raw, at)
            yield raw[at:end]
            at = end
    except (OSError, RLPException, IndexError) as error:
        raise ConfigError(
            "FOREIGN_CHAIN_INVALID", f"{path} holds no chain: {error}", "give a file of blocks in RLP"
        ) from error


def _genesis(table: dict[str, Any]) -> ForeignGenesis:
    config = table["config"]
    for name, terms in config.get("blobSchedule", {}).items():
        _check_blobs(_TIMES.get(f"{name}Time"), terms)
    base_fee = table.get("baseFeePerGas")
    return ForeignGenesis(
        rules=ChainRules(
            _number(config["chainId"]),
            _schedule(config),
            native=False,
            deposit_contract=_bytes(config.get("depositContractAddress"), ZERO_ADDRESS),
        ),
        time=_number(table.get("timestamp", 0)),
        gas_limit=_number(table["gasLimit"]),
        difficulty=_number(table.get("difficulty", 0)),
        nonce=_number(table.get("nonce", 0)).to_bytes(8, "big"),
        proposer=_bytes(table.get("coinbase"), ZERO_ADDRESS),
        mix_hash=_bytes(table.get("mixHash"), ZERO_HASH),
        extra_data=_bytes(table.get("extraData"), b""),
        base_fee=None if base_fee is None else _number(base_fee),
        alloc={_address(name): _account(entry) for name, entry in table["alloc"].items()},
    )


def _check_blobs(fork: Fork | None, terms: dict[str, Any]) -> None:
    known = None if fork is None else BLOB_TERMS.get(fork)
    given = BlobTerms(_number(terms["target"]), _number(terms["max"]), _number(terms["baseFeeUpdateFraction"]))
    if known is not None and known != given:
        raise ValueError("its blob schedule is not that of the protocol")


def _schedule(config: dict[str, Any]) -> Schedule:
    later = [name for name in _BEYOND if config.get(name) is not None]
    if later:
        raise ValueError(f"{later[0]} is beyond Prague")
    heights = [(_number(config[name]), fork) for name, fork in _HEIGHTS.items() if config.get(name) is not None]
    if config.get("terminalTotalDifficulty") == 0:
        heights.append((0, Fork.PARIS))
    times = [(_number(config[name]), fork) for name, fork in _TIMES.items() if config.get(name) is not None]
    return Schedule(tuple(sorted(heights)), tuple(sorted(times)))


def _account(entry: dict[str, Any]) -> ForeignAccount:
    storage = {int(slot, 16): int(value, 16) for slot, value in entry.get("storage", {}).items()}
    return ForeignAccount(
        _number(entry.get("nonce", 0)), _number(entry.get("balance", 0)), _bytes(entry.get("code"), b""), storage
    )


def _address(text: str) -> bytes:
    address = bytes.fromhex(text.removeprefix("0x"))
    if len(address) != len(ZERO_ADDRESS):
        raise ValueError(f"{text} is no address")
    return address


def _number(value: str | int) -> int:
    return value if isinstance(value, int) else int(value, 0)


def _bytes(value: str | None, absent: bytes) -> bytes:
    return absent if value is None else bytes.fromhex(value.removeprefix("0x"))
