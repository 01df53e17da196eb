"""The loop that runs code: the instructions that make up nearly all of what contracts do, in one function.

py-evm calls four to ten Python functions for each instruction. Here the frequent ones work on its stack, memory and gas
meter directly; every other instruction is py-evm's own, called with stack, gas and program counter as it would find
them. Results are the same, including how much gas is left, which the tests check against py-evm's own loop.

What follows from a code alone, its jump destinations and pushed values, is kept for the codes last used.
"""

from functools import lru_cache
from typing import Any

from eth.exceptions import FullStack, Halt, InsufficientStack, InvalidInstruction, InvalidJumpDestination, OutOfGas
from eth.vm.logic.invalid import InvalidOpcode
from eth_hash.auto import keccak

WORD = 2**256
HIGHEST = WORD - 1
STACK_LIMIT = 1024
COLD_SLOAD, WARM_SLOAD = 2_100, 100
"""EIP-2929."""
JUMPDEST, PUSH0, PUSH32, SELFDESTRUCT = 0x5B, 0x5F, 0x7F, 0xFF
WIDER = frozenset(
    {0x31, 0x32, 0x3A, 0x3B, 0x3C, 0x3F, *range(0x40, 0x4B), 0x5A, 0x5C, 0x5D, *range(0xF0, 0x100)} - {0xF3, 0xFD, 0xFE}
)
"""Instructions that ask for a balance, another account, the block, the transaction, or how much gas is left."""
Program = tuple[bytes, dict[int, tuple[int, int]], frozenset[int]]


@lru_cache(512)
def analyse(code: bytes) -> Program:
    """The code with a STOP after it; by the place after each push its value and the next place; jump destinations."""
    pushes: dict[int, tuple[int, int]] = {}
    destinations: set[int] = set()
    at, end = 0, len(code)
    while at < end:
        instruction = code[at]
        at += 1
        if PUSH0 <= instruction <= PUSH32:
            size = instruction - PUSH0
            value = int.from_bytes(code[at : at + size].ljust(size, b"\0"), "big")
            pushes[at] = (value, min(at + size, end))
            at += size
        elif instruction == JUMPDEST:
            destinations.add(at - 1)
    return code + b"\0", pushes, frozenset(destinations)


def run(computation: Any) -> None:
    """Run the code of a computation to its end. Raises VMError, as py-evm's instructions do."""
    code, pushes, destinations = analyse(computation.code._raw_code_bytes)
    opcodes, meter, stream = computation.opcodes, computation._gas_meter, computation.code
    stack, memory = computation._stack.values, computation._memory._bytes
    message, accounts = computation.msg, computation.state._account_db
    address, gas, pc = message.storage_address, meter.gas_remaining, 0
    pop, push = stack.pop, stack.append
    try:
        while True:
            op = code[pc]
            pc += 1
            if op >= 0x80:
                if op < 0x90:
                    if gas < 3:
                        raise OutOfGas("Out of gas: DUP")
                    gas -= 3
                    if len(stack) >= STACK_LIMIT:
                        raise FullStack("Stack limit reached")
                    push(stack[0x7F - op])
                    continue
                if op < 0xA0:
                    if gas < 3:
                        raise OutOfGas("Out of gas: SWAP")
                    gas -= 3
                    at = 0x8E - op
                    stack[-1], stack[at] = stack[at], stack[-1]
                    continue
            elif op >= 0x5F:
                cost = 3 if op != 0x5F else 2
                if gas < cost:
                    raise OutOfGas("Out of gas: PUSH")
                gas -= cost
                if len(stack) >= STACK_LIMIT:
                    raise FullStack("Stack limit reached")
                value, pc = pushes[pc]
                push(value)
                continue
            elif op >= 0x50:
                if op == 0x5B:
                    if gas < 1:
                        raise OutOfGas("Out of gas: JUMPDEST")
                    gas -= 1
                    continue
                if op == 0x57:
                    if gas < 10:
                        raise OutOfGas("Out of gas: JUMPI")
                    gas -= 10
                    target = pop()
                    if pop():
                        if target not in destinations:
                            raise _bad_jump(code, target)
                        pc = target
                    continue
                if op == 0x56:
                    if gas < 8:
                        raise OutOfGas("Out of gas: JUMP")
                    gas -= 8
                    pc = pop()
                    if pc not in destinations:
                        raise _bad_jump(code, pc)
                    continue
                if op == 0x50:
                    if gas < 2:
                        raise OutOfGas("Out of gas: POP")
                    gas -= 2
                    pop()
                    continue
                if op == 0x51 or op == 0x52:
                    if gas < 3:
                        raise OutOfGas("Out of gas: memory")
                    gas -= 3
                    start = pop()
                    value = pop() if op == 0x52 else 0
                    if start + 32 > len(memory):
                        gas -= _grow(computation._memory, start + 32, gas)
                        memory = computation._memory._bytes
                    if op == 0x51:
                        push(int.from_bytes(memory[start : start + 32], "big"))
                    else:
                        memory[start : start + 32] = value.to_bytes(32, "big")
                    continue
                if op == 0x54:
                    slot = pop()
                    if accounts.is_storage_warm(address, slot):
                        cost = WARM_SLOAD
                    else:
                        accounts.mark_storage_warm(address, slot)
                        cost = COLD_SLOAD
                    if gas < cost:
                        raise OutOfGas("Out of gas: SLOAD")
                    gas -= cost
                    push(accounts.get_storage(address, slot))
                    continue
            elif op >= 0x20:
                if op == 0x20:
                    start, size = pop(), pop()
                    cost = 30 + 6 * ((size + 31) // 32)
                    if gas < cost:
                        raise OutOfGas("Out of gas: KECCAK256")
                    gas -= cost
                    if size and start + size > len(memory):
                        gas -= _grow(computation._memory, start + size, gas)
                        memory = computation._memory._bytes
                    push(int.from_bytes(keccak(bytes(memory[start : start + size])), "big"))
                    continue
                if op == 0x33 or op == 0x34 or op == 0x36:
                    if gas < 2:
                        raise OutOfGas("Out of gas: message")
                    gas -= 2
                    if len(stack) >= STACK_LIMIT:
                        raise FullStack("Stack limit reached")
                    push(
                        int.from_bytes(message.sender, "big")
                        if op == 0x33
                        else message.value
                        if op == 0x34
                        else len(message.data)
                    )
                    continue
                if op == 0x35:
                    if gas < 3:
                        raise OutOfGas("Out of gas: CALLDATALOAD")
                    gas -= 3
                    start = pop()
                    word = bytes(message.data[start : start + 32])
                    push(int.from_bytes(word.ljust(32, b"\0"), "big"))
                    continue
            elif op >= 0x10:
                if op == 0x15 or op == 0x19:
                    if gas < 3:
                        raise OutOfGas("Out of gas: logic")
                    gas -= 3
                    stack[-1] = int(not stack[-1]) if op == 0x15 else HIGHEST - stack[-1]
                    continue
                if op <= 0x1C and op not in (0x12, 0x13, 0x1A):
                    if gas < 3:
                        raise OutOfGas("Out of gas: logic")
                    gas -= 3
                    left = pop()
                    right = stack[-1]
                    if op == 0x14:
                        stack[-1] = int(left == right)
                    elif op == 0x10:
                        stack[-1] = int(left < right)
                    elif op == 0x11:
                        stack[-1] = int(left > right)
                    elif op == 0x16:
                        stack[-1] = left & right
                    elif op == 0x17:
                        stack[-1] = left | right
                    elif op == 0x18:
                        stack[-1] = left ^ right
                    elif op == 0x1B:
                        stack[-1] = right << left & HIGHEST if left < 256 else 0
                    else:
                        stack[-1] = right >> left if left < 256 else 0
                    continue
            elif op == 0x01 or op == 0x03:
                if gas < 3:
                    raise OutOfGas("Out of gas: arithmetic")
                gas -= 3
                left = pop()
                stack[-1] = (left + stack[-1] if op == 0x01 else left - stack[-1]) & HIGHEST
                continue
            elif op == 0x02 or op == 0x04 or op == 0x06:
                if gas < 5:
                    raise OutOfGas("Out of gas: arithmetic")
                gas -= 5
                left = pop()
                right = stack[-1]
                if op == 0x02:
                    stack[-1] = left * right & HIGHEST
                else:
                    stack[-1] = (left // right if op == 0x04 else left % right) if right else 0
                continue
            meter.gas_remaining = gas
            stream.program_counter = pc
            _call(opcodes, op, computation)
            gas, memory = meter.gas_remaining, computation._memory._bytes
            if stack and type(stack[-1]) is bytes:
                stack[-1] = int.from_bytes(stack[-1], "big")
    except IndexError as error:
        raise InsufficientStack("Not enough items on the stack") from error
    except Halt:
        return


def _call(opcodes: Any, op: int, computation: Any) -> None:
    """One of py-evm's own instructions."""
    instruction = opcodes.get(op)
    if op in WIDER:
        computation.state.wider = True
    if op == SELFDESTRUCT:
        instruction = getattr(instruction, "__wrapped__", instruction)  # around it is only a warning to programmers
    try:
        (InvalidOpcode(op) if instruction is None else instruction)(computation=computation)
    except IndexError as error:
        raise RuntimeError(f"instruction {op:#x} failed") from error


def _grow(memory: Any, end: int, gas: int) -> int:
    """Extend memory to `end`, rounded up to words; the gas that takes. Raises OutOfGas."""
    before, after = len(memory) // 32, (end + 31) // 32
    cost = 3 * (after - before) + after * after // 512 - before * before // 512
    if cost > gas:
        raise OutOfGas(f"Out of gas: Needed {cost} - Remaining {gas} - Reason: Expanding memory")
    memory.extend(0, end)
    return cost


def _bad_jump(code: bytes, target: int) -> Exception:
    if target < len(code) - 1 and code[target] == JUMPDEST:
        return InvalidInstruction("Jump resulted in invalid instruction")
    return InvalidJumpDestination("Invalid Jump Destination")
