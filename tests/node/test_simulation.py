"""Simulated blocks: they follow the chain, see each other, count as real ones would, and leave nothing behind."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.blocks import Withdrawal, ordered_root
from node.errors import CallFailed
from node.evm import PyEvm
from node.evm.simulated_state import TRANSFER_ADDRESS, TRANSFER_TOPIC
from node.evm.simulation import simulate
from node.execution import CallRequest
from node.overlay import Overlay
from node.overrides import AccountOverride, BlockOverride
from node.precompiles import CLOSED
from node.proposals import Block
from node.reader import Reader
from node.simulations import SIMULATION_LIMITS, BlockPlan, SimulatedBlock, SimulatedCall, Simulation
from node.transactions import Authorization, created_address
from tests.node.scenes import INVALID, LOOPS, REVERTS, STORES, SUICIDAL, UNDERFLOWS, Scene, assembled, deploying
from tests.node.support import (
    FOUNDER,
    SECOND,
    STRANGER,
    Chain,
    call_data,
    chain,
    council_creation,
    creation,
    genesis,
    raw,
    sign,
)  # fmt: skip

SHOWS = "0 MSTORE 32 0 RETURN"
RICH, POOR, PLACE, OTHER = raw(FOUNDER), raw(STRANGER), b"\xaa" * 20, b"\xbb" * 20


@dataclass
class Simulator:
    """Simulations on the head of one chain, which has a counter."""

    chain: Chain
    reader: Reader
    counter: bytes

    def run(self, *blocks: BlockPlan, validation: bool = False, transfers: bool = False) -> list[SimulatedBlock]:
        return self.reader.simulate(self.chain.application.head, Simulation(blocks, validation, transfers))

    def code(self, *words: str, **fields: Any) -> SimulatedBlock:
        """One block in which each piece of code is called, at an account of its own."""
        places = [bytes([number + 1]) * 20 for number in range(len(words))]
        accounts = {place: AccountOverride(code=assembled(word)) for place, word in zip(places, words, strict=True)}
        return self.run(BlockPlan(accounts=accounts, calls=tuple(call(at, gas=100_000) for at in places)), **fields)[0]

    def refusal(self, *blocks: BlockPlan, validation: bool = False) -> str:
        with pytest.raises(CallFailed) as refused:
            self.run(*blocks, validation=validation)
        return refused.value.code


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with chain(tmp_path_factory.mktemp("simulated"), genesis({RICH: 10**18})) as made:
        made.seal(council_creation())
        made.seal(sign(FOUNDER, 1, None, data=creation("counter"), gas=1_000_000))
        yield Simulator(made, Reader(made.application, made.store, PyEvm()), created_address(RICH, 1))


def call(to: bytes, data: bytes = b"", sender: bytes = POOR, value: int = 0, **fields: Any) -> SimulatedCall:
    """A call without fees."""
    nonce = fields.pop("nonce", None)
    return SimulatedCall(CallRequest(sender, to, value, data, **fields), nonce)


def plan(*calls: SimulatedCall, accounts: dict[bytes, AccountOverride] | None = None, **block: Any) -> BlockPlan:
    return BlockPlan(BlockOverride(**block), accounts or {}, calls)


def headers(blocks: list[SimulatedBlock]) -> list[tuple[int, int]]:
    return [(block.block.header.number, block.block.header.time) for block in blocks]


def test_blocks_follow_the_chain_and_each_other(simulator: Simulator) -> None:
    head = simulator.chain.application.head
    blocks = simulator.run(plan(), plan(), plan())
    parents = [head.hash, *(block.block.header.hash for block in blocks)]
    assert [block.block.header.parent_hash for block in blocks] == parents[:-1]
    assert headers(blocks) == [(head.number + n, head.time + 12 * n) for n in (1, 2, 3)]
    assert {block.block.header.base_fee for block in blocks} == {0}


def test_gaps_become_empty_blocks(simulator: Simulator) -> None:
    head = simulator.chain.application.head
    blocks = simulator.run(plan(number=head.number + 4, time=head.time + 1_000), plan())
    found = [(number - head.number, time - head.time) for number, time in headers(blocks)]
    assert found == [(1, 12), (2, 24), (3, 36), (4, 1_000), (5, 1_012)]


def test_an_empty_block_changes_no_state_here(simulator: Simulator) -> None:
    assert simulator.run(plan())[0].block.header.state_root == simulator.chain.application.head.state_root


@pytest.mark.parametrize(
    ("blocks", "code"),
    [
        ((plan(number=0),), "BLOCK_NUMBER_ORDER"),
        ((plan(number=2),), "BLOCK_NUMBER_ORDER"),
        ((plan(number=20), plan(number=20)), "BLOCK_NUMBER_ORDER"),
        ((plan(time=1),), "BLOCK_TIME_ORDER"),
        ((plan(number=4, time=1_800_000_000), plan(time=1_800_000_000)), "BLOCK_TIME_ORDER"),
        ((plan(number=259),), "SIMULATION_LIMIT"),
        ((plan(number=2**256 - 1),), "SIMULATION_LIMIT"),
        ((plan(number=258), plan()), "SIMULATION_LIMIT"),
    ],
)
def test_blocks_out_of_order_are_refused(simulator: Simulator, blocks: tuple[BlockPlan, ...], code: str) -> None:
    assert simulator.refusal(*blocks) == code


def test_what_one_block_does_the_next_one_sees(simulator: Simulator) -> None:
    count = call(simulator.counter, call_data("count(uint256)", 5))
    total = call(simulator.counter, call_data("total()"))
    first, second = simulator.run(plan(count, total), plan(count, total))
    assert [int.from_bytes(block.outcomes[1].output) for block in (first, second)] == [5, 10]
    assert simulator.reader.state(simulator.chain.application.head).storage(simulator.counter, 0) == 0


def test_a_simulated_block_knows_the_hashes_of_those_before_it(simulator: Simulator) -> None:
    head = simulator.chain.application.head
    asks = {PLACE: AccountOverride(code=assembled(f"0 CALLDATALOAD BLOCKHASH {SHOWS}"))}
    heights = [head.number - 1, head.number, head.number + 1, head.number + 2, head.number + 3]
    calls = [call(PLACE, height.to_bytes(32, "big")) for height in heights]
    blocks = simulator.run(plan(), plan(*calls, accounts=asks))
    seen = [outcome.output for outcome in blocks[1].outcomes]
    assert seen == [head.parent_hash, head.hash, blocks[0].block.header.hash, bytes(32), bytes(32)]


def test_overrides_of_a_block_reach_code_and_header(simulator: Simulator) -> None:
    asks = {PLACE: AccountOverride(code=assembled("=48 0 MSTORE GASLIMIT 32 MSTORE COINBASE 64 MSTORE 96 0 RETURN"))}
    first, second = simulator.run(
        plan(call(PLACE), accounts=asks, base_fee=7, gas_limit=9_000_000, fee_recipient=OTHER, prev_randao=b"\1" * 32),
        plan(call(PLACE)),
    )
    words = [int.from_bytes(first.outcomes[0].output[at : at + 32]) for at in (0, 32, 64)]
    assert words == [7, 9_000_000, int.from_bytes(OTHER)]
    header, after = first.block.header, second.block.header
    assert (header.base_fee, header.gas_limit, header.proposer) == (7, 9_000_000, OTHER)
    assert (after.base_fee, after.gas_limit, after.proposer) == (0, 9_000_000, OTHER)
    assert (header.mix_hash, after.mix_hash) == (b"\1" * 32, bytes(32))


def test_failures_are_outcomes_with_their_reason(simulator: Simulator) -> None:
    block = simulator.code(REVERTS, INVALID, UNDERFLOWS, "JUMPDEST 0 0 JUMPI 0 0 REVERT", STORES)
    said = [outcome.failure.message if outcome.failure else "" for outcome in block.outcomes]
    assert said == ["execution reverted: nope", "invalid opcode: INVALID", "stack underflow", "execution reverted", ""]
    assert [receipt.status for receipt in block.block.receipts] == [0, 0, 0, 0, 1]
    assert all(outcome.output == b"" for outcome in block.outcomes[:4])
    reverted = block.outcomes[0].failure
    assert reverted is not None
    assert (reverted.data or b"")[:4].hex() == "08c379a0"


def test_an_endless_loop_ends_with_the_gas_of_its_block(simulator: Simulator) -> None:
    loops = {PLACE: AccountOverride(code=assembled(LOOPS))}
    block = simulator.run(plan(call(PLACE), accounts=loops, gas_limit=500_000))[0]
    failure = block.outcomes[0].failure
    assert failure is not None
    assert failure.message == "out of gas"
    assert block.outcomes[0].gas_used == block.block.header.gas_used == 500_000


def test_a_closed_built_in_contract_fails_as_it_does_on_the_chain(simulator: Simulator) -> None:
    outcome = simulator.run(plan(call(min(CLOSED))))[0].outcomes[0]
    assert outcome.failure is not None
    assert "PRECOMPILE_CLOSED" in outcome.failure.message


def test_a_moved_built_in_contract_is_back_in_the_next_block(simulator: Simulator) -> None:
    identity = (4).to_bytes(20, "big")
    moved = {identity: AccountOverride(precompile_to=PLACE)}
    calls = (call(PLACE, b"hi"), call(identity, b"hi"))
    blocks = simulator.run(plan(*calls), plan(*calls, accounts=moved), plan(*calls))
    seen = [[outcome.output for outcome in block.outcomes] for block in blocks]
    assert seen == [[b"", b"hi"], [b"hi", b""], [b"", b"hi"]]


def test_creations_return_code_and_stay(simulator: Simulator) -> None:
    code = assembled(f"7 {SHOWS}")
    made = SimulatedCall(CallRequest(POOR, b"", 0, deploying(code)))
    block = simulator.run(plan(made, call(created_address(POOR, 0))))[0]
    assert [outcome.output for outcome in block.outcomes] == [code, (7).to_bytes(32, "big")]
    assert block.block.receipts[0].contract == created_address(POOR, 0)


def test_withdrawals_are_paid_and_rooted(simulator: Simulator) -> None:
    paid = (Withdrawal(0, 1, PLACE, 3), Withdrawal(1, 1, OTHER, 0))
    first, second = simulator.run(
        plan(withdrawals=paid),
        plan(call(OTHER), accounts={OTHER: AccountOverride(code=assembled(f"0x{PLACE.hex()} BALANCE {SHOWS}"))}),
    )
    assert first.block.withdrawals == paid
    assert first.block.header.withdrawals_root == ordered_root([one.encode() for one in paid])
    assert int.from_bytes(second.outcomes[0].output) == 3 * 10**9


def test_movements_of_value_are_shown_in_order_and_not_in_receipts(simulator: Simulator) -> None:
    inner = {
        PLACE: AccountOverride(code=assembled(f"0 0 0 0 3 0x{OTHER.hex()} GAS CALL POP 0 0 LOG0"), balance=0),
        OTHER: AccountOverride(code=assembled(SUICIDAL), balance=4),
    }
    sent = call(PLACE, sender=RICH, value=5)
    shown = simulator.run(plan(sent, accounts=inner), transfers=True)[0]
    plain = simulator.run(plan(sent, accounts=inner))[0]
    moved = [
        (log.topics[1][12:], log.topics[2][12:], int.from_bytes(log.data))
        for _, log in shown.outcomes[0].logs if log.address == TRANSFER_ADDRESS
    ]  # fmt: skip
    assert moved == [(RICH, PLACE, 5), (PLACE, OTHER, 3), (OTHER, PLACE, 7)]
    assert [index for index, _ in shown.outcomes[0].logs] == [0, 1, 2, 3]
    assert all(int.from_bytes(log.topics[0]) == TRANSFER_TOPIC for _, log in shown.outcomes[0].logs[:3])
    assert [log.address for _, log in plain.outcomes[0].logs] == [PLACE]
    assert shown.block.header.hash == plain.block.header.hash


def test_what_did_not_move_is_not_shown(simulator: Simulator) -> None:
    borrowed = f"0 0 0 0 0x{OTHER.hex()} GAS DELEGATECALL POP 0 0 0 0 1 0x{OTHER.hex()} GAS CALLCODE POP"
    reverted = f"0 0 0 0 1 0x{OTHER.hex()} GAS CALL POP 0 0 REVERT"
    accounts = {
        PLACE: AccountOverride(code=assembled(borrowed), balance=9),
        OTHER: AccountOverride(code=assembled("STOP")),
        b"\xcc" * 20: AccountOverride(code=assembled(reverted), balance=9),
    }
    block = simulator.run(plan(call(PLACE), call(b"\xcc" * 20), accounts=accounts), transfers=True)[0]
    assert [outcome.logs for outcome in block.outcomes] == [(), ()]


def test_nonces_and_funds_count_only_where_asked_for(simulator: Simulator) -> None:
    late, early = call(PLACE, nonce=7), call(PLACE, sender=RICH, nonce=0)
    assert simulator.run(plan(late, early))[0].block.transactions[0].nonce == 7
    assert simulator.refusal(plan(late), validation=True) == "NONCE_TOO_HIGH"
    assert simulator.refusal(plan(early), validation=True) == "NONCE_TOO_LOW"
    last = {POOR: AccountOverride(nonce=2**64 - 1)}
    wrapped = simulator.run(plan(call(PLACE), call(PLACE), accounts=last))[0]
    assert [tx.nonce for tx in wrapped.block.transactions] == [2**64 - 1, 0]
    assert simulator.refusal(plan(call(PLACE), accounts=last), validation=True) == "SIMULATION_FAILED"
    assert simulator.refusal(plan(SimulatedCall(CallRequest(POOR, b"", 0, b"")), accounts=last)) == "SIMULATION_FAILED"


FEES = {"max_fee": 9, "max_priority_fee": 2}


def test_fees_are_paid_to_the_recipient_and_the_rest_burns(simulator: Simulator) -> None:
    asks = {OTHER: AccountOverride(code=assembled(f"0x{PLACE.hex()} BALANCE {SHOWS}"))}
    paying = call(b"\xdd" * 20, sender=RICH, **FEES)
    blocks = simulator.run(plan(paying, fee_recipient=PLACE, base_fee=5), plan(call(OTHER), accounts=asks))
    assert int.from_bytes(blocks[1].outcomes[0].output) == 21_000 * 2


@pytest.mark.parametrize(
    ("made", "block", "code"),
    [
        (call(PLACE, value=1), {}, "INSUFFICIENT_FUNDS"),
        (call(PLACE, **FEES), {}, "INSUFFICIENT_FUNDS"),
        (call(PLACE, sender=RICH, **FEES), {"base_fee": 10}, "FEE_BELOW_BASE"),
        (call(PLACE, sender=RICH, max_fee=1, max_priority_fee=2), {}, "TIP_ABOVE_CAP"),
        (call(PLACE, gas=20_999), {}, "INTRINSIC_GAS"),
        (call(PLACE, b"\1" * 100, gas=22_600), {}, "INTRINSIC_GAS"),
        (call(PLACE, gas=50_000), {"gas_limit": 40_000}, "BLOCK_GAS_REACHED"),
        (call(b"", b"\0" * 49_153), {}, "INITCODE_TOO_LARGE"),
        (call(PLACE, blob_hashes=(b"\1" * 32,)), {}, "BLOBS_REFUSED"),
        (call(b"", authorizations=(Authorization(1, PLACE, 0, 0, 1, 1),)), {}, "SIMULATION_FAILED"),
        (SimulatedCall(CallRequest(POOR, PLACE, 0, b""), chain_id=1), {}, "CHAIN_ID_WRONG"),
    ],
)
def test_calls_that_no_block_could_hold_end_the_simulation(
    simulator: Simulator, made: SimulatedCall, block: dict[str, int], code: str
) -> None:
    assert simulator.refusal(plan(made, **block)) == code


def test_validation_takes_fee_free_calls_on_this_chain(simulator: Simulator) -> None:
    block = simulator.run(plan(call(simulator.counter, call_data("count(uint256)", 1))), validation=True)[0]
    assert block.outcomes[0].failure is None


def test_a_state_that_is_gone_is_named(simulator: Simulator) -> None:
    application = simulator.chain.application
    with pytest.raises(CallFailed) as refused:
        simulate(
            application.rules, application.head, (), Overlay(lambda _: None), Simulation((plan(call(PLACE)),)),
            SIMULATION_LIMITS, lambda: 0.0,
        )  # fmt: skip
    assert refused.value.code == "STATE_UNAVAILABLE"


def test_balances_may_add_up_to_more_than_a_word(simulator: Simulator) -> None:
    full = {PLACE: AccountOverride(balance=2**256 - 1), POOR: AccountOverride(balance=2**256 - 1)}
    assert simulator.run(plan(call(PLACE, value=2), accounts=full))[0].outcomes[0].failure is None


def test_simulating_what_was_sealed_gives_the_sealed_block(tmp_path: Path) -> None:
    """The roots of state and receipts, gas and bloom: nothing but the signatures differs."""
    scene = Scene()
    stores = scene.deploy(STORES)
    for to in (stores, scene.deploy(REVERTS), scene.deploy(SUICIDAL), stores):
        scene.send(to, b"\1\2")
    with chain(tmp_path / "sealed", genesis({RICH: 10**18})) as made:
        made.seal(scene.transactions[0])
        before = made.application.head
        block = made.seal(*scene.transactions[1:])
        found = Reader(made.application, made.store, PyEvm()).simulate(before, Simulation((_again(block),), True))
    header, again = block.header, found[0].block.header
    assert again.transactions_root != header.transactions_root
    assert replace(again, transactions_root=header.transactions_root, extra_data=header.extra_data) == header
    assert found[0].block.receipts == block.receipts


def _again(block: Block) -> BlockPlan:
    calls = tuple(
        SimulatedCall(CallRequest(tx.sender, tx.to, tx.value, tx.data, tx.gas), tx.nonce) for tx in block.transactions
    )
    header = block.header
    around = BlockOverride(
        time=header.time, gas_limit=header.gas_limit, fee_recipient=header.proposer, prev_randao=header.mix_hash
    )
    return BlockPlan(around, {}, calls)


@given(st.lists(st.integers(1, 2**64), min_size=1, max_size=6), st.integers(1, 6))
@settings(max_examples=15, deadline=None)
def test_it_does_not_matter_where_blocks_are_cut(simulator: Simulator, amounts: list[int], size: int) -> None:
    calls = [call(simulator.counter, call_data("count(uint256)", amount), SECOND_RAW) for amount in amounts]
    total = call(simulator.counter, call_data("total()"))
    cut = [plan(*calls[at : at + size]) for at in range(0, len(calls), size)]
    last = simulator.run(*cut, plan(total))[-1]
    assert int.from_bytes(last.outcomes[0].output) == sum(amounts)


SECOND_RAW = raw(SECOND)
