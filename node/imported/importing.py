"""Importing: every block is executed and checked, then written into our own store."""

from collections.abc import Sequence

import rlp

from node.blocks import Header
from node.errors import ConfigError
from node.evm.foreign import Importer
from node.forks import Fork
from node.imported.files import ForeignGenesis
from node.proposals import Block
from node.store import Store


def import_chain(genesis: ForeignGenesis, blocks: Sequence[bytes], store: Store) -> Header:
    """Fill an empty store; one that holds this chain already is left as it is. Returns the head.

    Raises ConfigError: FOREIGN_CHAIN_INVALID, GENESIS_MISMATCH (the store holds another chain).
    """
    importer = Importer(genesis.rules.chain_id, _turns(genesis, blocks), genesis)
    first = importer.genesis()
    held = store.head()
    if held is not None:
        return _same(store, first.header, held, blocks)
    _write(store, first, importer)
    head = first.header
    for raw in blocks:
        block = importer.add(raw)
        _write(store, block, importer)
        head = block.header
    return head


def _same(store: Store, first: Header, held: Header, blocks: Sequence[bytes]) -> Header:
    last = _header(blocks[-1]) if blocks else first
    if store.genesis() != first.hash or held.hash != last.hash:
        raise ConfigError(
            "GENESIS_MISMATCH",
            f"the store holds another chain (head at {held.number})",
            "give an empty --data, or none",
        )
    return held


def _write(store: Store, block: Block, importer: Importer) -> None:
    transactions = [(tx.hash, tx.raw) for tx in block.transactions]
    store.write_block(block.header, transactions, block.receipts, importer.new_nodes())


def _turns(genesis: ForeignGenesis, blocks: Sequence[bytes]) -> list[tuple[int, Fork]]:
    """(first height, fork): the fork times as heights, which is what the executor knows."""
    schedule = genesis.rules.schedule
    turns = [(0, schedule.fork(0, genesis.time))]
    for raw in blocks:
        header = _header(raw)
        fork = schedule.fork(header.number, header.time)
        if fork is not turns[-1][1]:
            turns.append((header.number, fork))
    return turns


def _header(raw: bytes) -> Header:
    try:
        return Header.of_fields(rlp.decode(raw, strict=False)[0])
    except (rlp.exceptions.RLPException, ValueError, TypeError, IndexError) as error:
        raise ConfigError("FOREIGN_CHAIN_INVALID", f"a block cannot be read: {error}", "give blocks in RLP") from error
