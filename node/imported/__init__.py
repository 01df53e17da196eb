"""Chains of others: read from files, executed anew with every check, and served. Nothing is ever sealed on them.

They are for comparison with other clients: `node start --genesis FILE --import-chain FILE --no-seal`.
"""

from node.imported.chain import ImportedChain
from node.imported.files import ForeignGenesis, read_blocks, read_genesis
from node.imported.importing import import_chain

__all__ = ["ForeignGenesis", "ImportedChain", "import_chain", "read_blocks", "read_genesis"]
