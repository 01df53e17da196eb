"""Errors of the node.

NodeError                 something an operator can act on
├── ConfigError           a setting or the genesis file is wrong
├── StoreError            the data directory cannot be used
├── CallFailed            a read-only execution could not run
│   └── CallReverted      the contract said no; carries its data
├── TraceLimit            a trace would take too much
├── ExecutionBroke        a transaction met a defect; carries it
└── TransactionRefused    a transaction the rules do not let in; `code` is one of `Refused`
"""

from enum import StrEnum

from protocol.errors import TideprintError


class NodeError(TideprintError):
    """The root of the node's errors."""


class ConfigError(NodeError):
    """A setting or the genesis file is wrong."""


class StoreError(NodeError):
    """The data directory cannot be used."""


class CallFailed(NodeError):
    """A call or an estimate could not run to its end."""


class CallReverted(CallFailed):
    """The contract reverted; `data` is what it returned, `reason` its text where it gave one."""

    def __init__(self, data: bytes, reason: str) -> None:
        super().__init__("EXECUTION_REVERTED", "execution reverted" + (f": {reason}" if reason else ""))
        self.data = data
        self.reason = reason


class TraceLimit(NodeError):
    """A trace would take more bytes, steps or time than one may."""


class ExecutionBroke(NodeError):
    """Executing a transaction ended in an exception that no rule foresees; the block must be made without it."""

    def __init__(self, transaction_hash: bytes, raw: bytes, cause: Exception) -> None:
        super().__init__(
            "EXECUTION_BROKE",
            f"transaction 0x{transaction_hash.hex()} cannot be executed: {type(cause).__name__}: {cause}",
            "this is a defect, please report it with the transaction",
        )
        self.transaction_hash, self.raw = transaction_hash, raw


class Refused(StrEnum):
    """Why a transaction is refused; stable, in errors and logs alike."""

    TX_UNDECODABLE = "TX_UNDECODABLE"
    TX_TYPE_UNSUPPORTED = "TX_TYPE_UNSUPPORTED"
    TX_INVALID = "TX_INVALID"
    TX_TOO_LARGE = "TX_TOO_LARGE"
    CHAIN_ID_WRONG = "CHAIN_ID_WRONG"
    GAS_OVER_BLOCK_LIMIT = "GAS_OVER_BLOCK_LIMIT"
    GAS_OVER_OPEN_LIMIT = "GAS_OVER_OPEN_LIMIT"
    INTRINSIC_GAS = "INTRINSIC_GAS"
    INITCODE_TOO_LARGE = "INITCODE_TOO_LARGE"
    TIP_ABOVE_CAP = "TIP_ABOVE_CAP"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    PRECOMPILE_CLOSED = "PRECOMPILE_CLOSED"
    SENDER_HAS_CODE = "SENDER_HAS_CODE"
    NONCE_TOO_LOW = "NONCE_TOO_LOW"
    NONCE_TOO_HIGH = "NONCE_TOO_HIGH"
    ALREADY_KNOWN = "ALREADY_KNOWN"
    REPLACEMENT_UNDERPRICED = "REPLACEMENT_UNDERPRICED"
    POOL_FULL = "POOL_FULL"
    BLOCK_GAS_EXCEEDED = "BLOCK_GAS_EXCEEDED"
    DEPLOY_FORBIDDEN = "DEPLOY_FORBIDDEN"
    SEND_FORBIDDEN = "SEND_FORBIDDEN"
    ALLOWANCE_SPENT = "ALLOWANCE_SPENT"
    COUNCIL_FIRST = "COUNCIL_FIRST"


PERMISSION_CODES = frozenset(
    {Refused.DEPLOY_FORBIDDEN, Refused.SEND_FORBIDDEN, Refused.ALLOWANCE_SPENT, Refused.COUNCIL_FIRST}
)
"""Refusals that come from the permission rules, not from the transaction itself."""


class TransactionRefused(NodeError):
    """A transaction the rules do not let in."""

    def __init__(self, code: Refused, message: str, hint: str = "") -> None:
        super().__init__(code.value, message, hint)
        self.refused = code
