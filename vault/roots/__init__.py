"""Root slots: where the 32 secret bytes live under which all keys of a vault hang, one module per kind of slot."""

from vault.roots.file import FileRootSlot
from vault.roots.keeper import Keeper, open_keeper
from vault.roots.keeper_link import KeeperAddress
from vault.roots.layout import SLOT_DISTANCE, read_slots
from vault.roots.pairing import make_identity
from vault.roots.settings import ROOT_KINDS, FileSettings, RootSettings, SharesSettings, TokenSettings, open_root
from vault.roots.shares import SharesRootSlot
from vault.roots.slot import ATTEMPT_SIZE, SECRET_SIZE, VAULT_ID_SIZE, Entropy, RootReport, RootSlot, Secret, root_key
from vault.roots.token import TokenRootSlot

__all__ = [
    "ATTEMPT_SIZE",
    "ROOT_KINDS",
    "SECRET_SIZE",
    "SLOT_DISTANCE",
    "VAULT_ID_SIZE",
    "Entropy",
    "FileRootSlot",
    "FileSettings",
    "Keeper",
    "KeeperAddress",
    "RootReport",
    "RootSettings",
    "RootSlot",
    "Secret",
    "SharesRootSlot",
    "SharesSettings",
    "TokenRootSlot",
    "TokenSettings",
    "make_identity",
    "open_keeper",
    "open_root",
    "read_slots",
    "root_key",
]
