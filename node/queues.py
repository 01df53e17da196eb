"""What the pool is made of: one sender's waiting transactions, and the order in which those behind a gap give way."""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from node.transactions import Transaction

SLACK = 64
"""Stale marks that are not worth clearing away."""


@dataclass(slots=True, eq=False)
class Entry:
    """A waiting transaction: its place in the order of arrival, and since when (seconds of the pool's clock)."""

    tx: Transaction
    arrival: int
    since: float
    trusted: bool
    marked: bool = False


_Mark = tuple[int, int, Entry]
"""The youngest first; the number of the mark, so that entries are never compared; the entry."""


class Queue:
    """One sender's transactions by nonce. `gap` is the first nonce from `nonce` on that is missing; `gas` what all
    ask for. No entry lies below `nonce`."""

    __slots__ = ("entries", "gap", "gas", "nonce")

    def __init__(self, nonce: int) -> None:
        self.entries: dict[int, Entry] = {}
        self.nonce = self.gap = nonce
        self.gas = 0

    @property
    def pending(self) -> int:
        """How many could run now."""
        return self.gap - self.nonce

    def put(self, entry: Entry) -> None:
        """Take in an entry, in the place of the one with its nonce if there is one."""
        before = self.entries.get(entry.tx.nonce)
        self.entries[entry.tx.nonce] = entry
        self.gas += entry.tx.gas - (0 if before is None else before.tx.gas)
        self._close_gap()

    def take(self, nonce: int) -> bool:
        """Take an entry out; True when others behind it could run until now."""
        self.gas -= self.entries.pop(nonce).tx.gas
        torn = nonce + 1 < self.gap
        self.gap = min(self.gap, nonce)
        return torn

    def move(self, nonce: int) -> list[Entry]:
        """The account's nonce is another now; returns what waited below it, taken out."""
        if nonce - self.nonce <= len(self.entries):
            below = [known for known in range(self.nonce, nonce) if known in self.entries]
        else:
            below = [known for known in self.entries if known < nonce]
        done = [self.entries.pop(known) for known in below]
        self.gas -= sum(entry.tx.gas for entry in done)
        self.gap = self.gap if self.nonce < nonce <= self.gap else nonce
        self.nonce = nonce
        self._close_gap()
        return done

    def _close_gap(self) -> None:
        while self.gap in self.entries:
            self.gap += 1


class Gapped:
    """Marks on the entries that wait behind a gap, the youngest on top; trusted senders' apart.

    A mark may be stale: what was removed or can run by now is passed over, and cleared away when stale marks could be
    the most. Queues that were torn are read when the next entry is wanted.
    """

    def __init__(self, queues: Mapping[bytes, Queue]) -> None:
        self._queues = queues
        self._heaps: tuple[list[_Mark], list[_Mark]] = ([], [])
        self._torn: dict[bytes, None] = {}
        self._marks = 0
        self._enough = SLACK

    def __len__(self) -> int:
        return sum(map(len, self._heaps))

    def push(self, entry: Entry) -> None:
        """An entry waits behind a gap."""
        if entry.marked:
            return
        entry.marked = True
        self._marks += 1
        heappush(self._heaps[entry.trusted], (-entry.arrival, self._marks, entry))
        if len(self) > self._enough:
            self._clear()

    def tear(self, sender: bytes) -> None:
        """Some of a sender's entries wait behind a gap now that could run before."""
        self._torn[sender] = None

    def forget(self, sender: bytes) -> None:
        """Nothing of a sender waits any more."""
        self._torn.pop(sender, None)

    def pop(self, trusted: bool) -> Entry | None:
        """The youngest behind a gap, or None; one of a trusted sender only for another trusted one."""
        self._read_torn()
        tops = []
        for heap in self._heaps[: 1 + trusted]:
            while heap and not self._waits(heap[0][2]):
                heappop(heap)[2].marked = False
            if heap:
                tops.append(heap)
        if not tops:
            return None
        entry = heappop(min(tops, key=lambda heap: heap[0]))[2]
        entry.marked = False
        return entry

    def _waits(self, entry: Entry) -> bool:
        queue = self._queues.get(entry.tx.sender)
        return queue is not None and queue.entries.get(entry.tx.nonce) is entry and entry.tx.nonce > queue.gap

    def _read_torn(self) -> None:
        for sender in self._torn:
            queue = self._queues[sender]
            for nonce, entry in queue.entries.items():
                if nonce > queue.gap:
                    self.push(entry)
        self._torn.clear()

    def _clear(self) -> None:
        for heap in self._heaps:
            stale = [mark for mark in heap if not self._waits(mark[2])]
            for mark in stale:
                mark[2].marked = False
            heap[:] = [mark for mark in heap if mark[2].marked]
            heapify(heap)
        self._enough = 2 * len(self) + SLACK
