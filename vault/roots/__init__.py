"""Root slots: where the 32 secret bytes live under which all keys of a vault hang, one module per kind of slot."""

from vault.roots.file import FileRootSlot
from vault.roots.layout import SLOT_DISTANCE, read_slots
from vault.roots.slot import SECRET_SIZE, VAULT_ID_SIZE, RootSlot, root_key

__all__ = ["SECRET_SIZE", "SLOT_DISTANCE", "VAULT_ID_SIZE", "FileRootSlot", "RootSlot", "read_slots", "root_key"]
