"""Requests for every method: arguments made for the parsers of its row, then bent, then torn as text."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from node.rpc.methods import METHODS

SUBSCRIBING = ("eth_subscribe", "eth_unsubscribe")
NAMES = (*sorted(METHODS), *SUBSCRIBING)
TAGS = ["latest", "pending", "safe", "finalized", "earliest"]
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**53, 2**64, 2**256, 1e308, "", "0x", "0x0", "0x00", "0x1", "0xg", "0X1", "0x-1",
    "latest", "pending", "\x00", "\ud800", "\U0001f600", "ſ", "٣", "0x" + "f" * 64, "0x" + "f" * 65, "0x" + "00" * 20,
    "0x" + "ff" * 32, [], {}, [[]], [{}], {"": None}, [None] * 200, "a" * 5_000, "0x" + "ab" * 40_000,
]  # fmt: skip
KEYS = [
    "from", "to", "data", "input", "gas", "value", "nonce", "gasPrice", "maxFeePerGas", "accessList", "chainId", "type",
    "authorizationList", "blobVersionedHashes", "address", "topics", "fromBlock", "toBlock", "blockHash", "blockNumber",
    "tracer", "tracerConfig", "timeout", "limit", "stateOverrides", "blockOverrides", "blockStateCalls", "calls",
    "validation", "traceTransfers", "balance", "code", "state", "stateDiff", "movePrecompileToAddress", "number",
    "time", "gasLimit", "withdrawals", "baseFeePerGas", "requireCanonical", "enableMemory", "returnFullTransactions",
]  # fmt: skip
TORN = ["NaN", "Infinity", "1e999", "-0", '"\\ud800"', "9" * 400, "[" * 300, "{" * 50, '"a":', ",", "\x00", "\\u0000"]


class Grammar:
    """Makes requests; `addresses` and `hashes` are such as the chain knows."""

    def __init__(self, random: Random, addresses: list[str], hashes: list[str]) -> None:
        self._random, self._addresses, self._hashes = random, addresses, hashes
        makers: dict[str, Callable[[], Any]] = {
            "address": self._address, "hash32": self._hash, "block": self._block, "call": self._call,
            "quantity": self._quantity, "count": self._quantity, "slot": self._quantity, "log_filter": self._filter,
            "options": self._options, "call_options": self._options, "accounts": self._accounts, "flag": self._flag,
            "percentiles": lambda: sorted(self._random.sample(range(101), 3)), "data": self._data,
        }  # fmt: skip
        self._makers = makers

    def request(self) -> dict[str, Any]:
        """A request whose form is right or a little wrong."""
        random = self._random
        name = random.choice(NAMES)
        params = self._params(name)
        for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
            params = self._bent(params)
        request: dict[str, Any] = {"jsonrpc": "2.0", "id": random.choice((1, 1, "x", None, 1.5)), "method": name}
        request["params"] = params
        if random.random() < 0.05:
            request = self._bent(request)
        return request

    def text(self, value: object) -> bytes:
        """As JSON, sometimes torn: tokens that are none, duplicate keys, cuts, wrong bytes."""
        text = json.dumps(value)
        random = self._random
        if random.random() < 0.15:
            at = random.randrange(len(text) + 1)
            text = text[:at] + random.choice(TORN) + text[at:]
        if random.random() < 0.03:
            text = text.replace("{", '{"params":[],"method":"eth_chainId","id":2,', 1)
        raw = text.encode()
        if random.random() < 0.05:
            raw = raw[: random.randrange(len(raw) + 1)]
        if random.random() < 0.05 and raw:
            at = random.randrange(len(raw))
            raw = raw[:at] + random.randbytes(random.choice((1, 2, 8))) + raw[at + 1 :]
        return raw

    def _params(self, name: str) -> Any:
        if name == "eth_subscribe":
            return [self._random.choice(["newHeads", "logs", "newPendingTransactions", "syncing"]), self._filter()]
        if name == "eth_unsubscribe":
            return [self._quantity()]
        return [self._makers.get(getattr(p, "__name__", ""), self._anything)() for p in METHODS[name].parsers]

    def _bent(self, value: Any) -> Any:
        """One place of it is another than it was."""
        random = self._random
        if isinstance(value, list) and value and random.random() < 0.8:
            at = random.randrange(len(value))
            return [*value[:at], self._bent(value[at]), *value[at + 1 :]]
        if isinstance(value, dict) and value and random.random() < 0.8:
            if random.random() < 0.3:
                return value | {random.choice(KEYS): self._anything()}
            key = random.choice(list(value))
            return value | {key: self._bent(value[key])}
        if isinstance(value, list) and random.random() < 0.3:
            return [*value, self._anything()]
        return self._anything()

    def _anything(self, depth: int = 0) -> Any:
        random = self._random
        kind = random.randrange(10)
        if kind < 4 or depth > 3:
            return random.choice(ODD)
        if kind == 4:
            return [self._anything(depth + 1) for _ in range(random.randrange(4))]
        if kind == 5:
            return {random.choice(KEYS): self._anything(depth + 1) for _ in range(random.randrange(5))}
        makers = (self._address, self._hash, self._block, self._quantity, self._call, self._filter, self._options)
        return random.choice(makers)()

    def _flag(self) -> bool:
        return self._random.random() < 0.5

    def _address(self) -> str:
        return self._random.choice([*self._addresses, "0x" + f"{self._random.randrange(24):040x}"])

    def _hash(self) -> str:
        return self._random.choice([*self._hashes, "0x" + self._random.randbytes(32).hex()])

    def _data(self) -> str:
        return "0x" + self._random.randbytes(self._random.choice((0, 1, 4, 36, 68, 300))).hex()

    def _quantity(self) -> str:
        return hex(self._random.choice((0, 1, 2, 255, 30_000_000, 2**63, 2**64 - 1, 2**64, 2**255, 2**256 - 1)))

    def _block(self) -> Any:
        form = self._random.randrange(4)
        if form == 0:
            return self._random.choice(TAGS)
        if form == 1:
            return hex(self._random.randrange(12))
        return {"blockHash": self._hash()} if form == 2 else self._hash()

    def _call(self) -> dict[str, Any]:
        made = {"from": self._address(), "to": self._address(), "data": self._data(), "value": self._quantity()}
        made |= {"gas": self._quantity(), "accessList": [{"address": self._address(), "storageKeys": [self._hash()]}]}
        return {key: item for key, item in made.items() if self._random.random() < 0.6}

    def _filter(self) -> dict[str, Any]:
        made = {"fromBlock": self._block(), "toBlock": self._block(), "address": [self._address()]}
        made["topics"] = [self._random.choice([None, self._hash(), [self._hash(), None]])]
        return {key: item for key, item in made.items() if self._random.random() < 0.7}

    def _options(self) -> dict[str, Any]:
        tracer = self._random.choice(["callTracer", "prestateTracer", "", "noTracer", 7])
        made: dict[str, Any] = {"tracer": tracer, "timeout": self._random.choice(["1s", "9h", "1ns", "x"])}
        made |= {"enableMemory": self._flag(), "limit": self._random.choice((0, 3, -1, "0x5"))}
        made |= {"tracerConfig": {"withLog": True, "diffMode": self._flag()}, "stateOverrides": self._accounts()}
        return {key: item for key, item in made.items() if self._random.random() < 0.5}

    def _accounts(self) -> dict[str, Any]:
        entry = {"balance": self._quantity(), "nonce": self._quantity(), "code": self._data()}
        entry |= {"stateDiff": {self._hash(): self._hash()}, "movePrecompileToAddress": self._address()}
        return {self._address(): {key: item for key, item in entry.items() if self._random.random() < 0.5}}
