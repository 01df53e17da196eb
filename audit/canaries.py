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
MIN_DISTINCT_BYTES = 4
"""Windows of fewer distinct bytes (padding, small numbers) say nothing about anybody."""


class Canaries:
    """A set of named byte strings, searched for all at once."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._texts: dict[bytes, str] = {}
        self._sorted: npt.NDArray[np.uint64] | None = None

    def add(self, name: str, data: bytes) -> None:
        """Watch for every run of eight bytes of `data`; shorter data are not distinctive enough and are ignored."""
        for start in range(len(data) - WINDOW + 1):
            window = data[start : start + WINDOW]
            if len(set(window)) >= MIN_DISTINCT_BYTES:
                self._names.setdefault(int.from_bytes(window, "little"), name)
        self._sorted = None

    def add_identifier(self, name: str, data: bytes) -> None:
        """Watch for `data` as `add` does, and for it as text."""
        self.add(name, data)
        for text in (data.hex().encode(), data.hex().upper().encode(), *_base64(data)):
            self._texts.setdefault(text, name)

    def add_all(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Watch for several identifiers."""
        for name, data in items:
            self.add_identifier(name, data)

    @property
    def windows(self) -> int:
        """How many runs of eight bytes are watched for."""
        return len(self._names)

    def found_in(self, data: bytes) -> set[str]:
        """The names of all canaries of which `data` holds a run of eight bytes."""
        if self._sorted is None:
            self._sorted = np.array(sorted(self._names), dtype=np.uint64)
        found = {name for text, name in self._texts.items() if text in data}
        if not len(self._sorted):
            return found
        for offset in range(min(WINDOW, len(data))):
            count = (len(data) - offset) // WINDOW
            if count:
                words = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
                places = np.minimum(np.searchsorted(self._sorted, words), len(self._sorted) - 1)
                hits = words[self._sorted[places] == words]
                found.update(self._names[int(word)] for word in hits)
        return found


def _base64(data: bytes) -> list[bytes]:
    """The part of `data` that base64 shows whatever stands before it: three alignments, their edges cut off."""
    texts = []
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + data)
        first, last = (0, 2, 3)[shift], len(data) * 4 // 3 - 2
        texts.append(text[first : first + last].rstrip(b"="))
    return [text for text in texts if len(text) >= WINDOW]
