"""Payments in health tokens through a real node over HTTP, against py-evm alone and against eth-tester.

The node keeps every block on disk, makes one a second and asks the Council for permission. 100 holders, 16 connections,
signed beforehand; counted from receipts with status 1; the clock stops at the last one. The client shares the machine.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from eth_account.signers.local import LocalAccount

from bench.latency import Reading
from bench.measuring import ROUNDS, Against, Comparison, NotRun, Result, Scale, Setting, Waits, seconds
from bench.mirror import Mirror
from bench.node_process import NodeProcess, running
from bench.rpc import Client
from bench.tester import Tester
from bench.token_chain import FOUNDER, SHOP, TOKEN, Signing, holders, in_rows
from node.addresses import checksummed
from tests.node.support import call_data

BENCH = "node"
PAYMENTS = "HealthToken payments over HTTP, 1 s blocks on disk"
BALANCE = call_data("balanceOf(address)", SHOP.address)


@dataclass(frozen=True, slots=True)
class _Sizes:
    holders: int
    each: int
    """Payments of each holder in a round."""
    tester_each: int
    idle: float
    """Seconds of reading while nothing else happens."""


SIZES = {Scale.SMALL: _Sizes(16, 2, 1, 0.2), Scale.NORMAL: _Sizes(100, 20, 3, 3.0)}


@dataclass(slots=True)
class _Rates:
    """Payments a second, per round."""

    node: list[float] = field(default_factory=list)
    node_processor: list[float] = field(default_factory=list)
    mirror: list[float] = field(default_factory=list)
    mirror_processor: list[float] = field(default_factory=list)
    tester: list[float] = field(default_factory=list)
    waits: Waits = field(default_factory=lambda: Waits([], []))


def measure(setting: Setting) -> list[Result]:
    """Payments a second, and milliseconds that a read takes meanwhile."""
    sizes = SIZES[setting.scale]
    accounts, tester = holders(sizes.holders), peer(setting)
    with running(setting.folder / "node", FOUNDER.address) as node:
        rates = asyncio.run(_rounds(setting, node, accounts, tester if isinstance(tester, Tester) else None))
    return _results(rates, tester)


def peer(setting: Setting) -> Tester | NotRun:
    """eth-tester with the same contracts, or why there is none."""
    setting.say("setting up eth-tester")
    try:
        return Tester(holders(SIZES[setting.scale].holders))
    except ImportError as error:
        return NotRun(BENCH, "payments on eth-tester", f"not installed ({error})")


async def _rounds(setting: Setting, node: NodeProcess, accounts: list[LocalAccount], tester: Tester | None) -> _Rates:
    sizes, rates, mirror, signing = SIZES[setting.scale], _Rates(), Mirror(), Signing()
    async with _client(node.url) as client:
        setting.say("setting up the node")
        setup = signing.setup(accounts)
        await client.send_in_order(setup)
        mirror.apply(setup)
        for number in range(ROUNDS):
            queues = [signing.transfers(one, number * sizes.each, sizes.each) for one in accounts]
            setting.say(f"round {number + 1} of {ROUNDS}: node")
            await _node_round(client, node, queues, sizes.idle, rates)
            setting.say(f"round {number + 1} of {ROUNDS}: py-evm alone")
            _mirror_round(mirror, in_rows(queues), rates)
            if tester is not None:
                setting.say(f"round {number + 1} of {ROUNDS}: eth-tester")
                first = number * sizes.tester_each
                own = [tester.signing.transfers(one, first, sizes.tester_each) for one in accounts]
                _tester_round(tester, in_rows(own), rates)
        head = await client.ask("eth_getBlockByNumber", "latest", False)
    assert head["stateRoot"] == "0x" + mirror.root.hex(), "both must end in the same state"
    return rates


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield Client(http, url)


async def _node_round(client: Client, node: NodeProcess, queues: list[list[bytes]], idle: float, rates: _Rates) -> None:
    to = checksummed(TOKEN)
    resting = await Reading.begin(node.url, to, BALANCE)
    await asyncio.sleep(idle)
    rates.waits.other.append(await resting.stop())
    reading = await Reading.begin(node.url, to, BALANCE)
    before = node.processor_seconds()
    taken = await client.send_all(queues)
    used = node.processor_seconds() - before
    rates.waits.ours.append(await reading.stop())
    count = sum(map(len, queues))
    rates.node.append(count / taken)
    rates.node_processor.append(count / max(used, 0.01))


def _mirror_round(mirror: Mirror, transactions: list[bytes], rates: _Rates) -> None:
    before = time.process_time()
    rates.mirror.append(len(transactions) / seconds(lambda: mirror.apply(transactions)))
    rates.mirror_processor.append(len(transactions) / (time.process_time() - before))


def _tester_round(tester: Tester, transactions: list[bytes], rates: _Rates) -> None:
    hashes: list[str] = []
    rates.tester.append(len(transactions) / seconds(lambda: hashes.extend(tester.send(transactions))))
    tester.check(hashes)


def _results(rates: _Rates, tester: Tester | NotRun) -> list[Result]:
    limit, unit = "py-evm alone, in memory, 500 a block", "payments/s"
    node, processor = tuple(rates.node), tuple(rates.node_processor)
    results: list[Result] = [
        Comparison(BENCH, PAYMENTS, unit, node, limit, tuple(rates.mirror), Against.LIMIT),
        Comparison(
            BENCH, PAYMENTS, "payments/CPU s", processor, limit, tuple(rates.mirror_processor), Against.LIMIT
        ),
    ]  # fmt: skip
    if isinstance(tester, NotRun):
        results.append(tester)
    else:
        name = "eth-tester, in memory, no HTTP, 1 a block"
        results.append(Comparison(BENCH, PAYMENTS, unit, node, name, tuple(rates.tester), Against.PEER))
    return [*results, *rates.waits.compare(BENCH, "eth_call while blocks are full", "idle node", Against.LIMIT)]
