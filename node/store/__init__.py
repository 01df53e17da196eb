"""Blocks, receipts and states in one LMDB environment: a writer, and readers in any process."""

from node.store.reading import StoreReader
from node.store.writing import BlockStore, Extras, Store

__all__ = ["BlockStore", "Extras", "Store", "StoreReader"]
