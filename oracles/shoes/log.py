"""A shoe's flash: a bounded ring of signed minutes."""

from collections.abc import Iterator

from oracles.errors import DeviceError
from protocol.minutes import SIGNED_SIZE, SignedMinute

FLASH_BYTES = 2 * 1024 * 1024
"""A usual flash part: nine days of every minute, over three weeks of the minutes somebody walks in."""


class ShoeLog:
    """Signed minutes by sequence. When it is full the oldest is overwritten, acknowledged or not."""

    def __init__(self, capacity: int = FLASH_BYTES // SIGNED_SIZE) -> None:
        if capacity < 1:
            raise DeviceError("LOG_CAPACITY", "a log needs room for a record")
        self.capacity = capacity
        self.oldest = 1
        self.newest = 0
        self.acknowledged = 0
        self.records_lost = False
        self._slots: dict[int, bytes] = {}

    def append(self, minute: SignedMinute) -> int:
        """Keep a record under the next sequence and return that; may overwrite the oldest."""
        if len(self._slots) == self.capacity:
            self.records_lost |= self.oldest > self.acknowledged
            del self._slots[self.oldest]
            self.oldest += 1
        self.newest += 1
        self._slots[self.newest] = minute.to_bytes()
        return self.newest

    def records(self, first: int, last: int) -> Iterator[bytes]:
        """The records first..last, 160 bytes each. Raises `RANGE_NOT_HELD`."""
        if not self.oldest <= first <= last <= self.newest:
            raise DeviceError("RANGE_NOT_HELD", f"the log holds {self.oldest} to {self.newest}", "read the state again")
        return (self._slots[sequence] for sequence in range(first, last + 1))

    def acknowledge(self, sequence: int) -> None:
        """Everything up to here may be overwritten; an older one changes nothing. Raises `ACK_BEYOND_LOG`."""
        if sequence > self.newest:
            raise DeviceError("ACK_BEYOND_LOG", f"the newest record is {self.newest}")
        self.acknowledged = max(self.acknowledged, sequence)

    def erase(self) -> None:
        """Forget every record. The sequence runs on: no number is ever used twice."""
        self._slots.clear()
        self.oldest = self.newest + 1
        self.acknowledged = self.newest
        self.records_lost = False
