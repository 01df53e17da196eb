"""eth_simulateV1: calls in blocks that nobody keeps."""

from dataclasses import dataclass, replace
from typing import Any

from node.errors import CallFailed
from node.reader import PlacedLog
from node.receipts import Log
from node.rpc import formats, overrides
from node.rpc import parameters as parse
from node.rpc.context import Beside, Context, need_header
from node.rpc.errors import Code, RpcError
from node.rpc.method import Method
from node.rpc.overrides import at, bits, table, wrong
from node.rpc.parameters import LATEST, BlockChoice
from node.simulations import (
    MOST_BLOCKS,
    SIMULATION_LIMITS,
    BlockPlan,
    Outcome,
    SimulatedBlock,
    SimulatedCall,
    Simulation,
)
from node.transactions import LEGACY

SHARE = 0.9
"""Of the time that the process of a call has: what a simulation may take, so that it ends by itself."""
HEX_AND_MORE = 3
"""Bytes of an answer for each byte that calls return or log: two digits, and room for the rest."""
CODES = {
    "NONCE_TOO_LOW": Code.SIMULATED_NONCE_TOO_LOW,
    "NONCE_TOO_HIGH": Code.SIMULATED_NONCE_TOO_HIGH,
    "FEE_BELOW_BASE": Code.SIMULATED_FEE_TOO_LOW,
    "INTRINSIC_GAS": Code.SIMULATED_INTRINSIC_GAS,
    "INSUFFICIENT_FUNDS": Code.SIMULATED_FUNDS,
    "BLOCK_GAS_REACHED": Code.SIMULATED_BLOCK_GAS,
    "BLOCK_NUMBER_ORDER": Code.SIMULATED_NUMBER_ORDER,
    "BLOCK_TIME_ORDER": Code.SIMULATED_TIME_ORDER,
    "INITCODE_TOO_LARGE": Code.SIMULATED_INITCODE,
    "SIMULATION_LIMIT": Code.SIMULATED_LIMIT,
    "EXECUTION_TIMEOUT": Code.TIMEOUT,
    "TIP_ABOVE_CAP": Code.INVALID_PARAMS,
    "BLOBS_REFUSED": Code.INVALID_PARAMS,
    "CHAIN_ID_WRONG": Code.INVALID_PARAMS,
    "SIMULATION_FAILED": Code.INTERNAL,
}
"""By the code of the error; what is not here is -32000."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The first parameter: what to simulate, and whether whole transactions are shown."""

    simulation: Simulation
    full: bool


def payload(value: object) -> Payload:
    """Raises RpcError."""
    given = table(value, "the payload")
    blocks = given.get("blockStateCalls")
    if not isinstance(blocks, list) or not blocks:
        raise wrong("blockStateCalls must be a list with at least one block")
    if len(blocks) > MOST_BLOCKS:
        raise RpcError(Code.SIMULATED_LIMIT, "too many blocks")
    return Payload(
        Simulation(
            tuple(_plan(entry, f"blockStateCalls[{number}]") for number, entry in enumerate(blocks)),
            validation=_flag(given, "validation"),
            transfers=_flag(given, "traceTransfers"),
        ),
        full=_flag(given, "returnFullTransactions"),
    )


def simulate(context: Context, wanted: Payload, where: BlockChoice = LATEST) -> list[dict[str, Any]]:
    header = need_header(context.reader, where)
    allowed = replace(
        SIMULATION_LIMITS,
        output_bytes=context.limits.answer_bytes // HEX_AND_MORE,
        seconds=SHARE * context.limits.call_seconds,
    )
    try:
        blocks = context.reader.simulate(header, wanted.simulation, allowed)
    except CallFailed as error:
        raise RpcError(CODES.get(error.code, Code.SERVER), error.message) from error
    return [_block(block, wanted.full) for block in blocks]


def _plan(value: object, where: str) -> BlockPlan:
    entry = table(value, where)
    return BlockPlan(
        block=_within(where, overrides.block, entry.get("blockOverrides")),
        accounts=_within(where, overrides.accounts, entry.get("stateOverrides")),
        calls=tuple(
            _call(call, f"{where}.calls[{number}]") for number, call in enumerate(_listed(entry, "calls", where))
        ),
    )


def _call(value: object, where: str) -> SimulatedCall:
    request, fields = at(where, parse.call, value), table(value, where)
    nonce, chain_id = fields.get("nonce"), fields.get("chainId")
    return SimulatedCall(
        request=request,
        nonce=None if nonce is None else at(f"{where}.nonce", bits(overrides.NONCE_BITS), nonce),
        legacy=fields.get("gasPrice") is not None,
        chain_id=None if chain_id is None else at(f"{where}.chainId", parse.quantity, chain_id),
    )


def _listed(fields: dict[str, Any], name: str, where: str) -> list[Any]:
    found = fields.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong(f"{where}.{name} must be a list")
    return found


def _within(where: str, parser: Any, value: object) -> Any:
    try:
        return parser(value)
    except RpcError as error:
        raise wrong(f"{where}.{error.message}") from error


def _flag(given: dict[str, Any], name: str) -> bool:
    return False if given.get(name) is None else at(name, parse.flag, given[name])


def _block(simulated: SimulatedBlock, full: bool) -> dict[str, Any]:
    shown = formats.block(simulated.block, full)
    if full:
        shown["transactions"] = [_unsigned(tx) for tx in shown["transactions"]]
    calls = [_outcome(simulated, index, outcome) for index, outcome in enumerate(simulated.outcomes)]
    return shown | {"calls": calls}


def _unsigned(shown: dict[str, Any]) -> dict[str, Any]:
    """Nobody signed it."""
    return shown | {"v": "0x0"} if shown["type"] == formats.quantity(LEGACY) else shown


def _outcome(simulated: SimulatedBlock, index: int, outcome: Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "returnData": formats.data(outcome.output),
        "logs": [_log(simulated, index, number, log) for number, log in outcome.logs],
        "gasUsed": formats.quantity(outcome.gas_used),
        "maxUsedGas": formats.quantity(outcome.most_gas),
        "status": formats.quantity(int(outcome.failure is None)),
    }
    failure = outcome.failure
    if failure is None:
        return shown
    code = Code.VM_ERROR if failure.data is None else Code.EXECUTION_REVERTED
    said = {} if failure.data is None else {"data": formats.data(failure.data)}
    return shown | {"error": {"message": failure.message, "code": int(code), **said}}


def _log(simulated: SimulatedBlock, index: int, number: int, log: Log) -> dict[str, Any]:
    block = simulated.block
    return formats.log(PlacedLog(block.header, block.transactions[index].hash, index, number, log))


METHODS = {
    "eth_simulateV1": Method(simulate, (payload, parse.block), optional=1, beside=Beside.CALLS),
}
