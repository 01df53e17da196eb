"""The solo sealer with a clock of our own."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.config import PoolLimits, Sealing
from node.drivers.making import InProcess
from node.drivers.solo import ClockUntrusted, SoloSealer
from node.errors import StoreError
from node.evm.block import Run
from node.pool import Pool
from node.proposals import Block
from node.receipts import Receipt
from node.transactions import Transaction
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
    council_creation,
    raw,
    sign,
)


class HandClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.wall, self.run = float(START + 100), 1_000.0

    def now(self) -> float:
        return self.wall

    def elapsed(self) -> float:
        return self.run


class Desk:
    """A sealer with its parts."""

    def __init__(self, made: Chain, settings: Sealing) -> None:
        self.chain, self.clock, self.blocks = made, HandClock(), list[Block]()
        self.pool = Pool(
            lambda sender: made.application.account(sender).nonce,
            PoolLimits(100),
            self.clock.elapsed,
            made.application.is_trusted,
        )
        self.sealer = SoloSealer(
            InProcess(made.application, self.clock), self.pool, self.clock, settings, self.blocks.append
        )

    def send(self, *transactions: bytes) -> None:
        for wire in transactions:
            result = self.chain.application.check_tx(wire)
            assert result.transaction is not None, result.refusal
            self.pool.add(result.transaction)
        self.sealer.wake()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with chain(tmp_path / "chain") as made:
        yield Desk(made, Sealing(heartbeat=1.0, clock_tolerance=2.0))


async def test_a_block_takes_what_waits_in_order(desk: Desk) -> None:
    desk.send(council_creation())
    first = await desk.sealer.seal()
    assert first.header.time == START + 100
    desk.send(sign(FOUNDER, 2), sign(FOUNDER, 1))
    second = await desk.sealer.seal()
    assert [tx.nonce for tx in second.transactions] == [1, 2]
    assert len(desk.pool) == 0
    assert desk.blocks == [first, second]


async def test_time_rises_though_the_clock_stands(desk: Desk) -> None:
    times = [(await desk.sealer.seal()).header.time for _ in range(3)]
    assert times == [START + 100, START + 101, START + 102]


async def test_a_clock_within_tolerance_seals_and_beyond_refuses(desk: Desk) -> None:
    await desk.sealer.seal()
    desk.clock.wall -= 2
    assert (await desk.sealer.seal()).header.time == START + 101
    desk.clock.wall -= 2
    with pytest.raises(ClockUntrusted, match="CLOCK_UNTRUSTED"):
        await desk.sealer.seal()
    assert len(desk.blocks) == 2
    desk.clock.wall += 60
    assert (await desk.sealer.seal()).header.time == START + 156


async def test_a_clock_that_leaps_ahead_seals_nothing_until_it_is_back(desk: Desk) -> None:
    """Seconds that the machine counted too are no leap, however many; a leap is measured from the last block."""
    await desk.sealer.seal()
    desk.clock.wall += 86_400
    desk.clock.run += 86_400
    first = await desk.sealer.seal()
    desk.clock.wall += 3_600
    second = await desk.sealer.seal()
    assert (first.header.time, second.header.time) == (START + 100 + 86_400, START + 100 + 90_000)
    desk.clock.wall += 3_601
    for _ in range(2):
        with pytest.raises(ClockUntrusted, match="leapt 3601 s ahead"):
            await desk.sealer.seal()
    desk.clock.wall -= 3_500
    assert (await desk.sealer.seal()).header.time == START + 100 + 90_101


async def test_a_clock_that_leapt_before_the_first_block_is_noticed(desk: Desk) -> None:
    desk.clock.wall += 10 * 365 * 86_400
    with pytest.raises(ClockUntrusted):
        await desk.sealer.seal()


async def test_an_untrusted_clock_is_logged_reported_and_retried(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await desk.sealer.seal()
    desk.clock.wall -= 50
    desk.clock.run += 10
    running = asyncio.create_task(desk.sealer.run())
    with caplog.at_level(logging.ERROR):
        await _until(lambda: desk.sealer.trouble == "CLOCK_UNTRUSTED")
    assert "CLOCK_UNTRUSTED" in caplog.text
    desk.clock.wall += 60
    await _until(lambda: len(desk.blocks) == 2)
    await _until(lambda: desk.sealer.trouble == "")
    desk.sealer.stop()
    await running


async def test_stop_returns_with_the_last_block_durable(desk: Desk) -> None:
    running = asyncio.create_task(desk.sealer.run())
    desk.send(council_creation())
    await _until(lambda: bool(desk.blocks))
    desk.sealer.stop()
    await asyncio.wait_for(running, 5)
    assert desk.chain.store.head() == desk.blocks[-1].header


@pytest.mark.parametrize("interval", [1.0, 3.0])
async def test_no_block_within_the_interval_after_the_last(young: Chain, interval: float) -> None:
    desk = Desk(young, Sealing(interval=interval, heartbeat=9.0))
    running = asyncio.create_task(desk.sealer.run())
    desk.send(council_creation())
    await _until(lambda: len(desk.blocks) == 1)
    desk.send(sign(FOUNDER, 1))
    desk.clock.run += interval - 0.5
    await asyncio.sleep(0.05)
    assert len(desk.blocks) == 1
    desk.clock.run += 0.5
    await _until(lambda: len(desk.blocks) == 2)
    desk.sealer.stop()
    await running


async def test_heartbeats_are_empty_blocks(desk: Desk) -> None:
    desk.clock.run += 1
    running = asyncio.create_task(desk.sealer.run())
    await _until(lambda: len(desk.blocks) == 1)
    assert desk.blocks[0].transactions == ()
    desk.sealer.stop()
    await running


async def test_what_lost_its_permission_leaves_the_pool(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    council = desk.chain.application.genesis.council
    desk.send(council_creation())
    await desk.sealer.seal()
    allow = call_data("set_sender(address,bool)", STRANGER.address, True)
    desk.send(sign(FOUNDER, 1, council, data=allow, gas=100_000))
    await desk.sealer.seal()
    forbid = call_data("set_sender(address,bool)", STRANGER.address, False)
    desk.send(sign(FOUNDER, 2, council, data=forbid, gas=100_000), sign(STRANGER, 0))
    with caplog.at_level(logging.WARNING):
        block = await desk.sealer.seal()
    assert [tx.sender for tx in block.transactions] == [raw(FOUNDER)]
    assert len(desk.pool) == 0
    assert "SEND_FORBIDDEN" in caplog.text


async def test_what_waited_for_too_long_leaves_the_pool_with_a_block(desk: Desk) -> None:
    desk.send(sign(FOUNDER, 5))
    await desk.sealer.seal()
    desk.clock.run += 600
    assert len(desk.pool) == 1
    await desk.sealer.seal()
    assert len(desk.pool) == 0


async def test_free_gas_does_not_keep_members_waiting(desk: Desk) -> None:
    """Strangers who ask for all they may come after members, and do not hide smaller ones behind them."""
    council = desk.chain.application.genesis.council
    desk.send(council_creation())
    await desk.sealer.seal()
    opened = call_data("set_target(address,bool)", NOBODY, True)
    desk.send(sign(FOUNDER, 1, council, data=opened, gas=100_000))
    await desk.sealer.seal()
    greedy = [account(f"greedy {n}") for n in range(30)]
    data = b"\1" * 36_000
    desk.send(*(sign(who, 0, NOBODY, gas=30_000_000 // 8, data=data) for who in greedy))
    desk.send(sign(STRANGER, 0, NOBODY), sign(FOUNDER, 2))
    block = await desk.sealer.seal()
    assert block.transactions[0].sender == raw(FOUNDER)
    assert block.transactions[-1].sender == raw(STRANGER)
    assert len(block.transactions) < 30
    assert len(desk.pool) == 32 - len(block.transactions)


async def test_a_transaction_that_meets_a_defect_is_dropped_and_the_block_made_without_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk.send(council_creation())
    await desk.sealer.seal()
    desk.send(*(sign(FOUNDER, nonce, value=0) for nonce in range(1, 5)))
    honest = Run.apply

    def apply(run: Run, transaction: Transaction) -> Receipt:
        receipt = honest(run, transaction)
        if transaction.nonce == 3:
            raise RecursionError("too deep")
        return receipt

    monkeypatch.setattr(Run, "apply", apply)
    with caplog.at_level(logging.ERROR):
        block = await desk.sealer.seal()
    assert [tx.nonce for tx in block.transactions] == [1, 2]
    assert "EXECUTION_BROKE" in caplog.text
    assert "RecursionError" in caplog.text
    assert [tx.nonce for tx in desk.pool.split()[1][raw(FOUNDER)]] == [4]
    assert desk.chain.application.account(raw(FOUNDER)).nonce == 3


async def test_a_store_that_cannot_write_ends_the_node(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("STORE_FULL", "the store has reached its size")

    monkeypatch.setattr(desk.chain.store, "write_block", broken)
    desk.send(sign(SECOND, 0))
    with pytest.raises(StoreError, match="STORE_FULL"):
        await desk.sealer.run()


async def _until(condition: object, seconds: float = 5) -> None:
    assert callable(condition)
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never happened"
        await asyncio.sleep(0.01)
