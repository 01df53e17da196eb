"""What can go wrong between us and a node.

TideprintError
├── ChainError          NODE_UNREACHABLE, WRITE_TIMEOUT, DEPLOYMENT_INVALID, CHAIN_MISMATCH, ...
│   └── WriteReverted   a contract said no; `reason` is its text
└── Refusal             the contract's reason names a refusal code of the conditions
"""

from protocol.errors import Refusal, RefusalCode, TideprintError


class ChainError(TideprintError):
    """The node or the deployment does not answer as it should."""


class WriteReverted(ChainError):
    """A contract refused a write; `reason` is its text, e.g. `voucher: spent`."""

    def __init__(self, reason: str) -> None:
        super().__init__("WRITE_REVERTED", reason, "nothing was written")
        self.reason = reason


def refusal_of(reason: str) -> TideprintError:
    """The error for a contract's reason: a `Refusal` where its words are one of the codes, else `WriteReverted`."""
    word = reason.rpartition(": ")[2]
    if word in RefusalCode.__members__:
        return Refusal(RefusalCode[word], f"the contract refused: {reason}", "nothing was written")
    return WriteReverted(reason)
