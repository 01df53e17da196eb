"""The vendor GATT profile of a smart shoe: UUIDs, operations on the control point, their answers.

    Identity  read                     see `statements.ShoeIdentity`
    State     read, notify             see `statements.ShoeState`
    Control   write, indicate          operation u8 ‖ operand; answered by 10 ‖ operation ‖ result
    Records   notify                   one signed minute, 160 bytes
    Proof     notify                   see `statements.ShoeProof`

    01 PULL   first u32, last u32      records follow in order, then the indication 11 ‖ last sent u32
    02 ACK    sequence u32             everything up to here may be overwritten
    03 STOP                            end the current pull
    04 PROVE  nonce 32s                the proof follows
    05 WIPE   nonce 32s                erase the log; the proof that it was done follows

All values ask for an encrypted link. The base UUID is random (version 4).
"""

import struct
from enum import IntEnum

from protocol.minutes import SIGNED_SIZE

SERVICE = "7d3f0001-5a1e-4c57-9b0e-5d0e5b1c0a01"
IDENTITY = "7d3f0002-5a1e-4c57-9b0e-5d0e5b1c0a01"
STATE = "7d3f0003-5a1e-4c57-9b0e-5d0e5b1c0a01"
CONTROL = "7d3f0004-5a1e-4c57-9b0e-5d0e5b1c0a01"
RECORDS = "7d3f0005-5a1e-4c57-9b0e-5d0e5b1c0a01"
PROOF = "7d3f0006-5a1e-4c57-9b0e-5d0e5b1c0a01"

MTU_REQUIRED = SIGNED_SIZE + 3
"""A notification carries 3 bytes of ATT header; records are never split."""
ANSWER = 0x10
PULL_ENDED = 0x11


class Operation(IntEnum):
    """What may be written to the control point."""

    PULL = 1
    ACK = 2
    STOP = 3
    PROVE = 4
    WIPE = 5


class Result(IntEnum):
    """How a shoe answers an operation."""

    OK = 1
    UNKNOWN = 2
    OPERAND = 3
    FAILED = 4
    NOT_ALLOWED = 5
    RANGE_NOT_HELD = 6


def pull_request(first: int, last: int) -> bytes:
    """PULL the records first..last, both included."""
    return struct.pack("<BII", Operation.PULL, first, last)


def acknowledgement(sequence: int) -> bytes:
    """ACK everything up to this sequence."""
    return struct.pack("<BI", Operation.ACK, sequence)


def answer(operation: int, result: Result) -> bytes:
    """The indication that answers an operation."""
    return bytes((ANSWER, operation, result))


def pull_ended(last_sent: int) -> bytes:
    """The indication that ends a pull; 0 where nothing was sent."""
    return struct.pack("<BI", PULL_ENDED, last_sent)
