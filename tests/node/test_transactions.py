"""Decoding what anybody may send: bounded in size and depth, and nothing of it is kept before it passed every check."""

import pytest
import rlp
from hypothesis import given
from hypothesis import strategies as st

from node.errors import TransactionRefused
from node.transactions import MAX_TRANSACTION_BYTES, decode
from tests.node.support import FOUNDER, NOBODY, STRANGER, Chain, grant_code, sign

KEYS = [{"address": NOBODY, "storageKeys": ["0x" + "11" * 32, "0x" + "22" * 32]}] * 3


def nested(depth: int) -> bytes:
    """`depth` lists within each other, as RLP."""
    wire = b"\xc0"
    while depth > 1:
        size = len(wire).to_bytes((len(wire).bit_length() + 7) // 8, "big")
        wire = (bytes([0xC0 + len(wire)]) if len(wire) < 56 else bytes([0xF7 + len(size)]) + size) + wire
        depth -= 1
    return wire


def code(raw: bytes) -> str:
    try:
        decode(raw)
    except TransactionRefused as refusal:
        return refusal.code
    return ""


def test_size_is_looked_at_before_the_encoding() -> None:
    assert code(b"\x02" * MAX_TRANSACTION_BYTES) == "TX_UNDECODABLE"
    assert code(b"\x02" * (MAX_TRANSACTION_BYTES + 1)) == "TX_TOO_LARGE"
    assert code(b"\xf9" * (MAX_TRANSACTION_BYTES + 1)) == "TX_TOO_LARGE"


@pytest.mark.parametrize("depth", [5, 6, 1_000, 30_000])
@pytest.mark.parametrize("prefix", [b"", b"\x01", b"\x02", b"\x04"])
def test_deep_nesting_is_a_refusal_at_the_door_and_in_a_proposal(young: Chain, prefix: bytes, depth: int) -> None:
    wire = prefix + nested(depth)
    assert young.refusal(wire) == "TX_UNDECODABLE"
    verdict = young.application.process_proposal(young.next(wire))
    assert [refusal.code for refusal in verdict.refusals] == ["TX_UNDECODABLE"]
    assert young.application.prepare_proposal(young.next().slot, [wire]).proposal.transactions == ()


def test_deep_nesting_behind_good_fields_is_refused_too() -> None:
    fields = rlp.decode(sign(FOUNDER, 0, accessList=KEYS, gas=60_000)[1:])
    deep = [rlp.encode(field) for field in fields[:8]] + [nested(20_000)] + [rlp.encode(field) for field in fields[9:]]
    body = b"".join(deep)
    assert code(b"\x02\xfa" + len(body).to_bytes(3, "big") + body) == "TX_UNDECODABLE"


def test_the_deepest_transactions_there_are_come_through() -> None:
    grant = grant_code(STRANGER, bytes.fromhex(NOBODY[2:]), 0)
    wire = sign(FOUNDER, 0, type=4, accessList=KEYS, authorizationList=[grant] * 3, gas=200_000)
    assert len(decode(wire).access_list) == len(decode(wire).authorizations) == 3


def test_a_string_in_the_place_of_a_list_is_refused() -> None:
    fields = rlp.decode(sign(FOUNDER, 0)[1:])
    fields[8] = b""
    assert code(b"\x02" + rlp.encode(fields)) == "TX_UNDECODABLE"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_transaction_or_a_refusal(raw: bytes) -> None:
    for prefix in (b"", b"\x01", b"\x02", b"\x04"):
        code(prefix + raw)


@pytest.mark.parametrize("changes", [{"chainId": 1}, {"gas": 20_999}, {"data": b"\1" * 100_000, "gas": 30_000_001}])
def test_nothing_refused_is_kept(governed: Chain, changes: dict[str, object]) -> None:
    """What was refused is decoded again the next time; what passed is not."""
    good, bad = sign(FOUNDER, 1), sign(FOUNDER, 1, **changes)  # type: ignore[arg-type]
    kept = governed.application.decoded_kept
    assert governed.refusal(bad)
    assert governed.refusal(sign(STRANGER, 0)) == "SEND_FORBIDDEN"
    governed.application.process_proposal(governed.next(bad, good))
    assert governed.application.decoded_kept == kept
    assert governed.refusal(good) == ""
    assert governed.application.decoded_kept == kept + len(good)
    governed.seal(good)
    assert governed.application.decoded_kept == kept
