"""Pruning: what is kept is whole at every moment, what is gone says so, and the file stops growing."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.application import Application
from node.blocks import Header
from node.errors import StoreError
from node.evm import PyEvm
from node.proposals import Proposal, Slot
from node.store import Store
from node.store.generations import Phase
from node.store.walk import walk_all
from tests.node.support import FOUNDER, MIB, Chain, call_data, council_creation, genesis, raw, sign

KEEP = 6
BLOCKS = 60
RICH = {raw(FOUNDER): 10**18, bytes([7]) * 20: 5}


class Crash(Exception):
    """The process ended here."""


class Ticks:
    """A clock that ends a step of pruning, or the process, after a number of looks at it."""

    def __init__(self, looks: int, crashes: bool) -> None:
        self.looks, self.crashes = looks, crashes

    def __call__(self) -> float:
        self.looks -= 1
        if self.looks >= 0:
            return 0.0
        if self.crashes:
            raise Crash
        return 100.0


@contextmanager
def opened(folder: Path, keep: int) -> Iterator[Chain]:
    """A chain whose store prunes; block 0 is made when there is none."""
    store = Store(folder, 64 * MIB, keep)
    try:
        application = Application(genesis(RICH), store, PyEvm())
        if application.info().height < 0:
            application.init_chain()
            application.commit()
        yield Chain(application, store)
    finally:
        store.close()


def state_of(store: Store, header: Header) -> dict[bytes, bytes]:
    """Every node and code of a state; all of them must be there."""
    found = {}
    for entry, value in walk_all(header.state_root, store.node):
        assert value is not None, f"{entry.hex()} of the state at {header.number} is gone"
        found[entry] = value
    return found


def some_transactions(luck: random.Random, nonce: int, council: bytes) -> list[bytes]:
    """Transfers and grants to few accounts, so that states share most of their nodes and return to what they were."""
    if nonce == 0:
        return [council_creation()]
    made: list[bytes] = []
    for _ in range(luck.randrange(4)):
        who = bytes([luck.randrange(12)]) * 20
        if luck.random() < 0.5:
            made.append(sign(FOUNDER, nonce + len(made), who, value=luck.randrange(2)))
        else:
            data = call_data("set_sender(address,bool)", "0x" + who.hex(), luck.random() < 0.5)
            made.append(sign(FOUNDER, nonce + len(made), council, data=data, gas=200_000))
    return made


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_kept_state_stays_what_it_is_on_an_archive_node_whenever_it_crashes(seed: int) -> None:
    luck = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder) / "archive", 0) as archive:
        sealed = 0
        seen: set[Phase] = set()
        while sealed < BLOCKS:
            with opened(Path(folder) / "pruned", KEEP) as pruned:
                try:
                    while sealed < BLOCKS:
                        _seal_on_both(luck, archive, pruned)
                        sealed += 1
                        while luck.random() < 0.6:
                            pruned.store.maintain(1.0, Ticks(luck.randrange(1, 4), luck.random() < 0.2))
                            seen.add(pruned.store.pruning().phase)
                        if sealed % 7 == 0:
                            _compare(archive.store, pruned.store)
                except Crash:
                    pass
                _compare(archive.store, pruned.store)
        assert seen == set(Phase)
        with opened(Path(folder) / "pruned", KEEP) as pruned:
            assert pruned.store.states_from > KEEP


def _seal_on_both(luck: random.Random, archive: Chain, pruned: Chain) -> None:
    if archive.application.head.number > pruned.application.head.number:
        raise AssertionError("a committed block is lost")
    nonce = archive.application.account(raw(FOUNDER)).nonce
    block = archive.seal(*some_transactions(luck, nonce, archive.application.genesis.council))
    slot = Slot(block.header.number, block.header.time)
    pruned.application.finalize_block(Proposal(slot, tuple(tx.raw for tx in block.transactions)))
    assert pruned.application.commit().header == block.header


def _compare(archive: Store, pruned: Store) -> None:
    """All states from `states_from` on are whole and the same; all that must be kept is."""
    head = archive.head()
    assert head is not None
    oldest = pruned.states_from
    assert oldest == 0 or head.number - oldest >= KEEP
    for number in range(oldest, head.number + 1):
        header = pruned.header(number)
        assert header is not None
        assert state_of(pruned, header) == state_of(archive, header)
    if oldest:
        gone = pruned.header(oldest - 1)
        assert gone is not None
        with pytest.raises(StoreError, match="STATE_PRUNED"):
            pruned.require_state(gone)
