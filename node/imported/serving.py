"""Serving an imported chain: the same methods as on our own, and nothing that seals."""

import asyncio
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from node.blocks import Header
from node.clock import SystemClock
from node.config import STORE_FOLDER, Config
from node.evm import PyEvm
from node.imported.building import Builder
from node.imported.chain import ImportedChain
from node.imported.files import read_blocks, read_genesis
from node.imported.importing import import_chain
from node.pool import Pool
from node.reader import Reader
from node.rpc.context import Context
from node.rpc.filters import Filters
from node.rpc.port import Port
from node.store import Store
from node.transactions import Transaction

MAP_BYTES = 1 << 30


class ImportedServer:
    """One imported chain behind JSON-RPC."""

    def __init__(self, folder: Path, config: Config, genesis: Path, blocks: Path) -> None:
        """Imports what the store does not hold yet. Raises ConfigError, StoreError."""
        clock = SystemClock()
        foreign = read_genesis(genesis)
        self._store = Store(folder / STORE_FOLDER, MAP_BYTES)
        try:
            import_chain(foreign, list(read_blocks(blocks)), self._store)
            executor = PyEvm()
            self.chain = ImportedChain(foreign.rules, self._store, executor)
        except BaseException:
            self._store.close()
            raise
        pool = Pool(lambda sender: self.chain.account(sender).nonce, config.pool, clock.elapsed)
        self._filters = Filters(clock, config.limits.filters)
        self._executors = (ThreadPoolExecutor(1), ThreadPoolExecutor(1))
        reader = Reader(self.chain, self._store, executor)
        context = Context(
            self.chain, reader, pool, config.limits, self._filters, self._on_transaction, *self._executors,
            builder=Builder(self.chain, self._store),
        )  # fmt: skip
        self._port = Port(context, config, folder, clock)
        self._stopped = asyncio.Event()

    @property
    def head(self) -> Header:
        """The last imported header."""
        return self.chain.head

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until `stop`; `ready` hears the URL. Raises ConfigError HTTP_IN_USE."""
        try:
            ready(await self._port.start())
            await self._stopped.wait()
        finally:
            await self._port.close()
            for executor in self._executors:
                executor.shutdown(wait=True, cancel_futures=True)
            self._store.close()

    def _on_transaction(self, tx: Transaction) -> None:
        self._filters.on_transaction(tx.hash)
        self._port.on_transaction(tx)


def serve_imported(
    genesis: Path, blocks: Path, folder: Path | None, http: str | None, ready: Callable[[Header, str], None]
) -> None:
    """Import and serve until SIGTERM or SIGINT; without a folder the store is forgotten at the end.

    `ready` hears the head and the URL. Raises ConfigError, StoreError.
    """

    async def main(where: Path) -> None:
        config = Config() if http is None else Config(http=http)
        server = ImportedServer(where, config, genesis, blocks)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        await server.run(lambda url: ready(server.head, url))

    if folder is not None:
        asyncio.run(main(folder))
        return
    with tempfile.TemporaryDirectory(prefix="tideprint-") as temporary:
        asyncio.run(main(Path(temporary)))
