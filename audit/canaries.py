"""Canaries: byte strings of a person that must not be found where they do not belong.

Every run of eight bytes of a canary counts. Shorter runs would be met by chance: among 10^7 bytes of ledger and 10^5
windows, four random bytes meet about 230 times, eight bytes once in 10^7 scans.
"""

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
        self._sorted: npt.NDArray[np.uint64] | None = None

    def add(self, name: str, data: bytes) -> None:
        """Watch for every run of eight bytes of `data`; shorter data are not distinctive enough and are ignored."""
        for start in range(len(data) - WINDOW + 1):
            window = data[start : start + WINDOW]
            if len(set(window)) >= MIN_DISTINCT_BYTES:
                self._names.setdefault(int.from_bytes(window, "little"), name)
        self._sorted = None

    def add_all(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Watch for several."""
        for name, data in items:
            self.add(name, data)

    @property
    def windows(self) -> int:
        """How many runs of eight bytes are watched for."""
        return len(self._names)

    def found_in(self, data: bytes) -> set[str]:
        """The names of all canaries of which `data` holds a run of eight bytes."""
        if self._sorted is None:
            self._sorted = np.array(sorted(self._names), dtype=np.uint64)
        if not len(self._sorted):
            return set()
        found: set[str] = set()
        for offset in range(min(WINDOW, len(data))):
            count = (len(data) - offset) // WINDOW
            if count:
                words = np.frombuffer(data, dtype="<u8", count=count, offset=offset)
                places = np.minimum(np.searchsorted(self._sorted, words), len(self._sorted) - 1)
                hits = words[self._sorted[places] == words]
                found.update(self._names[int(word)] for word in hits)
        return found
