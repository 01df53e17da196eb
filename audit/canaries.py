"""Canaries: byte strings of a person that must not be found where they do not belong.

Every run of eight bytes of a canary counts. Shorter runs would be met by chance: among 10^7 bytes of ledger and 10^5
windows, four random bytes meet about 230 times, eight bytes once in 10^7 scans. Identifiers are also looked for as the
text that JSON and logs would hold: hexadecimal in both cases, and base64 at its three alignments, as a whole.
"""

import base64
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

WINDOW = 8
SIEVE_BITS = 22
SIEVE_MASK = (1 << SIEVE_BITS) - 1
"""Low bits of a window: a table over them lets most windows pass by at once."""
MIN_DISTINCT_BYTES = 4
"""Windows of fewer distinct bytes (padding, small numbers) say nothing about anybody."""


class Canaries:
    """A set of named byte strings, searched for all at once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._texts: dict[int, dict[bytes, str]] = {}
        self._watched: frozenset[int] = frozenset()
        self._sieve: npt.NDArray[np.bool_] | None = None

    def add(self, name: str, data: bytes) -> None:
        """Watch for every run of eight bytes of `data`; shorter data are not distinctive enough and are ignored."""
        for start in range(len(data) - WINDOW + 1):
            window = data[start : start + WINDOW]
            if len(set(window)) >= MIN_DISTINCT_BYTES:
                self._names.setdefault(_word(window), name)
        self._sieve = None

    def add_identifier(self, name: str, data: bytes) -> None:
        """Watch for `data` as `add` does, and for it as text."""
        self.add(name, data)
        for text in (data.hex().encode(), data.hex().upper().encode(), *_base64(data)):
            self._texts.setdefault(_word(text[:WINDOW]), {}).setdefault(text, name)
        self._sieve = None

    def add_all(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Watch for several identifiers."""
        for name, data in items:
            self.add_identifier(name, data)

    @property
    def windows(self) -> int:
        """How many runs of eight bytes are watched for."""
        return len(self._names)

    def found_in(self, data: bytes) -> set[str]:
        """The names of all canaries of which `data` holds a run of eight bytes, or the whole as text."""
        found: set[str] = set()
        for word in self._words_in(data):
            if word in self._names:
                found.add(self._names[word])
            found.update(name for text, name in self._texts.get(word, {}).items() if text in data)
        return found

    def _words_in(self, data: bytes) -> set[int]:
        """Every watched run of eight bytes that `data` holds, at any offset."""
        if self._sieve is None:
            self._watched = frozenset({*self._names, *self._texts})
            self._sieve = np.zeros(1 << SIEVE_BITS, dtype=np.bool_)
            self._sieve[np.array([word & SIEVE_MASK for word in self._watched], dtype=np.int64)] = True
        seen: set[int] = set()
        for offset in range(min(WINDOW, len(data))):
            count = (len(data) - offset) // WINDOW
            if count:
                words = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
                likely = words[self._sieve[(words & np.uint64(SIEVE_MASK)).astype(np.int64)]]
                seen.update(self._watched.intersection(np.unique(likely).tolist()))
        return seen


def _word(window: bytes) -> int:
    return int.from_bytes(window, "little")


def _base64(data: bytes) -> list[bytes]:
    """The part of `data` that base64 shows whatever stands before it: three alignments, their edges cut off."""
    texts = []
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data)
        first, last = (0, 2, 3)[shift], len(data) * 4 // 3 - 2
        texts.append(text[first : first + last].rstrip(b"="))
    return [text for text in texts if len(text) >= WINDOW]
