"""The key under which a person is tagged outside the sealed records: it lies with the person and is erased with the
person."""

import hmac
from collections.abc import Callable
from typing import Protocol

from protocol.quantities import SubjectId
from vault.errors import KeyErased
from vault.paths import Path, record_path

TagKey = Callable[[SubjectId], bytes | None]
"""The key (32 bytes) under which a person is tagged; None once erased, or if there is no such person."""

_LABEL = b"tideprint/person tag/1"


class IdentitySlots(Protocol):
    """Where a person's identity entry is sealed; `vault.identity.IdentityMap` is one."""

    def slot_of(self, subject: SubjectId) -> Path | None:
        """The prefix of the entry, or None."""
        ...


class LeafKeys(Protocol):
    """Keys by path; `vault.keys.KeyTree` is one."""

    def key(self, path: Path) -> bytes:
        """The key (32 bytes). Raises `KEY_ERASED`."""
        ...


class PersonTags:
    """Derives tag keys from the first leaf of a person's identity slot, which every enrolled person has."""

    def __init__(self, identities: IdentitySlots, keys: LeafKeys) -> None:
        self._identities = identities
        self._keys = keys

    def key_of(self, subject: SubjectId) -> bytes | None:
        """The tag key (32 bytes) of a person; None once erased, or if there is no such person."""
        slot = self._identities.slot_of(subject)
        if slot is None:
            return None
        try:
            return hmac.digest(self._keys.key(record_path(slot, 0)), _LABEL, "sha256")
        except KeyErased:
            return None
