"""Pruning: what is kept is whole at every moment, what is gone says so, and the file stops growing."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import StoreError
from node.proposals import Proposal, Slot
from node.store import Store
from node.store.generations import Phase
from tests.node.store_support import KEEP, opened, some_transactions, state_of
from tests.node.support import FOUNDER, Chain, raw

BLOCKS = 60


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
