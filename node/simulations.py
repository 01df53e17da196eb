"""What `eth_simulateV1` takes and gives: calls in blocks that nobody keeps, one after the other upon a real block.

Where a caller leaves a part out, the blocks continue the chain: the next height, twelve seconds later, the gas limit
and recipient of the block before. Left-out heights become empty blocks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from node.blocks import Header
from node.chain_rules import ChainRules
from node.errors import CallFailed
from node.execution import CallRequest, Executor
from node.overlay import Overlay
from node.overrides import AccountOverride, BlockOverride
from node.proposals import Block
from node.receipts import Log

MOST_BLOCKS = 256
SECONDS_BETWEEN = 12


@dataclass(frozen=True, slots=True)
class SimulationLimits:
    """For all blocks of one request together: calls, accounts and slots pretended, gas, bytes that calls return or log,
    and seconds of work."""

    calls: int = 10_000
    pretended: int = 4_000
    gas: int = 50_000_000
    output_bytes: int = 8 * 1024 * 1024
    seconds: float = 5.0


SIMULATION_LIMITS = SimulationLimits()


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call as part of a block. `legacy` is one with a single gas price; without `nonce` it is the sender's next."""

    request: CallRequest
    nonce: int | None = None
    legacy: bool = False
    chain_id: int | None = None


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """One block to simulate: what it pretends, and its calls."""

    block: BlockOverride = field(default_factory=BlockOverride)
    accounts: Mapping[bytes, AccountOverride] = field(default_factory=dict)
    calls: tuple[SimulatedCall, ...] = ()

    @property
    def pretended(self) -> int:
        """Accounts and slots that are not what they are."""
        return sum(1 + len(one.state or ()) + len(one.state_diff or ()) for one in self.accounts.values())


@dataclass(frozen=True, slots=True)
class Simulation:
    """All blocks. With `validation` nonces, funds and fees count as in real blocks; with `transfers` every movement of
    value is shown as a log (ERC-7528)."""

    blocks: tuple[BlockPlan, ...]
    validation: bool = False
    transfers: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed: text, and what the contract said if it reverted."""

    message: str
    data: bytes | None = None

    @property
    def reverted(self) -> bool:
        """Did the contract itself say no?"""
        return self.data is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call did. Logs come with their block-wide index; `most_gas` is the gas needed before refunds."""

    output: bytes
    logs: tuple[tuple[int, Log], ...]
    gas_used: int
    most_gas: int
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class SimulatedBlock:
    """A block that never was, and the outcome of each of its transactions."""

    block: Block
    outcomes: tuple[Outcome, ...]


def filled(plans: Sequence[BlockPlan], number: int, time: int) -> Iterator[BlockPlan]:
    """The plans with every height and time set, empty blocks in the gaps; they follow the block at `number`, `time`.

    Raises CallFailed: BLOCK_NUMBER_ORDER, BLOCK_TIME_ORDER, SIMULATION_LIMIT.
    """
    base = number
    for plan in plans:
        wanted = number + 1 if plan.block.number is None else plan.block.number
        if wanted <= number:
            raise CallFailed("BLOCK_NUMBER_ORDER", f"block numbers must be in order: {wanted} <= {number}")
        if wanted - base > MOST_BLOCKS:
            raise CallFailed("SIMULATION_LIMIT", "too many blocks")
        for height in range(number + 1, wanted):
            time += SECONDS_BETWEEN
            yield BlockPlan(BlockOverride(number=height, time=time))
        moment = time + SECONDS_BETWEEN if plan.block.time is None else plan.block.time
        if moment <= time:
            raise CallFailed("BLOCK_TIME_ORDER", f"block timestamps must be in order: {moment} <= {time}")
        number, time = wanted, moment
        yield replace(plan, block=replace(plan.block, number=number, time=time))


class Simulator(Executor, Protocol):
    """An executor that can also simulate."""

    def simulate(
        self,
        rules: ChainRules,
        base: Header,
        ancestors: Iterable[bytes],
        nodes: Overlay,
        simulation: Simulation,
        limits: SimulationLimits,
    ) -> list[SimulatedBlock]:
        """The blocks after `base`, whose own ancestors' hashes are given, nearest first. Raises CallFailed."""
        ...
