"""The node's one port, put together: gate, metrics, front, listener. What a server needs to be reached."""

from collections.abc import Callable
from pathlib import Path

from node.access.gate import open_gate
from node.clock import Clock
from node.config import STORE_FOLDER, Config
from node.health import Health, Question
from node.metrics import Metrics, Sources
from node.proposals import Block
from node.rpc.context import CLIENT_VERSION, Context
from node.rpc.front import Front
from node.rpc.listener import Listener
from node.rpc.methods import METHODS
from node.transactions import Transaction

SUBSCRIPTIONS = ("eth_subscribe", "eth_unsubscribe")
GIB = 1024**3
READY = Health("", 0)


class Port:
    """Serves a context as `node.toml` says. `folder` is the data directory, `health` how the node is."""

    def __init__(self, context: Context, config: Config, folder: Path, clock: Clock,
                 health: Callable[[], Health] = lambda: READY) -> None:  # fmt: skip
        """Raises AccessError, ConfigError TLS_FILES."""
        self.metrics = Metrics([*METHODS, *SUBSCRIPTIONS], CLIENT_VERSION)
        self._gate = open_gate(folder, config, clock)
        self._front = Front(context, config, self._gate, self.metrics, clock, health)
        self._listener = Listener(self._front, config, folder)
        self.metrics.watch(_sources(context, config, folder, self._front, health))

    async def start(self) -> str:
        """Listen; returns the URL. Raises ConfigError HTTP_IN_USE."""
        return await self._listener.start()

    async def close(self) -> None:
        """Take no more connections, end the open ones."""
        await self._listener.close()

    def reload(self) -> None:
        """Read certificate and access file again."""
        self._listener.reload()
        self._gate.reload()

    def on_block(self, block: Block, seconds: float | None = None) -> None:
        """A block was committed; `seconds` is what making it took, if known."""
        if seconds is not None:
            self.metrics.on_block(len(block.transactions), block.header.gas_used, seconds)
        self._front.on_block(block)

    def on_transaction(self, tx: Transaction) -> None:
        """A transaction entered the pool."""
        self._front.on_transaction(tx)


def _sources(context: Context, config: Config, folder: Path, front: Front, health: Callable[[], Health]) -> Sources:
    pool, reader, file = context.pool, context.reader, folder / STORE_FOLDER / "data.mdb"
    return Sources(
        head=lambda: reader.head.number,
        head_time=lambda: reader.head.time,
        gas_limit=lambda: reader.head.gas_limit,
        pending=lambda: pool.pending_count,
        queued=lambda: len(pool) - pool.pending_count,
        pool_bytes=lambda: pool.size,
        sessions=lambda: len(front.sockets),
        subscriptions=lambda: front.sockets.subscriptions,
        connections=lambda: len(front.connections),
        front_bytes=lambda: front.budget.taken,
        filters=lambda: len(context.filters),
        store_bytes=lambda: _size(file),
        store_map_bytes=lambda: config.store.map_gib * GIB,
        ready=lambda: float(not Question().reason(health())),
        clock_untrusted=lambda: float(health().trouble == "CLOCK_UNTRUSTED"),
        peers=lambda: health().peers,
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_blocks * 512
    except OSError:
        return 0
