"""The sealer: the one process that writes the store. It executes and commits what the node hands it.

    node -> sealer    Setup; then for each block Order(slot, seconds, more, first candidates); on demand more candidates
    sealer -> node    Ready or Failure; then More, as often as candidates run out; at last Sealed or Failure

A candidate is (wire form, sender): neither decoded twice from its signature nor checked by it again. When the node is
gone the sealer ends; a commit that has begun either is whole in the store or never was.
"""

import logging
import os
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from node.application import Application
from node.blocks import Header
from node.clock import SystemClock
from node.drivers.making import Made, make
from node.errors import NodeError, Refused, StoreError, TransactionRefused
from node.evm import PyEvm
from node.genesis import Genesis
from node.lazily import Lazy
from node.processes.nursery import SEALER, Nursery
from node.processes.wire import Stream, receive, send
from node.proposals import Block, Slot
from node.receipts import Receipt
from node.store import Store, StoreReader
from node.transactions import Transaction

CHUNK = 1_500
"""Candidates handed over at once: more than fit into a block of 30 million gas."""
PRUNE_SECONDS = 0.05
"""What forgetting old states may take of the time between two blocks."""
LOCK_SECONDS = 2.0
"""How long to wait for the lock of a sealer whose node was killed just now."""
NICE = 2
"""How far requests and calls go first where processors are scarce: they take moments, a block takes a second."""
Candidate = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a sealer must know."""

    path: Path
    map_size: int
    genesis: Genesis
    log_level: int
    keep_states: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Make a block of these and, while `more`, of those that come when asked for; `seconds` of execution."""

    slot: Slot
    seconds: float
    candidates: list[Candidate]
    more: bool


@dataclass(frozen=True, slots=True)
class More:
    """The candidates have run out."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A committed block: its header, which candidates are in it, what was refused (which, code, message, hint)."""

    header: bytes
    included: list[int]
    refused: list[tuple[int, str, str, str]]
    broken: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The sealer cannot go on."""

    code: str
    message: str
    hint: str

    def error(self) -> StoreError:
        """The same as an error."""
        return StoreError(self.code, self.message, self.hint)


class SealerProcess:
    """The node's end; a `Maker`. Raises what the sealer raises: ConfigError and StoreError come as StoreError."""

    def __init__(self, nursery: Nursery, setup: Setup) -> None:
        """Returns when block 0 is there."""
        self._child = nursery.start(SEALER)
        self._stream: Stream | None = None
        self._store: StoreReader | None = None
        try:
            send(self._child.socket, setup)
            ready = receive(self._child.socket)
        except (EOFError, OSError) as error:
            self._child.kill()
            raise _died() from error
        if isinstance(ready, Failure):
            self._child.kill()
            raise ready.error()
        self._head = Header.decode(ready)

    @property
    def pid(self) -> int:
        """The process."""
        return self._child.pid

    @property
    def head(self) -> Header:
        """The last committed header."""
        return self._head

    async def open(self, store: StoreReader) -> None:
        """Go on in the event loop; receipts of new blocks are read from `store` when somebody asks for them."""
        self._store, self._stream = store, await Stream.over(self._child.socket)

    async def make(self, slot: Slot, candidates: Iterator[Transaction], seconds: float) -> Made:
        """See `Maker`."""
        if self._stream is None or self._store is None:
            raise NodeError("SEALER_CLOSED", "the sealer is not open", "this is a defect, please report it")
        deadline, handed = time.monotonic() + seconds, list(islice(candidates, CHUNK))
        try:
            self._stream.send(Order(slot, deadline - time.monotonic(), _plain(handed), len(handed) == CHUNK))
            while isinstance(answer := await self._stream.receive(), More):
                chunk = list(islice(candidates, CHUNK))
                handed += chunk
                self._stream.send(_plain(chunk))
        except (EOFError, OSError) as error:
            raise _died() from error
        if isinstance(answer, Failure):
            raise answer.error()
        return self._made(answer, handed, self._store)

    def _made(self, sealed: Sealed, handed: list[Transaction], store: StoreReader) -> Made:
        header = Header.decode(sealed.header)
        self._head = header
        receipts: Lazy[Receipt] = Lazy(len(sealed.included), lambda: store.receipts(header.number))
        block = Block(header, tuple(handed[at] for at in sealed.included), receipts)
        refused = tuple(
            (handed[at], TransactionRefused(Refused(code), message, hint)) for at, code, message, hint in sealed.refused
        )
        return Made(block, refused, sealed.broken)

    def close(self) -> None:
        """Have it close the store and end; the block at hand is finished, since only `make` waits for it."""
        if self._stream is not None:
            self._stream.close()
        self._child.socket.close()


def _plain(transactions: Iterable[Transaction]) -> list[Candidate]:
    return [(tx.raw, tx.sender) for tx in transactions]


def _died() -> StoreError:
    return StoreError(
        "SEALER_DIED",
        "the process that writes blocks has ended",
        "start the node again; what was committed is safe. If it happens again, look for its last words in the log",
    )


def serve(wire: socket.socket) -> None:
    """The sealer's life. Raises EOFError when the node is gone."""
    setup: Setup = receive(wire)
    os.nice(NICE)
    logging.getLogger().setLevel(setup.log_level)
    try:
        store = _open(setup)
    except NodeError as error:
        send(wire, Failure(error.code, error.message, error.hint))
        return
    try:
        application = _born(setup, store)
        send(wire, application.head.encode())
        while True:
            send(wire, _Desk(application, wire).fulfil(receive(wire)))
            store.maintain(PRUNE_SECONDS)
    except NodeError as error:
        send(wire, Failure(error.code, error.message, error.hint))
    finally:
        store.close()


def _open(setup: Setup) -> Store:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return Store(setup.path, setup.map_size, setup.keep_states)
        except StoreError as error:
            if error.code != "STORE_LOCKED" or time.monotonic() > until:
                raise
            time.sleep(0.05)


def _born(setup: Setup, store: Store) -> Application:
    """The application, with block 0."""
    application = Application(setup.genesis, store, PyEvm())
    if application.info().height < 0:
        application.init_chain()
        application.commit()
    return application


class _Desk:
    """One order being made."""

    def __init__(self, application: Application, wire: socket.socket) -> None:
        self._application, self._wire = application, wire
        self._known: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self._more = False

    def fulfil(self, order: Order) -> Sealed:
        deadline = SystemClock().elapsed() + order.seconds
        self._more = order.more
        self._take(order.candidates)
        made = make(self._application, order.slot, self._candidates, lambda: SystemClock().elapsed() < deadline)
        return Sealed(
            made.block.header.encode(),
            [self._places[tx.raw] for tx in made.block.transactions],
            [(self._places[tx.raw], why.code, why.message, why.hint) for tx, why in made.refused],
            made.broken,
        )

    def _take(self, candidates: list[Candidate]) -> None:
        for raw, sender in candidates:
            self._application.expect(raw, sender)
            self._places[raw] = len(self._known)
            self._known.append(raw)

    def _candidates(self) -> Iterator[bytes]:
        at = 0
        while True:
            while at < len(self._known):
                yield self._known[at]
                at += 1
            if not self._more:
                return
            send(self._wire, More())
            chunk = receive(self._wire)
            self._more = len(chunk) == CHUNK
            self._take(chunk)
