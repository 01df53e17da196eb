"""Which block store the settings mean."""

import time
from collections.abc import Callable
from pathlib import Path

from vault.blocks.embedded import SqliteBlockStore
from vault.blocks.kubo import KuboMember
from vault.blocks.settings import BlockSettings, EmbeddedSettings
from vault.blocks.store import BlockStore
from vault.blocks.swarm import SwarmBlockStore


def open_blocks(
    settings: BlockSettings, directory: Path, *, create: bool = False, sleep: Callable[[float], None] = time.sleep
) -> BlockStore:
    """Open the block store of a vault whose records are in `directory`.

    `create` makes the embedded file; a swarm is made by `tideprint vault kubo init` and need not answer to be opened.
    Raises what `Database` says, `SWARM_INVALID`, `RPC_SECRET_MISSING`, `RPC_SECRET_EXPOSED`.
    """
    if isinstance(settings, EmbeddedSettings):
        return SqliteBlockStore(directory / settings.file, create=create)
    return SwarmBlockStore([KuboMember(member, settings, sleep) for member in settings.members], settings.copies)
