"""Why an execution failed, in the words that other nodes use and tools look for."""

from eth import exceptions as eth_errors

INVALID = 0xFE
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (eth_errors.Revert, "execution reverted"),
    (eth_errors.InsufficientStack, "stack underflow"),
    (eth_errors.FullStack, "stack limit reached 1024 (1023)"),
    (eth_errors.InvalidJumpDestination, "invalid jump destination"),
    (eth_errors.InsufficientFunds, "insufficient balance for transfer"),
    (eth_errors.StackDepthLimit, "max call depth exceeded"),
    (eth_errors.ContractCreationCollision, "contract address collision"),
    (eth_errors.WriteProtection, "write protection"),
    (eth_errors.OutOfBoundsRead, "return data out of bounds"),
    (eth_errors.ReservedBytesInCode, "invalid code: must not begin with 0xef"),
)
_OUT_OF_GAS = (
    ("EIP170", "max code size exceeded"),
    ("EIP-3860", "max initcode size exceeded"),
    ("Write contract code", "contract creation code storage out of gas"),
)
"""The executor has one class for all of these; its text tells them apart."""


def opcode_name(value: int) -> str:
    """What an opcode is called that does nothing but fail."""
    return "INVALID" if value == INVALID else f"opcode {value:#x} not defined"


def words(error: Exception) -> str:
    """The reason of a failure."""
    text = str(error)
    if isinstance(error, eth_errors.OutOfGas):
        return next((said for sign, said in _OUT_OF_GAS if sign in text), "out of gas")
    if isinstance(error, eth_errors.InvalidInstruction):
        return f"invalid opcode: {opcode_name(int(text.split()[2], 16))}"
    return next((said for kind, said in _WORDS if isinstance(error, kind)), text or type(error).__name__)
