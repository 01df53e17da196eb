"""Signs vouchers blindly: the issuer learns who collects how many, never which.

Entitlement is counted in `oracles.ledger` before anything is signed, and a request can be repeated until its answer
has arrived: raw RSA is deterministic, so the same messages get the same signatures. What the issuer sees is uniformly
random whatever the voucher says (RFC 9474, section 7); it is neither logged nor stored.
"""

import hashlib
from collections.abc import Sequence

from oracles.ledger import IssuanceRefused, Ledger
from oracles.series_keys import SeriesKeys
from protocol.quantities import SubjectId

MAX_MESSAGES = 32
REQUEST_SIZE = 16
_CONTEXT = b"tideprint/collect/1"


class Issuer:
    """Ledger and keys together. A store of the erasure register through its ledger."""

    name = Ledger.name

    def __init__(self, keys: SeriesKeys, ledger: Ledger) -> None:
        self._keys = keys
        self._ledger = ledger

    def open_series(self, series: int) -> bytes:
        """Make the series' key (once) and return its modulus for `VoucherMint.open_series`."""
        return self._keys.create(series)

    def modulus(self, series: int) -> bytes:
        """The public modulus of a series. Raises `SERIES_UNKNOWN`."""
        return self._keys.modulus(series)

    def collectable(self, subject: SubjectId) -> dict[int, int]:
        """How many vouchers a subject may still collect, by series."""
        return self._ledger.collectable(subject)

    def collect(self, subject: SubjectId, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Blind signatures in the order of 1 to 32 blinded messages. `request`: 16 random bytes chosen by the wallet.

        The same request again gives the same answer and counts once, even after the series was closed. Refuses
        `REQUEST_MALFORMED`, `REQUEST_CHANGED`, `NOT_ENTITLED`, `SERIES_CLOSED`; raises `SERIES_UNKNOWN`,
        `SERIES_DESTROYED`.
        """
        key = self._keys.key(series)
        size = len(key.modulus)
        if len(request) != REQUEST_SIZE or not 0 < len(blinded) <= MAX_MESSAGES:
            hint = f"send 1 to {MAX_MESSAGES} messages under an id of {REQUEST_SIZE} bytes"
            raise IssuanceRefused("REQUEST_MALFORMED", "wrong number of messages, or of bytes in the id", hint)
        if not all(0 < message < key.n for message in blinded):
            raise IssuanceRefused("REQUEST_MALFORMED", "a message is not between 0 and the modulus", "blind again")
        joined = b"".join(message.to_bytes(size, "big") for message in blinded)
        digest = hashlib.sha256(_CONTEXT + series.to_bytes(8, "big") + joined).digest()
        self._ledger.reserve(subject, series, request, digest, len(blinded))
        return [key.sign_blinded(message) for message in blinded]

    def issued(self, series: int) -> int:
        """Vouchers issued in a series so far."""
        return self._ledger.issued(series)

    def close_series(self, series: int) -> int:
        """Issue no more in this series; the count for `VoucherMint.close_series`. The key stays until destroyed."""
        return self._ledger.close_series(series)

    def destroy_key(self, series: int) -> None:
        """Destroy the private key of a closed series. Refuses `SERIES_OPEN`."""
        if not self._ledger.is_closed(series):
            raise IssuanceRefused("SERIES_OPEN", "this series is still issued", "close it first")
        self._keys.destroy(series)

    def erase(self, subject: SubjectId) -> int:
        """Delete what the ledger holds of a subject."""
        return self._ledger.erase(subject)

    def holds(self, subject: SubjectId) -> bool:
        """Does the ledger hold anything of a subject?"""
        return self._ledger.holds(subject)
