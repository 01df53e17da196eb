"""Encrypted records that can really be destroyed, and the one place that decides who may read them.

`Vault` composes three stores: keys, records with their blocks, identity map. `vault.gate` decides every read.
"""

from vault.envelope import Draft, OpenedRecord, Receipt, RecordId
from vault.errors import VaultError
from vault.records import AnchorProof
from vault.sagas import Cause, State
from vault.stores import ErasableStore, ErasureTarget, Hold
from vault.vault import Vault, VaultOptions, VaultStatus

__all__ = [
    "AnchorProof",
    "Cause",
    "Draft",
    "ErasableStore",
    "ErasureTarget",
    "Hold",
    "OpenedRecord",
    "Receipt",
    "RecordId",
    "State",
    "Vault",
    "VaultError",
    "VaultOptions",
    "VaultStatus",
]
