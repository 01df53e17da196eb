"""Parsing what a caller sent; everything wrong is -32602 with the position of the argument."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from node.execution import CallRequest
from node.reader import LogQuery, log_query
from node.rpc.errors import Code, RpcError
from node.transactions import AccessList, Authorization

Parser = Callable[[Any], Any]
MOST_PERCENTILES = 100
MOST_SLOTS = 1_024
MOST_WANTED = 1_000
"""Addresses and topics of a log query: filters and subscriptions keep them."""
TAGS = {"latest", "pending", "safe", "finalized", "earliest"}
_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})")


@dataclass(frozen=True, slots=True)
class BlockChoice:
    """A block as a caller names it: a tag, a height or a hash."""

    tag: str = ""
    number: int | None = None
    hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A log query with its range; one block by hash, or two choices."""

    query: LogQuery
    block_hash: bytes | None
    first: BlockChoice
    last: BlockChoice


LATEST = BlockChoice("latest")


class _Wrong(ValueError):
    """What is wrong with an argument."""


def quantity(value: object) -> int:
    """0x-prefixed, no leading zeros."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _Wrong(f"hex quantity expected, got {_short(value)}")
    return int(value, 16)


def data(value: object) -> bytes:
    """0x-prefixed bytes."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise _Wrong(f"hex data expected, got {_short(value)}")
    try:
        parsed = bytes.fromhex(value[2:])
    except ValueError as error:
        raise _Wrong(f"hex data expected, got {_short(value)}") from error
    if 2 + 2 * len(parsed) != len(value):
        raise _Wrong(f"hex data expected, got {_short(value)}")
    return parsed


def sized(length: int) -> Callable[[object], bytes]:
    """Bytes of one length."""

    def parse(value: object) -> bytes:
        parsed = data(value)
        if len(parsed) != length:
            raise _Wrong(f"{length} bytes expected, got {len(parsed)}")
        return parsed

    return parse


def data_list(value: object) -> list[bytes]:
    """A list of 0x-prefixed bytes."""
    if not isinstance(value, list):
        raise _Wrong(f"a list of data expected, got {_short(value)}")
    return [data(item) for item in value]


address = sized(20)
hash32 = sized(32)


def slot(value: object) -> int:
    """A storage slot: quantity or up to 32 bytes, leading zeros allowed."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise _Wrong(f"storage slot expected, got {_short(value)}")
    return int(value, 16)


def flag(value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise _Wrong(f"boolean expected, got {_short(value)}")
    return value


def percentiles(value: object) -> list[float]:
    """At most 100 numbers from 0 to 100, rising."""
    if not isinstance(value, list) or any(isinstance(n, bool) or not isinstance(n, int | float) for n in value):
        raise _Wrong("a list of numbers expected")
    if len(value) > MOST_PERCENTILES:
        raise _Wrong(f"invalid reward percentile: more than {MOST_PERCENTILES}")
    if any(not 0 <= n <= 100 for n in value) or any(after <= n for n, after in pairwise(value)):
        raise _Wrong("invalid reward percentile: from 0 to 100 and rising")
    return value


def count(value: object) -> int:
    """A quantity, or a plain number as some clients send."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else quantity(value)


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise _Wrong(f"string expected, got {_short(value)}")
    return value


def anything(value: object) -> object:
    """Whatever it is."""
    return value


def block(value: object) -> BlockChoice:
    """A tag, a height, a hash, or the object form of EIP-1898."""
    if isinstance(value, dict):
        if "blockHash" in value:
            return BlockChoice(hash=hash32(value["blockHash"]))
        return BlockChoice(number=quantity(value.get("blockNumber")))
    if isinstance(value, str) and value in TAGS:
        return BlockChoice(value)
    if isinstance(value, str) and len(value) == 66:
        return BlockChoice(hash=hash32(value))
    return BlockChoice(number=quantity(value))


def call(value: object) -> CallRequest:
    """A call object. `nonce`, `chainId` and `type` are read for their form only."""
    if not isinstance(value, dict):
        raise _Wrong("a call object expected")
    fields = {key: item for key, item in value.items() if item is not None}
    for name in ("nonce", "chainId", "type"):
        if name in fields:
            quantity(fields[name])
    given, older = fields.get("input"), fields.get("data")
    if given is not None and older is not None and data(given) != data(older):
        raise _Wrong('both "data" and "input" are set and not equal')
    max_fee, tip = _fees(fields)
    return CallRequest(
        sender=address(fields["from"]) if "from" in fields else None,
        to=address(fields["to"]) if fields.get("to") not in (None, "", "0x") else b"",
        value=quantity(fields.get("value", "0x0")),
        data=data(given if given is not None else older if older is not None else "0x"),
        gas=quantity(fields["gas"]) if "gas" in fields else None,
        access_list=_access_list(fields.get("accessList", [])),
        max_fee=max_fee,
        max_priority_fee=tip,
        authorizations=_authorizations(fields.get("authorizationList", [])),
        max_blob_fee=quantity(fields.get("maxFeePerBlobGas", "0x0")),
        blob_hashes=_blob_hashes(fields.get("blobVersionedHashes", [])),
    )


def _fees(fields: dict[str, Any]) -> tuple[int, int]:
    """The two caps; a gas price is both."""
    if "gasPrice" in fields:
        if "maxFeePerGas" in fields or "maxPriorityFeePerGas" in fields:
            raise _Wrong("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
        return quantity(fields["gasPrice"]), quantity(fields["gasPrice"])
    tip = quantity(fields.get("maxPriorityFeePerGas", "0x0"))
    max_fee = quantity(fields.get("maxFeePerGas", "0x0"))
    if "maxFeePerGas" in fields and tip > max_fee:
        raise _Wrong(f"maxFeePerGas ({max_fee}) < maxPriorityFeePerGas ({tip})")
    return max_fee, tip


def _blob_hashes(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise _Wrong("blobVersionedHashes must be a list")
    return tuple(hash32(item) for item in value)


@dataclass(frozen=True, slots=True)
class StorageKey:
    """A storage slot as a caller wrote it; `shown` is how it is written back."""

    slot: int
    shown: str


def storage_keys(value: object) -> list[StorageKey]:
    """Slots to prove; one of less than 32 bytes is shown as a quantity."""
    if not isinstance(value, list) or len(value) > MOST_SLOTS:
        raise _Wrong(f"a list of at most {MOST_SLOTS} storage keys expected")
    found = [(slot(item), len(item)) for item in value]
    return [StorageKey(number, f"0x{number:064x}" if size == 66 else hex(number)) for number, size in found]


def storage_requests(value: object) -> dict[bytes, list[int]]:
    """Accounts with the slots to read."""
    if not isinstance(value, dict) or not value:
        raise _Wrong("empty request: an object of account and slots expected")
    wanted = {address(account): [key.slot for key in storage_keys(slots)] for account, slots in value.items()}
    if sum(map(len, wanted.values())) > MOST_SLOTS:
        raise _Wrong(f"more than {MOST_SLOTS} slots")
    return wanted


def log_filter(value: object) -> LogFilter:
    """A filter object for logs."""
    if not isinstance(value, dict):
        raise _Wrong("a filter object expected")
    block_hash = value.get("blockHash")
    if block_hash is not None and ("fromBlock" in value or "toBlock" in value):
        raise _Wrong("cannot specify both blockHash and fromBlock/toBlock")
    addresses = value.get("address") or []
    topics = value.get("topics") or []
    if not isinstance(topics, list) or len(topics) > 4:
        raise _Wrong("topics must be a list of at most 4")
    listed = [addresses if isinstance(addresses, list) else [addresses], *(t for t in topics if isinstance(t, list))]
    if sum(map(len, listed)) > MOST_WANTED:
        raise _Wrong(f"more than {MOST_WANTED} addresses and topics")
    return LogFilter(
        query=log_query([address(item) for item in listed[0]], [_topics(item) for item in topics]),
        block_hash=None if block_hash is None else hash32(block_hash),
        first=block(value.get("fromBlock") or "latest"),
        last=block(value.get("toBlock") or "latest"),
    )


def _topics(item: object) -> list[bytes]:
    if item is None:
        return []
    if isinstance(item, list):
        return [] if any(topic is None for topic in item) else [hash32(topic) for topic in item]
    return [hash32(item)]


def _access_list(value: object) -> AccessList:
    if not isinstance(value, list):
        raise _Wrong("accessList must be a list")
    entries = []
    for entry in value:
        keys = (entry.get("storageKeys") or []) if isinstance(entry, dict) else None
        if not isinstance(keys, list):
            raise _Wrong("an entry of accessList is an address with a list of storageKeys")
        entries.append((address(entry.get("address")), tuple(slot(key) for key in keys)))
    return tuple(entries)


def _authorizations(value: object) -> tuple[Authorization, ...]:
    """EIP-7702; r and s may have leading zeros, as libraries send them."""
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise _Wrong("authorizationList must be a list of objects")
    return tuple(
        Authorization(
            quantity(entry.get("chainId")),
            address(entry.get("address")),
            quantity(entry.get("nonce")),
            quantity(entry.get("yParity", "0x0")),
            slot(entry.get("r", "0x0")),
            slot(entry.get("s", "0x0")),
        )
        for entry in value
    )


def _short(value: object) -> str:
    shown = repr(value[:80] if isinstance(value, str) else value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def parse_all(parsers: Sequence[Parser], required: int, given: object) -> list[Any]:
    """Apply the parsers to positional arguments. Raises RpcError -32602."""
    values = [] if given is None else given
    if not isinstance(values, list):
        raise RpcError(Code.INVALID_PARAMS, "params must be a list")
    while len(values) > required and values[-1] is None:
        values = values[:-1]
    if len(values) < required:
        raise RpcError(Code.INVALID_PARAMS, f"missing value for required argument {len(values)}")
    if len(values) > len(parsers):
        raise RpcError(Code.INVALID_PARAMS, f"too many arguments, want at most {len(parsers)}")
    parsed = []
    for position, (parser, value) in enumerate(zip(parsers, values, strict=False)):
        try:
            parsed.append(parser(value))
        except _Wrong as error:
            raise RpcError(Code.INVALID_PARAMS, f"invalid argument {position}: {error}") from error
    return parsed
