"""Simulation against those who ask for too much: each bound ends in an error that names it, and soon."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from time import monotonic

import pytest

from node.errors import CallFailed
from node.evm import PyEvm
from node.evm.simulation import simulate
from node.execution import CallRequest
from node.overlay import Overlay
from node.overrides import AccountOverride, BlockOverride
from node.reader import Reader
from node.simulations import SIMULATION_LIMITS, BlockPlan, SimulatedBlock, SimulatedCall, Simulation, SimulationLimits
from tests.node.scenes import DEEPENS, LOOPS, assembled
from tests.node.support import Chain, chain

PLACE = b"\xaa" * 20
FILLS = "200000 0 RETURN"
LOGS = "100000 0 LOG0"


@dataclass
class Limited:
    """Simulations on one chain."""

    chain: Chain

    @property
    def reader(self) -> Reader:
        return Reader(self.chain.application, self.chain.store, PyEvm())

    def run(self, code: str | bytes, calls: int = 1, blocks: int = 1, **limits: float) -> list[SimulatedBlock]:
        plan = BlockPlan(
            accounts={PLACE: AccountOverride(code=assembled(code) if isinstance(code, str) else code)},
            calls=(SimulatedCall(CallRequest(None, PLACE, 0, b"")),) * calls,
        )
        allowed = replace(SIMULATION_LIMITS, **limits)  # type: ignore[arg-type]
        return self.reader.simulate(self.chain.application.head, Simulation((plan,) * blocks), allowed)

    def refusal(self, code: str | bytes, calls: int = 1, blocks: int = 1, **limits: float) -> str:
        with pytest.raises(CallFailed) as refused:
            self.run(code, calls, blocks, **limits)
        return refused.value.code


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    with chain(tmp_path_factory.mktemp("limits")) as made:
        yield Limited(made)


def test_calls_of_all_blocks_are_counted_before_anything_runs(limited: Limited) -> None:
    assert len(limited.run("STOP", calls=2, blocks=3)) == 3
    assert limited.refusal(LOOPS, calls=5_000, blocks=3) == "SIMULATION_LIMIT"


def test_what_is_pretended_is_counted_before_anything_is_written(limited: Limited) -> None:
    accounts = {bytes([number]) * 20: AccountOverride(state_diff={0: 1, 1: 2}) for number in range(1, 6)}
    head, reader = limited.chain.application.head, limited.reader
    plans = Simulation((BlockPlan(accounts=accounts), BlockPlan(accounts=accounts)))
    assert len(reader.simulate(head, plans, replace(SIMULATION_LIMITS, pretended=30))) == 2
    with pytest.raises(CallFailed, match="more than 29 accounts and slots"):
        reader.simulate(head, plans, replace(SIMULATION_LIMITS, pretended=29))


def test_gas_of_all_blocks_together_is_bounded(limited: Limited) -> None:
    blocks = limited.run("STOP", blocks=2, gas=60_000)
    assert [block.block.transactions[0].gas for block in blocks] == [60_000, 39_000]
    assert limited.refusal("STOP", blocks=3, gas=60_000) == "SIMULATION_LIMIT"


def test_a_call_cut_short_by_the_bound_says_so(limited: Limited) -> None:
    failure = limited.run(LOOPS, gas=60_000)[0].outcomes[0].failure
    assert failure is not None
    assert failure.message == "out of gas (gas limit was capped by the limit on a simulation)"


@pytest.mark.parametrize("code", [FILLS, LOGS, "200000 0 REVERT"])
def test_what_calls_say_is_bounded(limited: Limited, code: str) -> None:
    assert len(limited.run(code, calls=5)) == 1
    assert limited.refusal(code, calls=5, output_bytes=450_000) == "SIMULATION_LIMIT"


@pytest.mark.parametrize("code", [LOOPS, "JUMPDEST 100000 0 SHA3 POP 0 JUMP", "JUMPDEST 0 0 0 CREATE POP 0 JUMP"])
def test_work_ends_when_its_time_is_up(limited: Limited, code: str) -> None:
    began = monotonic()
    assert limited.refusal(code, seconds=0.05) == "EXECUTION_TIMEOUT"
    assert monotonic() - began < 2.0


def test_calls_as_deep_as_they_may_be_have_an_outcome(limited: Limited) -> None:
    outcome = limited.run(DEEPENS)[0].outcomes[0]
    assert len(outcome.logs) > 100


def test_even_code_without_a_jump_is_stopped(limited: Limited) -> None:
    assert limited.refusal(assembled("GAS POP") * 200_000, seconds=0.01) == "EXECUTION_TIMEOUT"


def test_empty_blocks_count_as_work_too(limited: Limited) -> None:
    clock = count()
    plans = Simulation(tuple(BlockPlan() for _ in range(20)))
    application, store = limited.chain.application, limited.chain.store
    head, rules = application.head, application.rules

    def run(limits: SimulationLimits) -> list[SimulatedBlock]:
        return simulate(rules, head, (), Overlay(store.node), plans, limits, lambda: float(next(clock)))

    assert len(run(SimulationLimits(seconds=1_000))) == 20
    with pytest.raises(CallFailed, match="execution aborted"):
        run(SimulationLimits(seconds=10))


def test_all_blocks_that_may_be_asked_for_are_answered_in_time(limited: Limited) -> None:
    head = limited.chain.application.head
    far = Simulation((BlockPlan(BlockOverride(number=head.number + 256)),))
    assert len(limited.reader.simulate(head, far)) == 256
