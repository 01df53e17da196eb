"""A port of its own over a small chain, in the test's loop: what HTTP does, without a sealer."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.access.files import alone, read_ring, write_ring
from node.access.keys import KeyRecord, digest_of, new_key
from node.clock import SystemClock
from node.config import Config, PoolLimits
from node.evm import PyEvm
from node.health import Health
from node.pool import Pool
from node.reader import Reader
from node.rpc.context import Context
from node.rpc.filters import Filters
from node.rpc.port import Port
from tests.node.support import Chain, chain

ASK = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}


@dataclass
class Ported:
    """A port that listens, the chain behind it, and how the node is said to be."""

    url: str
    port: Port
    chain: Chain
    folder: Path
    health: list[Health] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").removeprefix("https://").rpartition(":")
        return host, int(port)

    def add_key(self, name: str, *methods: str, expires: int | None = None) -> str:
        """A key that the port knows at once."""
        key = add_key(self.folder, name, *methods, expires=expires)
        self.port.reload()
        return key

    def revoke(self, name: str) -> None:
        path = self.folder / "access.json"
        write_ring(path, read_ring(path).revoke(name))
        self.port.reload()

    def metric(self, name: str) -> float:
        """One line of the page."""
        for line in self.port.metrics.page().decode().splitlines():
            if line.startswith(name + " "):
                return float(line.removeprefix(name + " "))
        raise AssertionError(f"no metric {name}")


def add_key(folder: Path, name: str, *methods: str, expires: int | None = None) -> str:
    path, key = folder / "access.json", new_key()
    with alone(path):
        write_ring(path, read_ring(path).add(KeyRecord(name, digest_of(key), methods, 0, expires)))
    return key


@asynccontextmanager
async def ported(folder: Path, **settings: Any) -> AsyncIterator[Ported]:
    """A port on a free port of loopback."""
    config = Config(**({"http": "127.0.0.1:0"} | settings))
    clock, health = SystemClock(), [Health("", 0)]
    threads = ThreadPoolExecutor(2)
    with chain(folder / "chain") as made:
        reader = Reader(made.application, made.store, PyEvm())
        pool = Pool(lambda sender: made.application.account(sender).nonce, PoolLimits(), clock.elapsed)
        filters = Filters(clock, 10)
        context = Context(made.application, reader, pool, config.limits, filters, lambda _: None, threads, threads)
        port = Port(context, config, folder, clock, lambda: health[0])
        try:
            yield Ported(await port.start(), port, made, folder, health)
        finally:
            await port.close()
            threads.shutdown()


async def exchange(address: tuple[str, int], request: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes, read until the node closes."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()
