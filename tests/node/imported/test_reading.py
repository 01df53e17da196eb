"""What was imported is what the file holds, whatever the fork."""

import itertools

import pytest

from node.blocks import Header, ordered_root
from node.errors import Refused, TransactionRefused
from node.fees import blob_fee, next_base_fee, next_excess_blob_gas
from node.forks import Fork
from node.transactions import BLOB, decode
from tests.node.imported.support import Imported

HEIGHTS = range(1, 46)


def headers(foreign: Imported) -> list[Header]:
    found = [foreign.reader.header(number) for number in range(46)]
    return [header for header in found if header is not None]


def test_every_block_is_written_as_it_was_read(foreign: Imported) -> None:
    for header, raw in zip(headers(foreign)[1:], foreign.raw, strict=True):
        assert foreign.reader.block(header).encode() == raw


def test_receipts_hash_to_what_their_headers_say(foreign: Imported) -> None:
    for header in headers(foreign):
        block = foreign.reader.block(header)
        assert ordered_root([receipt.encode() for receipt in block.receipts]) == header.receipts_root
        assert sum(receipt.gas_used for receipt in block.receipts) == header.gas_used


def test_every_fork_is_there(foreign: Imported) -> None:
    schedule = foreign.chain.rules.schedule
    passed = {schedule.fork(header.number, header.time) for header in headers(foreign)}
    assert passed == set(Fork) - {Fork.FRONTIER}
    assert schedule.fork(44, 449) is Fork.CANCUN
    assert schedule.fork(10, 10_000) is Fork.BYZANTIUM


def test_receipts_have_roots_until_byzantium_and_status_from_then_on(foreign: Imported) -> None:
    for header in headers(foreign):
        early = foreign.chain.rules.schedule.fork(header.number, header.time) < Fork.BYZANTIUM
        assert all(bool(receipt.root) is early for receipt in foreign.reader.block(header).receipts)


def test_fees_of_a_block_follow_from_its_parent(foreign: Imported) -> None:
    chain = headers(foreign)
    for parent, child in itertools.pairwise(chain):
        fork = foreign.chain.rules.schedule.fork(child.number, child.time)
        assert next_base_fee(parent, native=False, london=fork >= Fork.LONDON) == child.base_fee
        assert next_excess_blob_gas(parent, fork) == child.excess_blob_gas


def test_the_fee_of_blobs_rises_with_their_excess() -> None:
    fields = (1, bytes(32), 1, bytes(20), *[bytes(32)] * 3, 0, 1, 0)
    fees = [blob_fee(Header(*fields, excess_blob_gas=excess)) for excess in (0, 5_007_716, 50_077_160)]
    assert fees == [1, 2, 22_026]
    assert blob_fee(Header(*fields, excess_blob_gas=None)) == 0


def test_our_own_chain_refuses_what_only_others_record(foreign: Imported) -> None:
    transactions = [tx for header in headers(foreign) for tx in foreign.reader.block(header).transactions]
    blob = next(tx for tx in transactions if tx.type == BLOB)
    bare = next(tx for tx in transactions if not tx.protected)
    for tx, code in ((blob, Refused.TX_TYPE_UNSUPPORTED), (bare, Refused.CHAIN_ID_WRONG)):
        assert decode(tx.raw, foreign=True) == tx
        with pytest.raises(TransactionRefused) as refusal:
            decode(tx.raw)
        assert refusal.value.refused is code


def test_state_of_every_block_can_be_read_and_proven(foreign: Imported) -> None:
    busy = bytes.fromhex("7dcd17433742f4c0ca53122ab541d0ba67fc27df")
    for header in headers(foreign):
        account = foreign.reader.state(header).account(busy)
        proof = foreign.reader.proof(header, busy, [0])
        assert (proof.nonce, proof.balance, proof.code_hash) == (account.nonce, account.balance, account.code_hash)
        assert proof.slots[0].value == foreign.reader.state(header).storage(busy, 0)
