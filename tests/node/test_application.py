"""The application as a driver sees it: blocks, results, fees, replay."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.application import Application
from node.errors import ConfigError, StoreError, TransactionRefused
from node.evm import PyEvm
from node.genesis import Genesis
from node.proposals import Proposal, Slot
from node.receipts import bloom_bits
from node.store import Store
from tests.node.support import (
    FOUNDER,
    MIB,
    NOBODY,
    SECOND,
    START,
    STRANGER,
    Chain,
    call_data,
    chain,
    council_creation,
    creation,
    genesis,
    grant_code,
    raw,
    sign,
)


def test_genesis_is_block_zero_and_not_durable_before_commit(tmp_path: Path) -> None:
    store = Store(tmp_path, 64 * MIB)
    application = Application(genesis(), store, PyEvm())
    assert application.info().height == -1
    with pytest.raises(StoreError, match="STORE_EMPTY"):
        _ = application.head
    born = application.init_chain()
    assert store.head() is None
    assert application.commit().header.hash == born
    assert application.info().height == 0
    assert application.head.time == START
    store.close()


def test_first_block_can_be_built_before_genesis_is_committed(tmp_path: Path) -> None:
    store = Store(tmp_path, 64 * MIB)
    application = Application(genesis(), store, PyEvm())
    application.init_chain()
    proposal = Proposal(Slot(1, START + 1), (council_creation(),))
    assert application.process_proposal(proposal).accepted
    application.finalize_block(proposal)
    application.commit()
    assert [header.number for n in (0, 1) if (header := store.header(n))] == [0, 1]
    store.close()


def test_finalize_writes_nothing_before_commit(governed: Chain) -> None:
    proposal = governed.next(sign(FOUNDER, 1))
    finalized = governed.application.finalize_block(proposal)
    assert governed.store.head() == governed.application.head
    assert governed.store.header(2) is None
    again = governed.application.finalize_block(proposal)
    assert again == finalized
    assert governed.application.commit().header.hash == finalized.app_hash


def test_commit_without_a_block_is_refused(governed: Chain) -> None:
    with pytest.raises(StoreError, match="NOTHING_FINALIZED"):
        governed.application.commit()


def test_a_second_member_computes_the_same_hashes(governed: Chain, tmp_path: Path) -> None:
    governed.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000))
    governed.seal(sign(FOUNDER, 2, value=0), sign(FOUNDER, 3, type=0))
    with chain(tmp_path / "other") as other:
        for number in range(1, governed.application.head.number + 1):
            header = governed.store.header(number)
            assert header is not None
            proposal = Proposal(Slot(number, header.time), governed.store.body(number))
            assert other.application.process_proposal(proposal).accepted
            assert other.application.finalize_block(proposal).app_hash == header.hash
            other.application.commit()


def test_a_failing_contract_is_recorded_with_status_zero(governed: Chain) -> None:
    block = governed.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000))
    counter = block.receipts[0].contract
    proposal = governed.next(sign(FOUNDER, 2, counter, data=call_data("count(uint256)", 0), gas=100_000))
    finalized = governed.application.finalize_block(proposal)
    assert [result.code for result in finalized.results] == [1]
    assert governed.application.commit().receipts[0].status == 0


def test_logs_reach_receipt_and_bloom(governed: Chain) -> None:
    counter = governed.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000)).receipts[0].contract
    block = governed.seal(sign(FOUNDER, 2, counter, data=call_data("count(uint256)", 7), gas=100_000))
    (log,) = block.receipts[0].logs
    assert log.address == counter
    assert log.topics[1] == bytes(12) + raw(FOUNDER)
    assert block.header.bloom & bloom_bits(counter) == bloom_bits(counter)


def test_base_fee_stays_zero_through_full_blocks(tmp_path: Path) -> None:
    """More gas than half the limit, block after block, from an account that holds nothing."""
    with chain(tmp_path / "full", genesis(gas_limit=1_000_000)) as full:
        full.seal(sign(FOUNDER, 0, None, data=creation("council", ("address",), (FOUNDER.address,)), gas=900_000))
        counter = full.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=900_000)).receipts[0].contract
        for nonce in range(2, 6):
            data = call_data("burn(uint256)", 100_000)
            block = full.seal(sign(FOUNDER, nonce, counter, data=data, gas=1_000_000))
            assert block.header.gas_used == block.header.gas_limit
        block = full.seal(sign(FOUNDER, 6))
        assert block.receipts[0].status == 1
        assert full.application.account(raw(FOUNDER)).balance == 0
        price = full.application.view(full.application.head).static_call(counter, call_data("price()"), 100_000)[0]
        assert price == bytes(32)


def test_gas_price_zero_sends_from_nothing_in_every_type(governed: Chain) -> None:
    block = governed.seal(
        sign(FOUNDER, 1, type=0),
        sign(FOUNDER, 2, type=1, gasPrice=0, accessList=[], gas=30_000),
        sign(FOUNDER, 3),
    )
    assert [receipt.status for receipt in block.receipts] == [1, 1, 1]


def test_a_tip_is_paid_or_refused(tmp_path: Path) -> None:
    rich = raw(SECOND)
    with chain(tmp_path / "tips", genesis({rich: 10**18})) as made:
        made.seal(council_creation())
        made.seal(sign(FOUNDER, 1, made.application.genesis.council, data=call_data("set_sender(address,bool)",
                  SECOND.address, True), gas=100_000))  # fmt: skip
        assert made.refusal(sign(FOUNDER, 2, maxFeePerGas=10**9, maxPriorityFeePerGas=1)) == "INSUFFICIENT_FUNDS"
        result = made.application.check_tx(sign(FOUNDER, 2, maxFeePerGas=10**9, maxPriorityFeePerGas=1))
        assert result.refusal is not None
        assert "maxFeePerGas" in result.refusal.hint
        made.seal(sign(SECOND, 0, maxFeePerGas=10**9, maxPriorityFeePerGas=2))
        assert made.application.account(rich).balance == 10**18 - 2 * 21_000
        assert made.application.account(bytes(20)).balance == 2 * 21_000


def test_a_cap_without_a_tip_costs_nothing_but_must_be_payable(tmp_path: Path) -> None:
    with chain(tmp_path / "caps", genesis({raw(FOUNDER): 21_000 * 5})) as made:
        made.seal(council_creation())
        made.seal(sign(FOUNDER, 1, maxFeePerGas=5))
        assert made.application.account(raw(FOUNDER)).balance == 21_000 * 5
        assert made.refusal(sign(FOUNDER, 2, maxFeePerGas=6)) == "INSUFFICIENT_FUNDS"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"chainId": 1}, "CHAIN_ID_WRONG"),
        ({"gas": 30_000_001}, "GAS_OVER_BLOCK_LIMIT"),
        ({"gas": 20_999}, "INTRINSIC_GAS"),
        ({"gas": 21_000, "data": b"\1" * 40}, "INTRINSIC_GAS"),
        ({"maxPriorityFeePerGas": 1}, "TIP_ABOVE_CAP"),
        ({"value": 1}, "INSUFFICIENT_FUNDS"),
        ({"nonce": 0}, "NONCE_TOO_LOW"),
        ({"nonce": 2**64 - 1}, "NONCE_TOO_HIGH"),
        ({"gas": 3_000_000, "data": b"\1" * (128 * 1024)}, "TX_TOO_LARGE"),
        ({"to": None, "gas": 3_000_000, "data": b"\1" * 49_153}, "INITCODE_TOO_LARGE"),
    ],
)
def test_refusals_of_form_and_sender(governed: Chain, changes: dict[str, object], code: str) -> None:
    fields = {"nonce": 1} | changes
    transaction = sign(FOUNDER, **fields)  # type: ignore[arg-type]
    assert governed.refusal(transaction) == code
    assert not governed.application.process_proposal(governed.next(transaction)).accepted
    assert governed.refusal(sign(FOUNDER, 1)) == ""


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"", "TX_UNDECODABLE"),
        (b"\x02\xc0", "TX_UNDECODABLE"),
        (b"\x03\xc0", "TX_TYPE_UNSUPPORTED"),
        (b"\x7f", "TX_TYPE_UNSUPPORTED"),
        (b"\xc1\x80", "TX_UNDECODABLE"),
    ],
)
def test_refusals_of_encoding(governed: Chain, wire: bytes, code: str) -> None:
    assert governed.refusal(wire) == code


def test_a_changed_signature_is_another_sender_or_none(governed: Chain) -> None:
    good = sign(FOUNDER, 1)
    high_s = bytearray(good)
    high_s[-32:] = b"\xff" * 32
    assert governed.refusal(bytes(high_s)) == "TX_UNDECODABLE"


def test_legacy_without_replay_protection_is_refused(governed: Chain) -> None:
    form: Any = {"nonce": 1, "gasPrice": 0, "gas": 21_000, "to": NOBODY, "value": 0, "data": b""}
    signed = FOUNDER.sign_transaction(form)
    assert governed.refusal(bytes(signed.raw_transaction)) == "CHAIN_ID_WRONG"


def test_proposals_must_follow_the_head(governed: Chain) -> None:
    head = governed.application.head
    for slot in (
        Slot(head.number, head.time + 1),
        Slot(head.number + 2, head.time + 1),
        Slot(head.number + 1, head.time),
        Slot(head.number + 1, 2**63),
        Slot(head.number + 1, 2**64),
    ):
        assert not governed.application.process_proposal(Proposal(slot, ())).accepted
    assert governed.application.process_proposal(governed.next()).accepted


def test_a_proposal_that_overfills_the_block_is_rejected(tmp_path: Path) -> None:
    with chain(tmp_path / "small", genesis(gas_limit=1_000_000)) as small:
        small.seal(sign(FOUNDER, 0, None, data=creation("council", ("address",), (FOUNDER.address,)), gas=900_000))
        counter = small.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=900_000)).receipts[0].contract
        burn = call_data("burn(uint256)", 100_000)
        heavy = [sign(FOUNDER, nonce, counter, data=burn, gas=600_000) for nonce in (2, 3)]
        verdict = small.application.process_proposal(small.next(*heavy))
        assert [refusal.code for refusal in verdict.refusals] == ["BLOCK_GAS_EXCEEDED"]
        prepared = small.application.prepare_proposal(small.next().slot, heavy)
        assert len(prepared.proposal.transactions) == 1
        assert prepared.refused == ()
        light = [sign(FOUNDER, nonce, gas=600_000) for nonce in (2, 3)]
        assert small.application.process_proposal(small.next(*light)).accepted


def test_preparing_stops_in_time_and_keeps_the_rest(governed: Chain) -> None:
    answers = iter([True, True, False])
    candidates = [sign(FOUNDER, nonce) for nonce in (1, 2, 3)]
    prepared = governed.application.prepare_proposal(governed.next().slot, candidates, lambda: next(answers))
    assert len(prepared.proposal.transactions) == 2
    assert prepared.refused == ()


def test_preparing_drops_what_cannot_be_decoded(governed: Chain) -> None:
    prepared = governed.application.prepare_proposal(governed.next().slot, [b"\x02junk", sign(FOUNDER, 1)])
    assert len(prepared.proposal.transactions) == 1


def test_nonce_gap_is_no_block(governed: Chain) -> None:
    assert not governed.application.process_proposal(governed.next(sign(FOUNDER, 2))).accepted


def test_setting_code_needs_the_deployer_role(governed: Chain) -> None:
    """EIP-7702: code set on an account is a deployment, whoever pays for it."""
    counter = governed.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000)).receipts[0].contract
    council = governed.application.genesis.council
    grant = grant_code(SECOND, counter, 0)
    delegated = sign(FOUNDER, 2, SECOND.address, type=4, authorizationList=[grant], gas=200_000,
                     data=call_data("count(uint256)", 5))  # fmt: skip
    block = governed.seal(delegated)
    assert block.receipts[0].status == 1
    assert governed.application.account(raw(SECOND)).nonce == 1
    assert governed.application.view(governed.application.head).code(raw(SECOND)) == b"\xef\x01\x00" + counter
    allow = call_data("set_sender(address,bool)", STRANGER.address, True)
    governed.seal(sign(FOUNDER, 3, council, data=allow, gas=100_000))
    again = grant_code(SECOND, counter, 1)
    smuggled = sign(STRANGER, 0, SECOND.address, type=4, authorizationList=[again], gas=200_000)
    assert governed.refusal(smuggled) == "DEPLOY_FORBIDDEN"


def test_another_genesis_does_not_open_the_store(governed: Chain, tmp_path: Path) -> None:
    governed.store.close()
    other = Genesis((raw(STRANGER),), START)
    with pytest.raises(ConfigError, match="GENESIS_MISMATCH"), chain(tmp_path / "chain", other):
        pass
    with chain(tmp_path / "chain") as same:
        assert same.application.head.number == 1
    governed.store = Store(tmp_path / "elsewhere", MIB * 64)


def test_query_paths(governed: Chain) -> None:
    head = json.loads(governed.application.query("/head").value)
    assert head["number"] == 1
    found = json.loads(governed.application.query("/account", raw(FOUNDER)).value)
    assert found["nonce"] == 1
    assert governed.application.query("/elsewhere").code == 1


def test_refused_transactions_leave_no_trace(governed: Chain) -> None:
    proposal = governed.next(sign(STRANGER, 0), sign(FOUNDER, 1))
    finalized = governed.application.finalize_block(proposal)
    assert [result.code for result in finalized.results] == [2, 0]
    block = governed.application.commit()
    assert len(block.transactions) == len(block.receipts) == 1
    assert governed.application.account(raw(STRANGER)).nonce == 0
    with pytest.raises(TransactionRefused, match="NONCE_TOO_LOW"):
        governed.seal(sign(FOUNDER, 1))
