"""What a root slot is: it holds the 32 bytes under which all keys hang, the only ones to be really overwritten."""

import hmac
import struct
from typing import Protocol

SECRET_SIZE = 32
VAULT_ID_SIZE = 16


class RootSlot(Protocol):
    """Holds the root secrets of at most two epochs. The secret itself may never leave it (a token keeps it inside)."""

    def epochs(self) -> tuple[int, ...]:
        """The epochs whose secret is held, ascending."""

    def owner(self) -> bytes:
        """The id of the vault it serves, 16 bytes; empty while no secret is held."""

    def root_key(self, epoch: int) -> bytes:
        """HMAC-SHA256(secret, "vkt1 root" ‖ vault id ‖ epoch u64): the root node's key. Raises `ROOT_EPOCH_GONE`."""

    def prepare(self, epoch: int, vault_id: bytes, secret: bytes) -> None:
        """Hold a further secret, durably; one left over for the same epoch is overwritten."""

    def destroy(self, epoch: int) -> None:
        """Overwrite the secret of an epoch, durably; nothing happens if it is gone."""

    def clear_torn(self) -> None:
        """Overwrite what an interrupted write left and no longer reads as a secret."""

    def close(self) -> None:
        """Release the device."""


def root_key(secret: bytes, vault_id: bytes, epoch: int) -> bytes:
    """The key of the root node under a root secret (32 bytes)."""
    return hmac.digest(secret, b"vkt1 root" + vault_id + struct.pack(">Q", epoch), "sha256")
