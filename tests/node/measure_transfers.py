"""Transfers per second over HTTP: 100 senders, 16 connections, a block a second, every block on disk, under a Council.

    python -m tests.node.measure_transfers [transactions] [rounds]

Signed beforehand; counted from receipts with status 1; the clock stops at the last one. The client shares the machine.
Meanwhile another client times a read every 20 ms.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
from eth_account.signers.local import LocalAccount

from node.addresses import checksummed
from node.transactions import created_address
from tests.node.support import FOUNDER, NOBODY, account, call_data, council_creation, creation, raw, sign

SENDERS, CONNECTIONS = 100, 16
COUNCIL = created_address(raw(FOUNDER), 0)
COUNTER = created_address(raw(FOUNDER), 1)


async def _rpc(http: aiohttp.ClientSession, url: str, method: str, *params: object) -> Any:
    async with http.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) as reply:
        body = await reply.json()
    assert "error" not in body, body
    return body["result"]


async def _mined(http: aiohttp.ClientSession, url: str, digest: str) -> Any:
    while (receipt := await _rpc(http, url, "eth_getTransactionReceipt", digest)) is None:
        await asyncio.sleep(0.05)
    assert receipt["status"] == "0x1"
    return receipt


async def _found(http: aiohttp.ClientSession, url: str) -> None:
    opened = [
        call_data("set_target(address,bool)", NOBODY, True),
        call_data("set_target(address,bool)", checksummed(COUNTER), True),
    ]
    transactions = [council_creation(), sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000)]
    transactions += [sign(FOUNDER, 2 + at, COUNCIL, data=data, gas=100_000) for at, data in enumerate(opened)]
    for transaction in transactions:
        await _mined(http, url, await _rpc(http, url, "eth_sendRawTransaction", "0x" + transaction.hex()))


async def _reads(http: aiohttp.ClientSession, url: str, waits: list[float], done: asyncio.Event) -> None:
    while not done.is_set():
        started = time.perf_counter()
        await _rpc(http, url, "eth_getBalance", NOBODY, "latest")
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(0.02)


async def _send(http: aiohttp.ClientSession, url: str, queues: Sequence[Sequence[str]]) -> list[str]:
    async def feed(mine: Sequence[Sequence[str]]) -> list[str]:
        return [
            await _rpc(http, url, "eth_sendRawTransaction", wire) for row in zip(*mine, strict=True) for wire in row
        ]

    parts = await asyncio.gather(*(feed(queues[at::CONNECTIONS]) for at in range(CONNECTIONS)))
    return [digest for part in parts for digest in part]


async def _round(http: aiohttp.ClientSession, url: str, queues: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
    waits: list[float] = []
    done = asyncio.Event()
    reader = asyncio.create_task(_reads(http, url, waits, done))
    first = int(await _rpc(http, url, "eth_blockNumber"), 16) + 1
    started = time.perf_counter()
    sent = set(await _send(http, url, queues))
    missing, number = set(sent), first
    while missing:
        block = await _rpc(http, url, "eth_getBlockByNumber", hex(number), False)
        if block is None:
            await asyncio.sleep(0.02)
            continue
        missing -= set(block["transactions"])
        number += 1
    seconds = time.perf_counter() - started
    done.set()
    await reader
    await _check(http, url, range(first, number), sent)
    return len(sent) / seconds, waits


async def _check(http: aiohttp.ClientSession, url: str, blocks: range, sent: set[str]) -> None:
    good = set()
    for number in blocks:
        receipts = await _rpc(http, url, "eth_getBlockReceipts", hex(number))
        good |= {receipt["transactionHash"] for receipt in receipts if receipt["status"] == "0x1"}
    assert sent <= good


async def _measure(url: str, process: int, transactions: int, rounds: int) -> None:
    senders = [account(f"sender {at}") for at in range(SENDERS)]
    each, timeout = transactions // SENDERS, aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        await _found(http, url)
        nonce = 0
        for kind in ("transfer", "contract"):
            rates, waits, before = [], list[float](), _cpu(process)
            for _ in range(rounds):
                queues = [_signed(sender, nonce, each, kind) for sender in senders]
                nonce += each
                rate, more = await _round(http, url, queues)
                rates.append(rate)
                waits += more
            _report(kind, rates, waits, rounds * each * SENDERS / (_cpu(process) - before))


def _cpu(process: int) -> float:
    """Seconds of processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _signed(sender: LocalAccount, nonce: int, count: int, kind: str) -> list[str]:
    target, data, gas = (
        (NOBODY, b"", 21_000) if kind == "transfer" else (COUNTER, call_data("count(uint256)", 1), 60_000)
    )
    return ["0x" + sign(sender, nonce + at, target, data=data, gas=gas).hex() for at in range(count)]


def _report(kind: str, rates: list[float], waits: list[float], per_cpu: float) -> None:
    waits.sort()
    read = {"median": waits[len(waits) // 2], "p99": waits[len(waits) * 99 // 100], "worst": waits[-1]}
    result = {
        "kind": kind,
        "per_second": [round(rate) for rate in sorted(rates)],
        "median": round(statistics.median(rates)),
        "per_cpu_second": round(per_cpu),
        "read_ms": {name: round(seconds * 1e3, 1) for name, seconds in read.items()},
        "load": round(os.getloadavg()[0], 1),
    }
    sys.stdout.write(json.dumps(result) + "\n")


def main(transactions: int = 3_000, rounds: int = 3) -> None:
    """Start a node on a new directory and measure it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "node"]
        subprocess.run(
            [*command, "init", "--data", folder, "--founder", FOUNDER.address], check=True, capture_output=True
        )
        start = [*command, "start", "--data", folder, "--http", "127.0.0.1:0", "--log-level", "warning"]
        with subprocess.Popen(start, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().removeprefix("ready ").strip()
                asyncio.run(_measure(url, process.pid, transactions, rounds))
            finally:
                process.terminate()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
