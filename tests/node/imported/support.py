"""The chain of the execution-apis cases in a store of ours."""

from dataclasses import dataclass
from pathlib import Path

from node.evm import PyEvm
from node.imported import ImportedChain, import_chain, read_blocks, read_genesis
from node.reader import Reader
from node.store import Store

TESTS = Path(__file__).parents[2] / "fixtures" / "execution-apis" / "tests"
GENESIS, CHAIN = TESTS / "genesis.json", TESTS / "chain.rlp"
MAP_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Imported:
    """`raw` are the blocks as the file holds them, from height 1 on."""

    store: Store
    chain: ImportedChain
    reader: Reader
    raw: tuple[bytes, ...]


def imported(folder: Path) -> Imported:
    """Import it, or open what was imported."""
    genesis, raw = read_genesis(GENESIS), tuple(read_blocks(CHAIN))
    store = Store(folder, MAP_BYTES)
    import_chain(genesis, raw, store)
    executor = PyEvm()
    chain = ImportedChain(genesis.rules, store, executor)
    return Imported(store, chain, Reader(chain, store, executor), raw)
