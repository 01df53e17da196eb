"""What the vault can say instead of doing its work.

    VaultError
    ├── KeyErased         the key was destroyed; nothing brings it back
    ├── RootRefused       root secret and key database do not fit, or the place is unsafe; nothing was written
    ├── StoreDamaged      bytes on disk are missing, changed or in the wrong place
    └── StoreUnavailable  a file cannot be opened or written now: in use, read-only, full, missing

What the rules refuse is a `protocol.errors.Refusal`. Codes are stable and listed in docs/vault.md.
"""

from protocol.errors import TideprintError


class VaultError(TideprintError):
    """The root of the vault's own errors."""


class KeyErased(VaultError):
    """The key of this path was destroyed in an erasure."""

    def __init__(self) -> None:
        super().__init__("KEY_ERASED", "the key of this path was destroyed", "nothing can open it; do not retry")


class RootRefused(VaultError):
    """Root slot and key database do not match, or the root slot may not live here. Nothing was written."""


class StoreDamaged(VaultError):
    """Stored bytes are missing, changed or swapped."""


class StoreUnavailable(VaultError):
    """A store cannot be used now."""
