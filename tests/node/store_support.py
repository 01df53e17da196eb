"""Stores for tests: chains that prune, blocks that make states share most of their nodes, whole states to compare."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from node.application import Application
from node.blocks import Header
from node.evm import PyEvm
from node.store import Store, StoreReader
from node.store.walk import walk_all
from node.transactions import created_address
from tests.node.support import FOUNDER, MIB, Chain, call_data, council_creation, creation, genesis, raw, sign

KEEP = 6
RICH = {raw(FOUNDER): 10**18, bytes([7]) * 20: 5}


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


def state_of(store: StoreReader, header: Header) -> dict[bytes, bytes]:
    """Every node and code of a state; all of them must be there."""
    found = {}
    for entry, value in walk_all(header.state_root, store.node):
        assert value is not None, f"{entry.hex()} of the state at {header.number} is gone"
        found[entry] = value
    return found


def some_transactions(luck: random.Random, nonce: int, council: bytes) -> list[bytes]:
    """Transfers and grants to few accounts, so that states share most of their nodes and return to what they were."""
    if nonce == 0:
        return [council_creation(), sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000)]
    made: list[bytes] = []
    for _ in range(luck.randrange(4)):
        who = bytes([luck.randrange(12)]) * 20
        if luck.random() < 0.3:
            made.append(sign(FOUNDER, nonce + len(made), who, value=luck.randrange(2)))
        elif luck.random() < 0.5:
            data = call_data("count(uint256)", luck.randrange(3))
            counter = created_address(raw(FOUNDER), 1)
            made.append(sign(FOUNDER, nonce + len(made), counter, data=data, gas=200_000))
        else:
            data = call_data("set_sender(address,bool)", "0x" + who.hex(), luck.random() < 0.5)
            made.append(sign(FOUNDER, nonce + len(made), council, data=data, gas=200_000))
    return made


def grow(made: Chain, height: int, luck: random.Random, after: Callable[[Store], None] = lambda _: None) -> None:
    """Seal blocks up to a height."""
    while made.application.head.number < height:
        nonce = made.application.account(raw(FOUNDER)).nonce
        made.seal(*some_transactions(luck, nonce, made.application.genesis.council))
        after(made.store)


def prune(store: Store) -> None:
    """All the pruning there is to do."""
    while store.maintain(1.0):
        pass


def change(store: Store, table: str, key: bytes, value: bytes | None) -> None:
    """Put something else into a table, behind the store's back."""
    tables = store.tables
    with tables.env.begin(write=True) as txn:
        if value is None:
            assert txn.delete(key, db=tables.db[table])
        else:
            txn.put(key, value, db=tables.db[table])
