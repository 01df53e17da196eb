"""Calls, estimates, access lists and blocks tried out on the state of any fork."""

from dataclasses import replace

import pytest

from node.building import Attributes
from node.errors import CallFailed, CallReverted, TransactionRefused
from node.execution import CallRequest
from node.imported.building import Builder
from tests.node.imported.support import Imported

ENVIRONMENT = bytes.fromhex("9344b07175800259691961298ca11c824e65032d")
"""Answers with height, chain id, proposer, base fee, difficulty, origin and value."""
STORE = bytes.fromhex("7dcd17433742f4c0ca53122ab541d0ba67fc27df")
REVERTS = bytes.fromhex("0ee3ab1371c93e7c0c281cc0c2107cdebc8b1930")
RICH = bytes.fromhex("0c2c51a0990aee1d73c1228de158688341557508")
PAIRING = (8).to_bytes(20, "big")


@pytest.mark.parametrize("height", [27, 30, 36, 40, 43, 45])
def test_code_sees_the_block_that_it_is_asked_about(foreign: Imported, height: int) -> None:
    header = foreign.reader.header(height)
    assert header is not None
    answer = foreign.reader.call(header, CallRequest(RICH, ENVIRONMENT, 0, b"", gas=100_000))
    words = [int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)]
    assert words[0] == height
    assert words[1] in (0, foreign.chain.rules.chain_id)


def test_code_has_the_instructions_of_its_fork(foreign: Imported) -> None:
    """BASEFEE came with London (EIP-3198)."""
    header = foreign.reader.header(26)
    assert header is not None
    with pytest.raises(CallFailed, match="0x48"):
        foreign.reader.call(header, CallRequest(RICH, ENVIRONMENT, 0, b"", gas=100_000))


def test_the_base_fee_is_seen_by_who_offers_one(foreign: Imported) -> None:
    head = foreign.chain.head
    assert head.base_fee
    free = CallRequest(RICH, ENVIRONMENT, 0, b"", gas=100_000)
    assert foreign.reader.call(head, free)[96:128] == bytes(32)
    paying = replace(free, max_fee=head.base_fee + 5, max_priority_fee=1)
    assert int.from_bytes(foreign.reader.call(head, paying)[96:128], "big") == head.base_fee
    with pytest.raises(CallFailed, match="FEE_BELOW_BASE"):
        foreign.reader.call(head, replace(free, max_fee=head.base_fee - 1))


def test_who_has_nothing_may_call_and_offer_fees(foreign: Imported) -> None:
    poor = CallRequest(b"\x77" * 20, ENVIRONMENT, 0, b"", max_fee=10**12)
    assert foreign.reader.call(foreign.chain.head, poor)
    blobs = replace(poor, to=STORE, blob_hashes=(b"\1" + bytes(31),))
    assert foreign.reader.estimate(foreign.chain.head, blobs) > 21_000
    with pytest.raises(CallFailed, match="INSUFFICIENT_FUNDS"):
        foreign.reader.call(foreign.chain.head, replace(poor, value=1))


def test_built_in_contracts_are_open_on_chains_of_others(foreign: Imported) -> None:
    answer = foreign.reader.call(foreign.chain.head, CallRequest(RICH, PAIRING, 0, b""))
    assert answer == (1).to_bytes(32, "big")


def test_an_access_list_names_what_is_touched_and_its_gas_is_true(foreign: Imported) -> None:
    head = foreign.chain.head
    request = CallRequest(RICH, STORE, 0, bytes.fromhex("010203040506"), gas=60_000)
    found = foreign.reader.access_list(head, request)
    assert [address for address, _ in found.entries] == [STORE]
    assert len(found.entries[0][1]) == 2
    assert not found.failure
    listed = replace(request, access_list=found.entries)
    assert foreign.reader.access_list(head, listed) == found
    assert foreign.reader.call(head, replace(listed, gas=found.gas_used)) == foreign.reader.call(head, request)
    with pytest.raises(CallFailed):
        foreign.reader.call(head, replace(listed, gas=found.gas_used - 1))


def test_an_access_list_of_a_failing_call_says_so(foreign: Imported) -> None:
    request = CallRequest(RICH, REVERTS, 0, b"\x01", gas=100_000)
    found = foreign.reader.access_list(foreign.chain.head, request)
    assert found.failure == "execution reverted"
    assert found.entries[0][0] == REVERTS
    with pytest.raises(CallReverted):
        foreign.reader.call(foreign.chain.head, request)


def test_a_block_tried_out_again_is_the_block(foreign: Imported) -> None:
    """The imported blocks since Shanghai, made anew from their parents; only the gas limit is ours to choose."""
    builder = Builder(foreign.chain, foreign.store)
    for height in range(40, 46):
        parent, header = foreign.reader.header(height - 1), foreign.reader.header(height)
        assert parent is not None
        assert header is not None
        block = foreign.reader.block(header)
        wanted = Attributes(
            header.time, header.proposer, header.mix_hash, header.beacon_root or bytes(32), block.withdrawals,
            header.extra_data,
        )  # fmt: skip
        made = builder.build(parent, wanted, [tx.raw for tx in block.transactions])
        assert replace(made.header, gas_limit=header.gas_limit) == header
        assert made.receipts == block.receipts
        with pytest.raises(TransactionRefused):
            builder.build(parent, wanted, [block.transactions[0].raw] * 2)


def test_a_block_cannot_come_before_its_parent(foreign: Imported) -> None:
    builder, head = Builder(foreign.chain, foreign.store), foreign.chain.head
    with pytest.raises(CallFailed, match="BLOCK_INVALID"):
        builder.build(head, Attributes(head.time, bytes(20), bytes(32), bytes(32), ()), [])
