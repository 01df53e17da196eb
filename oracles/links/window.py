"""A bounded stretch of records that are being pulled, in whatever order and however often they come."""

from collections.abc import Iterator

from protocol.minutes import SIGNED_SIZE

_SEQUENCE = slice(24, 28)
"""Where a record carries its sequence, see `protocol.minutes`."""


class Window:
    """The records first..last. Whatever does not fit, or contradicts what is held, is kept aside and handed on too."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        self._given_up_below = first
        self._held: dict[int, bytes] = {}
        self._aside: list[bytes] = []

    def take(self, record: bytes) -> None:
        """Keep a record; the same bytes again change nothing."""
        sequence = int.from_bytes(record[_SEQUENCE], "little")
        fits = len(record) == SIGNED_SIZE and self.first <= sequence <= self.last
        if fits and self._held.setdefault(sequence, record) == record:
            return
        if record not in self._aside:
            self._aside.append(record)

    def give_up_below(self, sequence: int) -> None:
        """The shoe holds nothing below this any more."""
        self._given_up_below = max(self._given_up_below, sequence)

    def missing(self) -> list[tuple[int, int]]:
        """Ranges (first, last) that did not come."""
        ranges: list[tuple[int, int]] = []
        for sequence in range(self._given_up_below, self.last + 1):
            if sequence in self._held:
                continue
            if ranges and ranges[-1][1] == sequence - 1:
                ranges[-1] = ranges[-1][0], sequence
            else:
                ranges.append((sequence, sequence))
        return ranges

    @property
    def missing_count(self) -> int:
        """How many did not come."""
        return sum(last - first + 1 for first, last in self.missing())

    @property
    def complete(self) -> bool:
        """Has everything come that can come?"""
        return not self.missing()

    def records(self) -> Iterator[bytes]:
        """Everything held, by sequence; then what was set aside."""
        for sequence in sorted(self._held):
            yield self._held[sequence]
        yield from self._aside
