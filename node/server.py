"""A node's life: start, serve and seal, drain, stop. SIGTERM and SIGINT let the block at hand finish.

This process takes requests in and answers what is quick; it never executes a block nor writes the store. The sealer
process does, and worker processes answer calls and long reads (`node.processes`).
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from node.admission import Admission
from node.clock import Clock, SystemClock
from node.config import CONFIG_FILE, GENESIS_FILE, STORE_FOLDER, URL_FILE, Config, load_config
from node.drivers.solo import SoloSealer
from node.errors import ConfigError
from node.evm import PyEvm
from node.genesis import Genesis, load_genesis
from node.health import Health
from node.notify import keep_watch, notify
from node.pool import Pool
from node.processes import calling, sealing
from node.processes.calling import Callers
from node.processes.nursery import Nursery
from node.processes.sealing import SealerProcess
from node.proposals import Block
from node.reader import Reader
from node.rpc.context import Beside, Context
from node.rpc.filters import Filters
from node.rpc.port import Port
from node.store import StoreReader
from node.transactions import Transaction

log = logging.getLogger(__name__)
READERS = 1
GIB = 1024**3


class Server:
    """One node on one data directory."""

    def __init__(
        self, folder: Path, config: Config, genesis: Genesis, clock: Clock | None = None, nursery: Nursery | None = None
    ) -> None:
        """Starts the sealer, which opens the store and creates block 0 where there is none; takes `nursery` over.

        Raises ConfigError, StoreError.
        """
        require_curve()
        self._folder, self._config, self._clock = folder, config, clock or SystemClock()
        self._nursery = nursery or Nursery()
        path, level = folder / STORE_FOLDER, logging.getLogger().getEffectiveLevel()
        try:
            setup = sealing.Setup(path, config.store.map_gib * GIB, genesis, level, config.store.keep_states)
            self._sealer = SealerProcess(self._nursery, setup)
            self._store = StoreReader(path)
        except BaseException:
            self._nursery.close()
            raise
        self.admission = Admission(genesis, self._store, PyEvm())
        self.pool = Pool(
            lambda sender: self.admission.account(sender).nonce,
            config.pool,
            self._clock.elapsed,
            self.admission.is_trusted,
            self.admission.check_allowance,
        )
        self._driver = SoloSealer(self._sealer, self.pool, self._clock, config.sealing, self._on_block)
        calls = calling.Setup(path, genesis, config.limits, level)
        self._crews = {
            Beside.CALLS: Callers(self._nursery, calls, config.limits.call_workers, lambda: self.admission.head),
            Beside.READS: Callers(self._nursery, calls, READERS, lambda: self.admission.head),
        }
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="writing out")
        self._filters = Filters(self._clock, config.limits.filters)
        self.context = Context(
            self.admission,
            Reader(self.admission, self._store, PyEvm()),
            self.pool,
            config.limits,
            self._filters,
            self._on_transaction,
            self._threads,
            self._threads,
            crews=self._crews,
        )
        self._last_block = self._clock.elapsed()
        self._stopping = False
        try:
            self._port = Port(self.context, config, folder, self._clock, self.health)
            self._port.metrics.watch_processes(lambda: self.processes)
        except BaseException:
            self._nursery.close()
            self._store.close()
            raise
        self.url = ""

    @property
    def processes(self) -> dict[str, list[int]]:
        """Process ids by what they do."""
        return {
            "front": [os.getpid()],
            "nursery": [self._nursery.pid],
            "sealer": [self._sealer.pid],
            "calls": self._crews[Beside.CALLS].pids,
            "reads": self._crews[Beside.READS].pids,
        }

    def health(self) -> Health:
        """How this node is; a block should come every heartbeat, so that silence counts as blocks behind."""
        silent = self._clock.elapsed() - self._last_block
        behind = int(silent / self._config.sealing.heartbeat)
        return Health("STOPPING" if self._stopping else self._driver.trouble, behind)

    def reload(self) -> None:
        """Read certificate and access file again."""
        self._port.reload()

    def stop(self) -> None:
        """Finish the block at hand and end `run`."""
        self._stopping = True
        self._driver.stop()

    async def run(self, ready: Callable[[str], None] = lambda _: None) -> None:
        """Serve and seal until `stop`. `ready` hears the URL. Raises ConfigError HTTP_IN_USE, StoreError."""
        watch = asyncio.create_task(keep_watch())
        try:
            await self._sealer.open(self._store)
            await asyncio.gather(*(crew.open() for crew in self._crews.values()))
            self.url = await self._port.start()
            _write_url(self._folder / URL_FILE, self.url)
            ready(self.url)
            notify("READY=1")
            await self._driver.run()
        finally:
            notify("STOPPING=1")
            watch.cancel()
            await self._port.close()
            for crew in self._crews.values():
                crew.close()
            self._threads.shutdown(wait=True, cancel_futures=True)
            self._sealer.close()
            await asyncio.to_thread(self._nursery.close)
            with contextlib.suppress(FileNotFoundError):
                (self._folder / URL_FILE).unlink()
            self._store.close()

    def _on_block(self, block: Block) -> None:
        self._last_block = self._clock.elapsed()
        self.admission.advance(block.header)
        if block.transactions:
            log.info("block %d: %d transactions, %d gas", block.header.number, len(block.transactions),
                     block.header.gas_used)  # fmt: skip
        self._port.on_block(block, self._driver.seconds)

    def _on_transaction(self, tx: Transaction) -> None:
        self._driver.wake()
        self._filters.on_transaction(tx.hash)
        self._port.on_transaction(tx)


def require_curve() -> None:
    """Refuse to run on the Python curve code, fifty times slower. Raises ConfigError CURVE_SLOW."""
    from eth_keys.backends import get_backend
    from eth_keys.backends.coincurve import CoinCurveECCBackend

    if not isinstance(get_backend(), CoinCurveECCBackend):
        raise ConfigError("CURVE_SLOW", "signatures would be recovered in plain Python", "install coincurve")


def open_server(folder: Path, http: str | None = None, nursery: Nursery | None = None) -> Server:
    """The node of a data directory; `http` overrides its setting. Raises ConfigError, StoreError."""
    config = load_config(folder / CONFIG_FILE)
    if http is not None:
        config = replace(config, http=http)
    return Server(folder, config, load_genesis(folder / GENESIS_FILE), nursery=nursery)


def serve(
    folder: Path,
    http: str | None = None,
    ready: Callable[[str], None] = lambda _: None,
    nursery: Nursery | None = None,
) -> None:
    """Run a node until SIGTERM or SIGINT; SIGHUP reads certificate and access file again."""

    async def main() -> None:
        server = open_server(folder, http, nursery)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        loop.add_signal_handler(signal.SIGHUP, server.reload)
        await server.run(ready)

    asyncio.run(main())


def _write_url(path: Path, url: str) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(url + "\n")
    os.replace(temporary, path)
