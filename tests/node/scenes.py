"""Contracts in plain opcodes for what watches or attacks an execution, and a scene that does everything at once."""

from dataclasses import dataclass, field

from eth.vm import opcode_values

from node.transactions import created_address
from tests.node.support import FOUNDER, council_creation, raw, sign

_VALUES = {name: value for name, value in vars(opcode_values).items() if name.isupper()} | {"PUSH0": 0x5F}


def assembled(text: str) -> bytes:
    """Opcodes by name and numbers to push, divided by spaces; `=ff00` is bytes as they are."""
    code = b""
    for word in text.split():
        if word.startswith("="):
            code += bytes.fromhex(word[1:])
        elif word[0].isdigit():
            number = int(word, 0)
            size = max(1, (len(word) - 2) // 2 if word.startswith("0x") else (number.bit_length() + 7) // 8)
            code += bytes([0x5F + size]) + number.to_bytes(size, "big")
        else:
            code += bytes([_VALUES[word]])
    return code


def deploying(code: bytes) -> bytes:
    """Initcode that returns `code`."""
    head = assembled(f"0x{len(code):04x} DUP1 12 0 CODECOPY 0 RETURN")
    assert len(head) == 12
    return head + code


def at(address: bytes) -> str:
    """An address as a word of assembly."""
    return f"0x{address.hex()}"


STORES = "7 0 SLOAD POP 0 SSTORE 42 0 MSTORE 0xaa 32 0 LOG1 32 0 RETURN"
READS = "0 SLOAD 0 MSTORE 32 0 RETURN"
REVERTS = (
    "0x08c379a000000000000000000000000000000000000000000000000000000000 0 MSTORE 32 4 MSTORE 4 36 MSTORE "
    "0x6e6f706500000000000000000000000000000000000000000000000000000000 68 MSTORE 1 1 SSTORE 5 0 0 LOG1 100 0 REVERT"
)
LOOPS = "JUMPDEST 0 JUMP"
INVALID = "1 2 =fe"
UNDERFLOWS = "1 ADD"
JUMPS_WRONG = "3 JUMP"
SUICIDAL = "CALLER SELFDESTRUCT"
WRITES = "1 0 SSTORE"
DEEPENS = "32 0 0 0 0 ADDRESS GAS CALL 1 0 0 LOG1"
"""Calls itself until the gas is gone."""


@dataclass
class Scene:
    """Transactions in order, and where their contracts came to be."""

    transactions: list[bytes] = field(default_factory=lambda: [council_creation()])
    nonce: int = 1

    def deploy(self, code: str | bytes, value: int = 0) -> bytes:
        """Add a deployment; returns the address."""
        body = assembled(code) if isinstance(code, str) else code
        self.transactions.append(sign(FOUNDER, self.nonce, None, data=deploying(body), gas=3_000_000, value=value))
        self.nonce += 1
        return created_address(raw(FOUNDER), self.nonce - 1)

    def send(self, to: bytes | None, data: bytes = b"", gas: int = 1_000_000, value: int = 0) -> bytes:
        """Add a call or a creation; returns the transaction."""
        made = sign(FOUNDER, self.nonce, to, data=data, gas=gas, value=value)
        self.transactions.append(made)
        self.nonce += 1
        return made


def calling(to: bytes, gas: int = 100_000, value: int = 0) -> str:
    """CALL without data or result."""
    return f"0 0 0 0 {value} {at(to)} {gas} CALL POP"


def everything() -> Scene:
    """The last transaction meets calls of all kinds, failures of all kinds, creations, logs, refunds."""
    scene = Scene()
    stores, reads, reverts = scene.deploy(STORES), scene.deploy(READS), scene.deploy(REVERTS)
    loops, invalid, suicidal = scene.deploy(LOOPS), scene.deploy(INVALID), scene.deploy(SUICIDAL)
    underflows, jumps, writes = scene.deploy(UNDERFLOWS), scene.deploy(JUMPS_WRONG), scene.deploy(WRITES)
    both = scene.deploy(f"{calling(stores)} {calling(reverts)} 0 0 REVERT")
    quiet = "0 0 0 0"
    small, bad = deploying(b"\x60\x01"), assembled("0xef 0 MSTORE8 1 0 RETURN")
    assert len(small) <= 32
    scene.deploy(
        " ".join(
            [
                "7 0 MSTORE 32 32 32 0 0 4 50000 CALL POP",
                "32 64 32 0 2 50000 STATICCALL POP",
                f"32 96 0 0 {at(reads)} 50000 STATICCALL POP",
                f"32 0 0 0 0 {at(stores)} 60000 CALL POP",
                f"{quiet} {at(stores)} 60000 DELEGATECALL POP",
                f"{quiet} 0 {at(stores)} 60000 CALLCODE POP",
                f"0 64 0 0 0 {at(reverts)} 60000 CALL POP RETURNDATASIZE POP",
                calling(loops, 5_000),
                calling(invalid, 5_000),
                calling(underflows, 5_000),
                calling(jumps, 5_000),
                f"{quiet} {at(writes)} 30000 STATICCALL POP",
                calling(both, 200_000),
                f"0x{small.hex()} 0 MSTORE {len(small)} {32 - len(small)} 0 CREATE POP",
                f"9 {len(small)} {32 - len(small)} 0 CREATE2 POP",
                "0x60006000fd 0 MSTORE 5 27 0 CREATE POP",
                calling(suicidal, 50_000),
                f"{quiet} 1000000000000000000 {at(reads)} 50000 CALL POP",
                calling(b"\x11" * 20, 50_000),
                "1 5 SSTORE 0 5 SSTORE 0 6 SSTORE",
                f"0x{bad.hex()} 0 MSTORE {len(bad)} {32 - len(bad)} 0 CREATE POP",
                "0x77 0x88 32 0 LOG2 0 0 RETURN",
            ]
        )
    )
    scene.send(created_address(raw(FOUNDER), scene.nonce - 1), gas=3_000_000)
    return scene
