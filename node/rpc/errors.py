"""JSON-RPC errors: one table of codes, and how the node's own errors map onto it."""

from enum import IntEnum
from typing import Any

from node.errors import PERMISSION_CODES, CallReverted, NodeError, TraceLimit, TransactionRefused


class Code(IntEnum):
    """Codes of JSON-RPC 2.0, EIP-1474, eth_simulateV1 and common use among nodes."""

    EXECUTION_REVERTED = 3
    PRUNED = 4444
    PARSE = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    SERVER = -32000
    RESOURCE_NOT_FOUND = -32001
    TRANSACTION_REJECTED = -32003
    LIMIT_EXCEEDED = -32005
    UNAUTHORIZED = -40100
    VM_ERROR = -32015
    TIMEOUT = -32016
    SIMULATED_NONCE_TOO_LOW = -38010
    SIMULATED_NONCE_TOO_HIGH = -38011
    SIMULATED_FEE_TOO_LOW = -38012
    SIMULATED_INTRINSIC_GAS = -38013
    SIMULATED_FUNDS = -38014
    SIMULATED_BLOCK_GAS = -38015
    SIMULATED_NUMBER_ORDER = -38020
    SIMULATED_TIME_ORDER = -38021
    SIMULATED_INITCODE = -38025
    SIMULATED_LIMIT = -38026


PRUNED_CODES = frozenset({"STATE_PRUNED", "HISTORY_PRUNED"})
"""Errors of the store for what it no longer has."""


class RpcError(Exception):
    """An error answer. `data` is anything JSON can hold."""

    def __init__(self, code: Code, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.data = code, message, data

    def body(self) -> dict[str, Any]:
        """The error object."""
        body: dict[str, Any] = {"code": int(self.code), "message": self.message}
        return body if self.data is None else body | {"data": self.data}


def rpc_error(error: NodeError) -> RpcError:
    """The answer for an error of the node: geth's words where there are any, our code in `data`."""
    if isinstance(error, CallReverted):
        return RpcError(Code.EXECUTION_REVERTED, error.message, "0x" + error.data.hex())
    message = error.message + (f" ({error.hint})" if error.hint else "")
    if isinstance(error, TransactionRefused) and error.refused in PERMISSION_CODES:
        return RpcError(Code.TRANSACTION_REJECTED, message, {"code": error.code})
    if error.code in PRUNED_CODES:
        return RpcError(Code.PRUNED, "pruned history unavailable", {"code": error.code, "message": message})
    code = Code.LIMIT_EXCEEDED if isinstance(error, TraceLimit) else Code.SERVER
    return RpcError(code, message, {"code": error.code})


def answer_too_large(limit: int) -> RpcError:
    """The answer (of a whole batch together) would be larger than one may be."""
    return RpcError(
        Code.LIMIT_EXCEEDED, f"the answer exceeds {limit} bytes; ask for less at once", {"code": "ANSWER_TOO_LARGE"}
    )
