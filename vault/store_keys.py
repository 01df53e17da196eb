"""The keys of the tree as one store sees them: bound to that store's credential (`vault.credentials`)."""

from typing import Protocol

from vault.credentials import Credential
from vault.paths import Path


class SealingKeys(Protocol):
    """What payloads are sealed under."""

    vault_id: bytes

    def key(self, path: Path) -> bytes:
        """The key (32 bytes) of a leaf. Raises `KEY_ERASED`."""


class StoreKeys:
    """Takes the place of the key tree where a store seals its payloads."""

    def __init__(self, tree: SealingKeys, credential: Credential) -> None:
        self.vault_id = tree.vault_id
        self._tree = tree
        self._credential = credential

    def key(self, path: Path) -> bytes:
        """The payload key (32 bytes) of a leaf. Raises `KEY_ERASED`."""
        return self._credential.store_key(self._tree.key(path))
