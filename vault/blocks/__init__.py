"""Block stores: sealed payloads by content identifier, in a file beside the records or in a private swarm."""

from vault.blocks.embedded import SqliteBlockStore
from vault.blocks.opening import open_blocks
from vault.blocks.settings import BlockSettings, EmbeddedSettings, MemberSettings, SwarmSettings
from vault.blocks.store import BlockStore, Reconciled, check_block
from vault.blocks.swarm import SwarmBlockStore

__all__ = [
    "BlockSettings",
    "BlockStore",
    "EmbeddedSettings",
    "MemberSettings",
    "Reconciled",
    "SqliteBlockStore",
    "SwarmBlockStore",
    "SwarmSettings",
    "check_block",
    "open_blocks",
]
