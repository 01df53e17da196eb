"""What a vault is opened with, and what it says of itself."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from protocol.quantities import Seconds
from vault.config import VaultSettings
from vault.keys import nothing
from vault.remnants import Finding
from vault.retention.policy import RetentionPolicy
from vault.roots import RootReport


def system_clock() -> Seconds:
    """UTC seconds now."""
    return Seconds(int(time.time()))


@dataclass(frozen=True, slots=True)
class VaultOptions:
    """What a vault is opened with; the defaults are for production.

    `allow_remnants` accepts a root slot where overwritten secrets may stay readable: the finding is in `status()`.
    """

    tenant: int = 0
    settings: VaultSettings | None = None
    """Instead of what `vault.toml` says; a new vault writes them down."""
    allow_remnants: bool = False
    clock: Callable[[], Seconds] = system_clock
    entropy: Callable[[int], bytes] = os.urandom
    on_step: Callable[[str], None] = field(default=nothing)
    retention: RetentionPolicy = field(default_factory=RetentionPolicy)
    silo: Path | None = None
    """Where the silo of legal holds is; beside the vault under its name with "-silo" if None."""


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """A vault at a glance; nothing in it identifies anybody."""

    vault_id: str
    epoch: int
    subjects: int
    records: int
    open_erasures: int
    overdue: int
    """Clocks of erasures, notices and appeals that ran out."""
    nearly_overdue: int
    missed: int
    """Clocks that were met too late, ever."""
    holds: int
    """Placed, and not moved to the silo yet."""
    certificates: int
    certificates_to_anchor: int
    recovery_debt: int
    """Epochs that no backup holds; lose the disk now and nothing opens. See `vault.backup.ledger`."""
    locked: bool
    """Restored from before an erasure: serves nothing until `replay`."""
    root_slot: Finding
    root: RootReport
