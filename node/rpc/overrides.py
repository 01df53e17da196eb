"""Parsing what a caller pretends: `stateOverrides` and `blockOverrides`, as eth_call, eth_estimateGas,
eth_simulateV1 and debug_traceCall take them. What we do not know is ignored, as geth does."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from node.blocks import Withdrawal
from node.overrides import AccountOverride, BlockOverride
from node.rpc import parameters as parse
from node.rpc.errors import Code, RpcError

T = TypeVar("T")
NONCE_BITS, GAS_BITS, TIME_BITS = 64, 64, 63


def accounts(value: object) -> dict[bytes, AccountOverride]:
    """`stateOverrides`: accounts by address. Raises RpcError."""
    found: dict[bytes, AccountOverride] = {}
    for name, entry in table(value, "stateOverrides").items():
        where = f"stateOverrides[{name[:44]}]"
        address = at(where, parse.address, name)
        if address in found:
            raise wrong(f"{where}: this account is overridden twice")
        found[address] = _account(table(entry, where), where)
    return found


def block(value: object) -> BlockOverride:
    """`blockOverrides`. Raises RpcError."""
    given = table(value, "blockOverrides")

    def read(names: str, parser: Callable[[Any], T]) -> T | None:
        return _first(given, names.split(), "blockOverrides", parser)

    return BlockOverride(
        number=read("number", parse.quantity),
        time=read("time", bits(TIME_BITS)),
        gas_limit=read("gasLimit", bits(GAS_BITS)),
        fee_recipient=read("feeRecipient coinbase", parse.address),
        prev_randao=read("prevRandao random", parse.hash32),
        difficulty=read("difficulty", parse.quantity),
        base_fee=read("baseFeePerGas baseFee", parse.quantity),
        blob_base_fee=read("blobBaseFee", parse.quantity),
        beacon_root=read("beaconRoot", parse.hash32),
        withdrawals=read("withdrawals", withdrawals),
    )


def bits(most: int) -> Callable[[object], int]:
    """A quantity of so many bits."""

    def parser(value: object) -> int:
        number = parse.quantity(value)
        if number >> most:
            raise ValueError(f"more than {most} bits")
        return number

    return parser


def table(value: object, where: str) -> dict[str, Any]:
    """An object; null is an empty one. Raises RpcError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise wrong(f"{where} must be an object")
    return value


def at(where: str, parser: Callable[[Any], T], value: object) -> T:
    """Parse, and say where it went wrong. Raises RpcError."""
    try:
        return parser(value)
    except ValueError as error:
        raise wrong(f"{where}: {error}") from error


def wrong(message: str) -> RpcError:
    """-32602."""
    return RpcError(Code.INVALID_PARAMS, message)


def _first(given: Mapping[str, Any], names: list[str], where: str, parser: Callable[[Any], T]) -> T | None:
    """What stands under the first of some names, of which the later ones are older."""
    for name in names:
        if given.get(name) is not None:
            return at(f"{where}.{name}", parser, given[name])
    return None


def _account(entry: dict[str, Any], where: str) -> AccountOverride:
    def read(name: str, parser: Callable[[Any], T]) -> T | None:
        return _first(entry, [name], where, parser)

    state, difference = read("state", _storage), read("stateDiff", _storage)
    if state is not None and difference is not None:
        raise wrong(f"{where} has both 'state' and 'stateDiff'")
    return AccountOverride(
        nonce=read("nonce", bits(NONCE_BITS)),
        balance=read("balance", parse.quantity),
        code=read("code", parse.data),
        state=state,
        state_diff=difference,
        precompile_to=read("movePrecompileToAddress", parse.address),
    )


def _storage(value: object) -> dict[int, int]:
    if not isinstance(value, dict):
        raise ValueError("an object of slots and values expected")
    return {parse.slot(slot): parse.slot(held) for slot, held in value.items()}


def withdrawals(value: object) -> tuple[Withdrawal, ...]:
    """Raises ValueError."""
    if not isinstance(value, list) or any(not isinstance(entry, dict) for entry in value):
        raise ValueError("a list of withdrawals expected")
    return tuple(
        Withdrawal(
            index=bits(64)(entry.get("index")),
            validator=bits(64)(entry.get("validatorIndex")),
            address=parse.address(entry.get("address")),
            amount=bits(64)(entry.get("amount")),
        )
        for entry in value
    )
