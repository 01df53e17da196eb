"""A store's blocks as a file: to carry them to another place, to look at them with any IPFS tool."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from vault.blocks.car import read_car, write_car
from vault.blocks.store import BlockStore
from vault.cids import Cid

PAGE = 16
"""Blocks that importing holds in memory: at most 16 MiB."""


def export_archive(store: BlockStore, cids: Iterable[Cid], path: Path) -> int:
    """Write blocks to a new CARv1 file, mode 0600; returns how many. Raises `FileExistsError`, `BLOCK_MISSING`."""
    wanted = sorted(set(cids))
    path.touch(0o600, exist_ok=False)
    with path.open("wb") as file:
        for piece in write_car(wanted[:1], ((cid, store.get(cid)) for cid in wanted)):
            file.write(piece)
    return len(wanted)


def import_archive(store: BlockStore, path: Path) -> int:
    """Store every block of a CARv1 file; returns how many. Raises `CAR_INVALID`, `BLOCK_DAMAGED`: what came before the
    fault is stored and does no harm."""
    stored = 0
    with path.open("rb") as file:
        blocks: Iterator[tuple[Cid, bytes]] = read_car(file)
        while page := dict(islice(blocks, PAGE)):
            store.put(page)
            stored += len(page)
    return stored
