"""Built-in contracts: the native ones answer, the slow ones are closed to transactions, calls and contracts."""

import hashlib
import time

import pytest

from node.errors import CallFailed
from node.evm import PyEvm
from node.execution import CallRequest
from node.overlay import Overlay
from node.precompiles import CLOSED
from tests.node.support import FOUNDER, Chain, sign

ADDRESSES = [number.to_bytes(20, "big") for number in range(1, 0x12)]


def forward(target: bytes) -> bytes:
    """Initcode of a contract that calls `target` with 100,000 gas and returns the outcome as a word."""
    body = bytes.fromhex("365f5f375f5f365f5f73") + target + bytes.fromhex("620186a0f15f5260205ff3")
    return (
        bytes.fromhex("60")
        + bytes([len(body)])
        + bytes.fromhex("600a5f3960")
        + bytes([len(body)])
        + bytes.fromhex("5ff3")
        + body
    )


def call(chain: Chain, to: bytes, data: bytes = b"") -> bytes:
    head = chain.application.head
    overlay = Overlay(chain.store.node)
    return PyEvm().call(chain.application.environment(head), head.state_root, overlay, CallRequest(None, to, 0, data))


def test_what_the_contracts_use_is_open(governed: Chain) -> None:
    assert call(governed, ADDRESSES[1], b"x") == hashlib.sha256(b"x").digest()
    assert call(governed, ADDRESSES[3], b"x") == b"x"
    powers = b"".join(n.to_bytes(32, "big") for n in (32, 32, 32, 3, 4, 50))
    assert int.from_bytes(call(governed, ADDRESSES[4], powers), "big") == 3**4 % 50
    assert not CLOSED & set(ADDRESSES[:5])


@pytest.mark.parametrize("address", sorted(CLOSED))
def test_the_slow_ones_are_closed(governed: Chain, address: bytes) -> None:
    transaction = sign(FOUNDER, 1, address, gas=300_000)
    assert governed.refusal(transaction) == governed.proposal_refusal(transaction) == "PRECOMPILE_CLOSED"
    with pytest.raises(CallFailed, match="PRECOMPILE_CLOSED"):
        call(governed, address)


@pytest.mark.parametrize(
    ("number", "outcome"), [(2, 1), (6, 0), (7, 0), (8, 0), (9, 0), (0x0B, 0), (0x0F, 0), (0x11, 0)]
)
def test_a_contract_that_calls_a_closed_one_sees_it_fail(governed: Chain, number: int, outcome: int) -> None:
    code = forward(number.to_bytes(20, "big"))
    made = governed.seal(sign(FOUNDER, 1, None, data=code, gas=500_000)).receipts[0]
    assert made.status == 1
    assert int.from_bytes(call(governed, made.contract), "big") == outcome


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a not in CLOSED])
def test_open_ones_are_not_slow(governed: Chain, address: bytes) -> None:
    """Whatever they are given: 300,000 gas in far less than a second."""
    started = time.process_time()
    transaction = sign(FOUNDER, 1, address, gas=300_000, data=b"\1" * 192)
    governed.seal(transaction)
    assert time.process_time() - started < 1
