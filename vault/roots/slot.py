"""What a root slot is: it makes, holds and destroys the 32 bytes under which all keys of a vault hang.

A secret is known by its epoch and by the mark of the attempt that made it. The key database writes the mark down before
the secret is made, so a slot can tell a retry of the same database from an older copy of it: the first may replace a
secret that never came into use, the second would destroy the root of a newer database and is refused.
"""

import hmac
import struct
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

SECRET_SIZE = 32
VAULT_ID_SIZE = 16
ATTEMPT_SIZE = 16

Entropy = Callable[[int], bytes | bytearray]
"""Gives that many random bytes; a bytearray is wiped after use."""


class Secret(NamedTuple):
    """Which root secret: the epoch it serves and the 16-byte mark of the attempt that made it."""

    epoch: int
    attempt: bytes


@dataclass(frozen=True, slots=True)
class RootReport:
    """A root slot at a glance.

    `witnesses` confirmed that they hold no secret but the current one; a certificate names them. `debts` says in words
    what is not as it should be: a keeper that does not answer, one without a share or with an old one.
    """

    kind: str
    place: str
    witnesses: tuple[str, ...]
    debts: tuple[str, ...]


class RootSlot(Protocol):
    """Holds the root secrets of at most two epochs. The secret itself never leaves it.

    Every call raises `StoreUnavailable` when the device, token or keepers cannot be used now.
    """

    def held(self) -> tuple[Secret, ...]:
        """The secrets that are held, or that could still be put together, by epoch."""

    def epochs(self) -> tuple[int, ...]:
        """Their epochs, ascending."""

    def owner(self) -> bytes:
        """The id of the vault it serves, 16 bytes; empty while no secret is held."""

    def root_key(self, epoch: int, attempt: bytes = b"") -> bytes:
        """HMAC-SHA256(secret, "vkt1 root" ‖ vault id ‖ epoch u64): the root node's key. Raises `ROOT_EPOCH_GONE`."""

    def prepare(self, epoch: int, vault_id: bytes, attempt: bytes, replaces: Collection[bytes] = ()) -> None:
        """Make a fresh secret and hold it, durably. Raises `ROOT_FULL`; `ROOT_STALE`, and nothing is written, if a
        secret of this epoch made by an attempt not in `replaces`, or one of a later epoch, is held."""

    def settle(self, epoch: int, attempt: bytes) -> None:
        """Destroy, durably, every secret but this one and those of later epochs, and what a torn write left.

        Returns when nothing can bring them back; may be repeated."""

    def settled(self, epoch: int, attempt: bytes) -> bool:
        """Is every secret but this one and those of later epochs beyond recovery?"""

    def report(self, epoch: int, attempt: bytes) -> RootReport:
        """How things stand when this is the secret in use."""

    def close(self) -> None:
        """Release the device; a second call does nothing."""


def root_message(vault_id: bytes, epoch: int) -> bytes:
    """What is authenticated under a root secret to get the key of the root node."""
    return b"vkt1 root" + vault_id + struct.pack(">Q", epoch)


def root_key(secret: bytes | bytearray, vault_id: bytes, epoch: int) -> bytes:
    """The key of the root node under a root secret (32 bytes)."""
    return hmac.digest(secret, root_message(vault_id, epoch), "sha256")


def is_kept(found: Secret, current: Secret) -> bool:
    """Does a secret stay when `current` is settled?"""
    return found == current or found.epoch > current.epoch
