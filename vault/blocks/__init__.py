"""Block stores: sealed payloads by content identifier, in a file beside the records or in a private swarm."""

from vault.blocks.embedded import SqliteBlockStore
from vault.blocks.store import BlockStore, check_block

__all__ = ["BlockStore", "SqliteBlockStore", "check_block"]
