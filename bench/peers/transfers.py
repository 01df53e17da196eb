"""The same signed ERC-20 transfers through our node and through others, over HTTP.

Ours checks permissions under the real Council and keeps every block on disk; the others do neither. A count of what
succeeded is the receiver's balance; the clock stops at the block of the last one.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import aiohttp
from eth_account import Account
from eth_account.signers.local import LocalAccount

from bench.measuring import ROUNDS, Against, Comparison, NotRun, Result, Scale, Setting
from bench.node_process import NodeProcess, running
from bench.peers.nodes import CHAIN_ID, MNEMONIC, NAMES, Mode, install, peer
from bench.rpc import CONNECTIONS, POLL, Client
from bench.token_chain import COUNCIL, FOUNDER, council_creation, decisions, open_target, role
from node.addresses import checksummed
from node.transactions import created_address
from tests.node.support import account, call_data, raw, sign

BENCH = "peers"
RECEIVER = account("bench receiver").address
FEES = {"chainId": CHAIN_ID, "maxFeePerGas": 100 * 10**9, "maxPriorityFeePerGas": 10**9}
TRANSFER_GAS = 60_000
HELD = 10**6
WEI = 10**22
BLOCKS, INSTANT = Mode(True), Mode(False)


@dataclass(frozen=True, slots=True)
class _Load:
    """`senders` accounts send `each` transfers in a round."""

    senders: int
    each: int
    mode: Mode
    what: str


LOADS = {
    Scale.SMALL: (_Load(4, 2, BLOCKS, "100 senders, 1 s blocks"),),
    Scale.NORMAL: (
        _Load(100, 25, BLOCKS, "100 senders, 1 s blocks"),
        _Load(1, 400, BLOCKS, "one sender, 1 s blocks"),
        _Load(100, 10, INSTANT, "100 senders, theirs a block each"),
    ),
}


@cache
def accounts() -> list[LocalAccount]:
    """The hundred accounts of the usual development mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    return [Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{at}") for at in range(100)]


@cache
def plain_token() -> bytes:
    """Initcode that every peer can run (Shanghai)."""
    from vyper.compiler import compile_code
    from vyper.compiler.settings import Settings

    source = (Path(__file__).parents[1] / "plain_token.vy").read_text()
    output = compile_code(source, output_formats=["bytecode"], settings=Settings(evm_version="shanghai"))
    return bytes.fromhex(output["bytecode"][2:])


TOKEN = created_address(raw(accounts()[0]), 0)


def measure(setting: Setting) -> list[Result]:
    """Transfers a second through each, by turns."""
    setting.say("installing the peers")
    missing = install()
    if missing:
        return [NotRun(BENCH, f"transfers on {name}", missing) for name in NAMES]
    results: list[Result] = []
    for load in LOADS[setting.scale]:
        rates = {name: list[float]() for name in ("ours", *NAMES)}
        failed: dict[str, str] = {}
        for number in range(ROUNDS):
            for name in rates:
                setting.say(f"{load.what}, round {number + 1} of {ROUNDS}: {name}")
                _round(setting, name, load, number, rates[name], failed)
        results += [_line(load, name, rates, failed) for name in NAMES]
    return results


def _line(load: _Load, name: str, rates: dict[str, list[float]], failed: dict[str, str]) -> Result:
    what = f"ERC-20 transfers, {load.what}"
    why = failed.get(name) or failed.get("ours")
    if why:
        return NotRun(BENCH, f"{what}, {name}", why)
    return Comparison(
        BENCH, what, "transfers/s", tuple(rates["ours"]), f"{name}, in memory", tuple(rates[name]), Against.PEER
    )


def _round(setting: Setting, name: str, load: _Load, number: int, rates: list[float], failed: dict[str, str]) -> None:
    folder = setting.folder / f"{name}-{load.senders}-{load.mode.interval}-{number}"
    folder.mkdir()
    starts: Callable[[], AbstractContextManager[NodeProcess]]
    if name == "ours":
        alloc = tuple(f"{one.address}={WEI}" for one in accounts())
        starts = partial(running, folder / "node", FOUNDER.address, CHAIN_ID, alloc)
    else:
        starts = partial(peer, name, load.mode, folder)
    try:
        with starts() as node:
            rates.append(asyncio.run(_measured(node.url, name, load)))
    except (OSError, AssertionError, aiohttp.ClientError) as error:
        failed[name] = f"{type(error).__name__}: {str(error)[:150]}"


async def _measured(url: str, name: str, load: _Load) -> float:
    senders = accounts()[1 : 1 + load.senders] if load.senders < 100 else accounts()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as http:
        client = Client(http, url)
        if name == "ours":
            await client.send_in_order(_council())
        deployer, nonce = accounts()[0], 0
        setup = [sign(deployer, nonce, None, data=plain_token(), gas=1_000_000, **FEES)]
        for nonce, one in enumerate(accounts()[1:], 1):
            data = call_data("transfer(address,uint256)", one.address, HELD)
            setup.append(sign(deployer, nonce, TOKEN, data=data, gas=TRANSFER_GAS, **FEES))
        await client.send_in_order(setup)
        first = {deployer.address: nonce + 1}
        data = call_data("transfer(address,uint256)", RECEIVER, 1)
        queues = [
            [
                sign(one, first.get(one.address, 0) + at, TOKEN, data=data, gas=TRANSFER_GAS, **FEES)
                for at in range(load.each)
            ]
            for one in senders
        ]
        method = "eth_sendRawTransactionSync" if name == "anvil" and not load.mode.interval else None
        return await _sent(client, queues, method)


def _council() -> list[bytes]:
    """The Council, with the mnemonic's first account as a deployer and the token open to all."""
    fields = {"chainId": CHAIN_ID, "gas": 5_000_000}
    steps = [*decisions(role(b"DEPLOYER", accounts()[0].address)), *open_target(TOKEN)]
    calls = [(None, council_creation()), *((COUNCIL, data) for data in steps)]
    return [sign(FOUNDER, nonce, to, data=data, **fields) for nonce, (to, data) in enumerate(calls)]


async def _sent(client: Client, queues: list[list[bytes]], sync: str | None) -> float:
    """Transfers a second, by the receiver's balance."""
    before, count = await _received(client), sum(map(len, queues))

    async def feed(mine: list[list[bytes]]) -> None:
        for row in zip(*mine, strict=True):
            for one in row:
                await client.ask(sync or "eth_sendRawTransaction", "0x" + one.hex())

    begin = time.perf_counter()
    parts = [part for at in range(CONNECTIONS) if (part := queues[at::CONNECTIONS])]
    await asyncio.gather(*(feed(part) for part in parts))
    while (received := await _received(client)) < before + count:
        assert time.perf_counter() - begin < 100, f"only {received - before} of {count} transfers succeeded"
        await asyncio.sleep(POLL)
    return count / (time.perf_counter() - begin)


async def _received(client: Client) -> int:
    call = {"to": checksummed(TOKEN), "data": "0x" + call_data("balanceOf(address)", RECEIVER).hex()}
    return int(await client.ask("eth_call", call, "latest"), 16)
