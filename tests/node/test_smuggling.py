"""A proposer that smuggles: what it may not propose is rejected, and where others decide for it all the same, no node
records it and all nodes end alike."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from node.addresses import checksummed
from node.errors import NodeError
from node.genesis import LATEST_TIME, Genesis
from node.proposals import Proposal, Slot
from node.rules.allowance import TABLE
from tests.node.support import (
    FOUNDER,
    NOBODY,
    SECOND,
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

ALLOWANCE = 1_000_000
DEFECT = bytes.fromhex("60fe5f5360015ff3")
"""Creates a contract that uses up all gas."""
Smuggle = Callable[[Genesis], bytes]


def without_replay_protection(_: Genesis) -> bytes:
    form: Any = {"nonce": 0, "gasPrice": 0, "gas": 21_000, "to": NOBODY, "value": 0, "data": b""}
    return bytes(STRANGER.sign_transaction(form).raw_transaction)


def changed(wire: bytes) -> bytes:
    return wire[:-1] + bytes([wire[-1] ^ 1])


# what is smuggled in, by name: the transaction, and the code that names the broken rule
FORBIDDEN: dict[str, tuple[Smuggle, str]] = {
    "deployment": (lambda _: sign(STRANGER, 0, None, data=creation("counter"), gas=900_000), "DEPLOY_FORBIDDEN"),
    "code on an account": (
        lambda _: sign(
            STRANGER, 0, type=4, gas=100_000, authorizationList=[grant_code(SECOND, bytes.fromhex(NOBODY[2:]), 0)]
        ),
        "DEPLOY_FORBIDDEN",
    ),
    "closed target": (lambda _: sign(STRANGER, 0, SECOND.address), "SEND_FORBIDDEN"),
    "the council by a stranger": (
        lambda born: sign(STRANGER, 0, born.council, data=call_data("set_allowance(uint256)", 1), gas=90_000),
        "SEND_FORBIDDEN",
    ),
    "founder without a role": (lambda _: sign(SECOND, 0, SECOND.address), "SEND_FORBIDDEN"),
    "gas over the open limit": (lambda born: sign(STRANGER, 0, gas=born.open_gas_limit + 1), "GAS_OVER_OPEN_LIMIT"),
    "allowance spent": (lambda _: sign(STRANGER, 0, gas=ALLOWANCE + 1), "ALLOWANCE_SPENT"),
    "gas over the block's": (lambda born: sign(FOUNDER, 5, gas=born.gas_limit + 1), "GAS_OVER_BLOCK_LIMIT"),
    "too little gas": (lambda _: sign(STRANGER, 0, gas=20_999), "INTRINSIC_GAS"),
    "nonce ahead": (lambda _: sign(STRANGER, 1), "NONCE_TOO_HIGH"),
    "nonce behind": (lambda _: sign(FOUNDER, 1), "NONCE_TOO_LOW"),
    "twice the same": (lambda _: sign(FOUNDER, 4), "NONCE_TOO_LOW"),
    "no transaction": (lambda _: b"\x02\xc0", "TX_UNDECODABLE"),
    "nothing": (lambda _: b"", "TX_UNDECODABLE"),
    "too large": (lambda _: sign(FOUNDER, 5, gas=9_000_000, data=bytes(128 * 1024)), "TX_TOO_LARGE"),
    "another chain's": (lambda _: sign(STRANGER, 0, chainId=1), "CHAIN_ID_WRONG"),
    "somebody else's by a changed signature": (lambda _: changed(sign(FOUNDER, 5)), ""),
    "blobs": (lambda _: b"\x03" + sign(STRANGER, 0)[1:], "TX_TYPE_UNSUPPORTED"),
    "an unknown type": (lambda _: b"\x7f" + sign(STRANGER, 0)[1:], "TX_TYPE_UNSUPPORTED"),
    "no replay protection": (without_replay_protection, "CHAIN_ID_WRONG"),
    "a closed built-in contract": (lambda _: sign(FOUNDER, 5, bytes(19) + b"\x09", gas=90_000), "PRECOMPILE_CLOSED"),
    "money from nowhere": (lambda _: sign(STRANGER, 0, value=1), "INSUFFICIENT_FUNDS"),
    "a tip that cannot be paid": (
        lambda _: sign(STRANGER, 0, maxFeePerGas=1, maxPriorityFeePerGas=1),
        "INSUFFICIENT_FUNDS",
    ),
}


def opening(born: Genesis) -> list[bytes]:
    """Blocks that every node has: a council, one open target, an allowance, a contract that uses up all gas."""
    calls = [call_data("set_target(address,bool)", NOBODY, True), call_data("set_allowance(uint256)", ALLOWANCE)]
    decided = [sign(FOUNDER, 1 + at, born.council, data=data, gas=100_000) for at, data in enumerate(calls)]
    return [council_creation(), *decided, sign(FOUNDER, 3, None, data=DEFECT, gas=100_000)]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Chain]]:
    """Three members' nodes at the same height."""
    with ExitStack() as stack:
        made = [stack.enter_context(chain(tmp_path / f"member {number}")) for number in range(3)]
        for node in made:
            for transaction in opening(genesis()):
                node.seal(transaction)
        yield made


def counts(node: Chain) -> dict[bytes, bytes | None]:
    """The table of allowances."""
    return {key: node.store.extra(TABLE, key) for key in node.store.first_extras(TABLE, 1_000)}


def decide(nodes: list[Chain], proposal: Proposal) -> list[int]:
    """Every node finalizes and commits, each on a way of its own; codes of the results.

    The first has judged the proposal, the second never saw it before, the third worked on others meanwhile.
    """
    judging, _, busy = (node.application for node in nodes)
    judging.process_proposal(proposal)
    busy.process_proposal(Proposal(proposal.slot, proposal.transactions[::-1]))
    busy.prepare_proposal(proposal.slot, proposal.transactions)
    finalized = [node.application.finalize_block(proposal) for node in nodes]
    blocks = [node.application.commit() for node in nodes]
    assert len({block.header.hash for block in blocks}) == 1
    assert {one.app_hash for one in finalized} == {blocks[0].header.hash}
    assert finalized[0].results == finalized[1].results == finalized[2].results
    assert counts(nodes[0]) == counts(nodes[1]) == counts(nodes[2])
    return [result.code for result in finalized[0].results]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_smuggled_in(nodes: list[Chain], name: str) -> None:
    """Between two honest transactions, which are recorded."""
    smuggle, code = FORBIDDEN[name]
    born = nodes[0].application.genesis
    honest, later = sign(FOUNDER, 4), sign(STRANGER, 0)
    proposal = nodes[0].next(honest, smuggle(born), later)
    for node in nodes[:2]:
        verdict = node.application.process_proposal(proposal)
        assert not verdict.accepted
        assert [refusal.code for refusal in verdict.refusals] == [code or verdict.refusals[0].code]
    assert nodes[0].application.process_proposal(nodes[0].next(honest, later)).accepted
    assert decide(nodes, proposal) == [0, 2, 0]
    for node in nodes:
        assert node.store.body(node.application.head.number) == (honest, later)
        assert node.application.account(raw(STRANGER)).nonce == 1


@pytest.mark.parametrize("name", [name for name, (_, code) in FORBIDDEN.items() if code])
def test_the_door_and_the_own_proposal_refuse_the_same(nodes: list[Chain], name: str) -> None:
    smuggle, code = FORBIDDEN[name]
    node = nodes[0]
    node.seal(sign(FOUNDER, 4))
    wire = smuggle(node.application.genesis)
    assert node.refusal(wire) == (code if code != "NONCE_TOO_HIGH" else "")
    assert node.application.prepare_proposal(node.next().slot, [wire]).proposal.transactions == ()


def test_more_gas_than_the_block_has(nodes: list[Chain]) -> None:
    contract = nodes[0].store.receipts(4)[0].contract
    greedy = [sign(FOUNDER, 4 + at, contract, gas=gas) for at, gas in enumerate((20_000_000, 10_000_001))]
    proposal = nodes[0].next(*greedy)
    verdict = nodes[0].application.process_proposal(proposal)
    assert [refusal.code for refusal in verdict.refusals] == ["BLOCK_GAS_EXCEEDED"]
    assert decide(nodes, proposal) == [1, 2]
    assert {node.application.head.gas_used for node in nodes} == {20_000_000}


def test_a_little_at_a_time_beyond_the_allowance(nodes: list[Chain]) -> None:
    """Each alone would do; the refused one is not charged, so the next that fits is in order."""
    contract = nodes[0].store.receipts(4)[0].contract
    opened = call_data("set_target(address,bool)", checksummed(contract), True)
    assert decide(nodes, nodes[0].next(sign(FOUNDER, 4, genesis().council, data=opened, gas=100_000))) == [0]
    half = [sign(STRANGER, nonce, contract, gas=600_000) for nonce in (0, 1)]
    assert nodes[0].application.process_proposal(nodes[0].next(half[0])).accepted
    verdict = nodes[0].application.process_proposal(nodes[0].next(*half))
    assert [refusal.code for refusal in verdict.refusals] == ["ALLOWANCE_SPENT"]
    proposal = nodes[0].next(*half, sign(STRANGER, 1, contract, gas=400_000))
    assert decide(nodes, proposal) == [1, 2, 1]
    assert decide(nodes, nodes[0].next(sign(STRANGER, 2))) == [2]


def test_a_wrong_place_or_time(nodes: list[Chain]) -> None:
    """A time that goes back would reopen a window that has passed."""
    head = nodes[0].application.head
    for number, time in ((1, 0), (1, -3_600), (2, 1), (0, 1), (-1, 1), (1, 2**63), (1, LATEST_TIME - head.time)):
        slot = Slot(head.number + number, head.time + time)
        for node in nodes:
            proposal = Proposal(slot, (sign(FOUNDER, 4),))
            assert not node.application.process_proposal(proposal).accepted
            with pytest.raises(NodeError, match="PROPOSAL_MISPLACED"):
                node.application.finalize_block(proposal)


def test_the_last_time_there_is(nodes: list[Chain]) -> None:
    """The end of its window can still be told."""
    slot = Slot(nodes[0].application.head.number + 1, LATEST_TIME - 1)
    verdict = nodes[0].application.process_proposal(Proposal(slot, (sign(STRANGER, 0, gas=ALLOWANCE + 1),)))
    assert [refusal.code for refusal in verdict.refusals] == ["ALLOWANCE_SPENT"]


@pytest.mark.parametrize("way", ["no creation", "a nonce used up by others", "no council", "a stranger"])
def test_before_the_council(tmp_path: Path, way: str) -> None:
    """Whatever is smuggled in before it, the Council can still be created afterwards."""
    grant = grant_code(FOUNDER, bytes.fromhex(NOBODY[2:]), 0)
    smuggled = {
        "no creation": sign(FOUNDER, 0),
        "a nonce used up by others": sign(SECOND, 0, type=4, authorizationList=[grant], gas=100_000),
        "no council": sign(FOUNDER, 0, None, data=creation("counter"), gas=2_000_000),
        "a stranger": sign(STRANGER, 0),
    }[way]
    with ExitStack() as stack:
        nodes = [stack.enter_context(chain(tmp_path / str(number))) for number in range(3)]
        proposal = nodes[0].next(smuggled, council_creation())
        verdict = nodes[0].application.process_proposal(proposal)
        assert [refusal.code for refusal in verdict.refusals] == [
            "SEND_FORBIDDEN" if way == "a stranger" else "COUNCIL_FIRST"
        ]
        assert decide(nodes, proposal) == [2, 0]
        assert nodes[0].application.view(nodes[0].application.head).code(genesis().council)
