"""Who may send what: at the door, in a block judged, in a block decided."""

from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from vyper.compiler import compile_code

from node.errors import PERMISSION_CODES, TransactionRefused
from node.evm.state import State
from tests.node.support import (
    FOUNDER,
    NOBODY,
    SECOND,
    START,
    STRANGER,
    Chain,
    account,
    call_data,
    chain,
    compiled_product,
    council_creation,
    creation,
    grant_code,
    raw,
    sign,
)


def test_before_the_council_founders_may_do_everything_and_nobody_else_anything(young: Chain) -> None:
    assert young.refusal(sign(SECOND, 0)) == ""
    assert young.refusal(sign(SECOND, 0, None, data=creation("counter"), gas=2_000_000)) == ""
    assert young.refusal(sign(STRANGER, 0)) == "SEND_FORBIDDEN"
    assert young.refusal(sign(STRANGER, 0, None, data=creation("counter"), gas=2_000_000)) == "DEPLOY_FORBIDDEN"


def test_the_first_founder_must_create_the_council_first(young: Chain) -> None:
    assert young.refusal(sign(FOUNDER, 0)) == "COUNCIL_FIRST"
    assert young.refusal(council_creation()) == ""


def test_no_authorization_can_use_up_the_nonce_that_creates_the_council(young: Chain) -> None:
    """EIP-7702 raises the nonce of the account that signed, whoever sends: the Council would have no address left."""
    grant = grant_code(FOUNDER, bytes.fromhex(NOBODY[2:]), 0)
    smuggled = sign(SECOND, 0, type=4, authorizationList=[grant], gas=100_000)
    assert young.refusal(smuggled) == young.proposal_refusal(smuggled) == "COUNCIL_FIRST"
    young.application.finalize_block(young.next(smuggled))
    young.application.commit()
    young.seal(council_creation())
    assert young.refusal(sign(FOUNDER, 1, type=4, authorizationList=[grant], gas=100_000)) == ""


def test_a_council_that_fails_to_construct_is_not_recorded(young: Chain) -> None:
    broken = creation("council", ("address",), ("0x" + "00" * 20,))
    assert young.proposal_refusal(sign(FOUNDER, 0, None, data=broken, gas=2_000_000)) == "COUNCIL_FIRST"
    assert young.application.account(raw(FOUNDER)).nonce == 0
    young.seal(council_creation())
    assert young.application.view(young.application.head).code(young.application.genesis.council)


def test_another_contract_in_the_councils_place_is_not_recorded(young: Chain) -> None:
    assert young.proposal_refusal(sign(FOUNDER, 0, None, data=creation("counter"), gas=2_000_000)) == "COUNCIL_FIRST"


def test_founders_keep_only_what_the_council_gives(governed: Chain) -> None:
    assert governed.refusal(sign(SECOND, 0)) == "SEND_FORBIDDEN"
    assert governed.refusal(sign(FOUNDER, 1)) == ""


def test_the_council_gives_and_takes(governed: Chain) -> None:
    council = governed.application.genesis.council

    def decide(nonce: int, signature: str, who: str, held: bool) -> None:
        governed.seal(sign(FOUNDER, nonce, council, data=call_data(signature, who, held), gas=100_000))

    deploy = sign(STRANGER, 0, None, data=creation("counter"), gas=2_000_000)
    decide(1, "set_deployer(address,bool)", STRANGER.address, True)
    assert governed.refusal(deploy) == ""
    decide(2, "set_deployer(address,bool)", STRANGER.address, False)
    assert governed.refusal(deploy) == "DEPLOY_FORBIDDEN"
    decide(3, "set_target(address,bool)", NOBODY, True)
    assert governed.refusal(sign(STRANGER, 0, NOBODY)) == ""
    assert governed.refusal(sign(STRANGER, 0, SECOND.address)) == "SEND_FORBIDDEN"


def test_who_holds_no_role_may_ask_for_an_eighth_of_a_block(governed: Chain) -> None:
    """At the door, in a proposal, in a decided block; for an account that may send anywhere the block is the limit."""
    council = governed.application.genesis.council
    governed.seal(sign(FOUNDER, 1, council, data=call_data("set_target(address,bool)", NOBODY, True), gas=100_000))
    share = governed.application.genesis.gas_limit // 8
    greedy, modest = (sign(STRANGER, 0, NOBODY, gas=share + extra) for extra in (1, 0))
    assert governed.refusal(greedy) == "GAS_OVER_OPEN_LIMIT"
    assert governed.refusal(modest) == ""
    assert governed.refusal(sign(FOUNDER, 2, NOBODY, gas=30_000_000)) == ""
    verdict = governed.application.process_proposal(governed.next(greedy))
    assert [refusal.code for refusal in verdict.refusals] == ["GAS_OVER_OPEN_LIMIT"]
    finalized = governed.application.finalize_block(governed.next(greedy, sign(FOUNDER, 2)))
    assert [result.code for result in finalized.results] == [2, 0]
    assert governed.application.process_proposal(governed.next(modest)).accepted
    assert governed.application.is_trusted(raw(FOUNDER))
    assert not governed.application.is_trusted(raw(STRANGER))


def test_a_permission_holds_from_the_next_transaction_of_the_same_block(governed: Chain) -> None:
    council = governed.application.genesis.council
    give = sign(FOUNDER, 1, council, data=call_data("set_sender(address,bool)", STRANGER.address, True), gas=100_000)
    take = sign(FOUNDER, 2, council, data=call_data("set_sender(address,bool)", STRANGER.address, False), gas=100_000)
    first, second = sign(STRANGER, 0), sign(STRANGER, 1)
    assert governed.application.process_proposal(governed.next(give, first, take)).accepted
    early = governed.application.process_proposal(governed.next(first, give))
    assert [refusal.code for refusal in early.refusals] == ["SEND_FORBIDDEN"]
    late = governed.application.process_proposal(governed.next(give, first, take, second))
    assert [refusal.code for refusal in late.refusals] == ["SEND_FORBIDDEN"]


def test_smuggled_transactions_make_a_proposal_rejected_and_a_decided_block_forgetful(governed: Chain) -> None:
    stranger_deploys = sign(STRANGER, 0, None, data=creation("counter"), gas=2_000_000)
    for smuggled in (sign(STRANGER, 0), stranger_deploys):
        proposal = governed.next(sign(FOUNDER, 1), smuggled)
        verdict = governed.application.process_proposal(proposal)
        assert not verdict.accepted
        assert {refusal.refused for refusal in verdict.refusals} <= PERMISSION_CODES
    finalized = governed.application.finalize_block(proposal)
    assert [result.code for result in finalized.results] == [0, 2]
    assert finalized.results[1].log.startswith("DEPLOY_FORBIDDEN: permission denied")
    assert not governed.application.process_proposal(proposal).accepted
    governed.application.finalize_block(proposal)
    block = governed.application.commit()
    assert [tx.sender for tx in block.transactions] == [raw(FOUNDER)]


def test_preparing_leaves_forbidden_transactions_out(governed: Chain) -> None:
    prepared = governed.application.prepare_proposal(governed.next().slot, [sign(STRANGER, 0), sign(FOUNDER, 1)])
    assert len(prepared.proposal.transactions) == 1
    assert [refusal.code for _, refusal in prepared.refused] == ["SEND_FORBIDDEN"]


def test_a_silent_or_lying_council_means_no(young: Chain) -> None:
    """Code that answers 2, or more than a word, is not a yes."""
    two = bytes.fromhex("60025f5260205ff3")
    lying = bytes.fromhex("67") + two + bytes.fromhex("5f5260086018f3")
    young.seal(sign(FOUNDER, 0, None, data=lying, gas=200_000))
    assert young.refusal(sign(FOUNDER, 1)) == "SEND_FORBIDDEN"
    assert young.refusal(sign(SECOND, 0)) == "SEND_FORBIDDEN"


def test_messages_are_stable(governed: Chain) -> None:
    refusal = governed.application.check_tx(sign(STRANGER, 0)).refusal
    assert refusal is not None
    assert refusal.message == f"permission denied: {STRANGER.address.lower()} may not send to {NOBODY}"


def test_the_councils_address_is_the_first_contract_of_the_first_founder(governed: Chain) -> None:
    wanted = keccak(b"\xd6\x94" + raw(FOUNDER) + b"\x80")[12:]
    assert governed.application.genesis.council == wanted
    assert raw(account("founder")) == raw(FOUNDER)


def test_the_products_own_council_decides(young: Chain) -> None:
    """A deployer and two members; everybody else has nothing."""
    arguments = ([SECOND.address, STRANGER.address], 2, 0, FOUNDER.address)
    board = encode(["address[]", "uint256", "uint256", "address"], arguments)
    block = young.seal(sign(FOUNDER, 0, None, data=compiled_product("Council") + board, gas=6_000_000))
    assert block.receipts[0].status == 1
    outsider = account("outsider")
    deployments = {who: sign(who, n, None, data=creation("counter"), gas=2_000_000)
                   for who, n in ((FOUNDER, 1), (SECOND, 0), (outsider, 0))}  # fmt: skip
    assert [young.refusal(wire) for wire in deployments.values()] == ["", "DEPLOY_FORBIDDEN", "DEPLOY_FORBIDDEN"]
    sends = [sign(FOUNDER, 1), sign(SECOND, 0), sign(STRANGER, 0), sign(outsider, 0)]
    assert [young.refusal(wire) for wire in sends] == ["", "", "", "SEND_FORBIDDEN"]


CLOCK_COUNCIL = """# pragma version ==0.4.3
# Answers by the time of the block.
open_allowance: public(uint256)

@external
@view
def may_deploy(account: address) -> bool:
    return block.timestamp % 2 == 0

@external
@view
def may_send(account: address, target: address) -> bool:
    return block.timestamp % 2 == 0
"""


def test_an_answer_that_depends_on_the_time_is_asked_for_again(tmp_path: Path) -> None:
    """Two members, one of whom asked more often, refuse the same: a block is judged alike whoever made it."""
    with chain(tmp_path / "one") as one, chain(tmp_path / "two") as two:
        made = bytes.fromhex(compile_code(CLOCK_COUNCIL, output_formats=["bytecode"])["bytecode"][2:])
        first = sign(FOUNDER, 0, None, data=made, gas=2_000_000)
        for member in (one, two):
            member.seal(first, time=START + 2)
        even = one.seal(sign(FOUNDER, 1), time=START + 4)
        assert two.seal(*(tx.raw for tx in even.transactions), time=START + 4).header.hash == even.header.hash
        assert one.refusal(sign(FOUNDER, 2)) == ""
        for member in (one, two):
            with pytest.raises(TransactionRefused, match="SEND_FORBIDDEN"):
                member.seal(sign(FOUNDER, 2), time=START + 5)
            assert [tx.nonce for tx in member.seal(sign(FOUNDER, 2), time=START + 6).transactions] == [2]


def test_an_answer_of_storage_is_remembered_until_the_council_changes(
    governed: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    honest = State.static_call

    def counted(view: State, to: bytes, data: bytes, gas: int) -> tuple[bytes | None, bool]:
        asked.append(data)
        return honest(view, to, data, gas)

    monkeypatch.setattr(State, "static_call", counted)
    governed.seal(sign(FOUNDER, 1))
    first = len(asked)
    governed.seal(sign(FOUNDER, 2))
    assert first > 0
    assert len(asked) == first
    council = governed.application.genesis.council
    allow = call_data("set_sender(address,bool)", STRANGER.address, True)
    governed.seal(sign(FOUNDER, 3, council, data=allow, gas=100_000))
    governed.seal(sign(STRANGER, 0))
    assert len(asked) > first
