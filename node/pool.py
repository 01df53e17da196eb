"""The pool: transactions waiting for a block, one queue of nonces per sender, bounded and deterministic.

Rules. A nonce may lie at most `per_sender` above the account's. A transaction with the nonce of a waiting one
replaces it only if both its fee caps are at least 10 % higher; with free gas both are zero, so the first one stays.
When the pool is full, a transaction that could run now pushes out the youngest that waits behind a gap; otherwise it
is refused. A quarter of the room is kept for trusted senders (members and role holders), whose transactions also come
first; among equals the order is arrival, except that a sender's transactions go by nonce. What has waited for
`lifetime` seconds is forgotten. Not thread-safe: one thread owns it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from itertools import takewhile

from node.config import PoolLimits
from node.errors import Refused, TransactionRefused
from node.transactions import Transaction

PRICE_BUMP_PERCENT = 10
KEPT_FOR_TRUSTED = 4
"""One part in so many of the pool's room."""
NextNonce = Callable[[bytes], int]


@dataclass(slots=True)
class _Entry:
    tx: Transaction
    arrival: int
    since: float
    trusted: bool


class Pool:
    """Waiting transactions.

    `next_nonce` tells an account's nonce at the head, `elapsed` the seconds of a clock that only rises, `trusted`
    whether a sender is one for whom room is kept.
    """

    def __init__(
        self,
        next_nonce: NextNonce,
        limits: PoolLimits,
        elapsed: Callable[[], float],
        trusted: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self._next_nonce, self._limits, self._elapsed, self._trusted = next_nonce, limits, elapsed, trusted
        self._queues: dict[bytes, dict[int, _Entry]] = {}
        self._by_hash: dict[bytes, _Entry] = {}
        self._nonces: dict[bytes, int] = {}
        self._arrivals = 0
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._by_hash

    def get(self, transaction_hash: bytes) -> Transaction | None:
        """A waiting transaction."""
        entry = self._by_hash.get(transaction_hash)
        return None if entry is None else entry.tx

    def add(self, tx: Transaction) -> None:
        """Take a checked transaction in.

        Raises TransactionRefused: ALREADY_KNOWN, NONCE_TOO_LOW, NONCE_TOO_HIGH, REPLACEMENT_UNDERPRICED, POOL_FULL.
        """
        if tx.hash in self._by_hash:
            raise TransactionRefused(Refused.ALREADY_KNOWN, "already known")
        nonce = self._look_up(tx.sender)
        if tx.nonce < nonce:
            raise TransactionRefused(Refused.NONCE_TOO_LOW, f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
        if tx.nonce >= nonce + self._limits.per_sender:
            raise TransactionRefused(
                Refused.NONCE_TOO_HIGH,
                f"nonce too high: next nonce {nonce}, tx nonce {tx.nonce}, at most {self._limits.per_sender} may wait",
                "send the missing transactions first",
            )
        entry = _Entry(tx, self._arrivals + 1, self._elapsed(), self._trusted(tx.sender))
        waiting = self._queues.get(tx.sender, {}).get(tx.nonce)
        if waiting is not None:
            _check_better(waiting.tx, tx)
            entry.arrival = waiting.arrival
        self._make_room(entry, waiting)
        if waiting is not None:
            self.remove(waiting.tx.hash)
        self._arrivals += 1
        self._nonces[tx.sender] = nonce
        self._queues.setdefault(tx.sender, {})[tx.nonce] = entry
        self._by_hash[tx.hash] = entry
        self._bytes += len(tx.raw)

    def _make_room(self, entry: _Entry, waiting: _Entry | None) -> None:
        """Push out what waits behind gaps, the youngest first, as far as it must be; nothing if that is not enough."""
        share = KEPT_FOR_TRUSTED if entry.trusted else KEPT_FOR_TRUSTED - 1
        count = len(self._by_hash) + (waiting is None) - self._limits.capacity * share // KEPT_FOR_TRUSTED
        size = self._bytes + len(entry.tx.raw) - (0 if waiting is None else len(waiting.tx.raw))
        size -= self._limits.bytes * share // KEPT_FOR_TRUSTED
        if count <= 0 and size <= 0:
            return
        leaving: list[_Entry] = []
        tx = entry.tx
        if tx.nonce <= self._first_gap(tx.sender):
            for gapped in sorted(self._gapped(), key=lambda one: one.arrival, reverse=True):
                if (count > 0 or size > 0) and gapped.trusted <= entry.trusted:
                    leaving.append(gapped)
                    count, size = count - 1, size - len(gapped.tx.raw)
        if count > 0 or size > 0:
            raise TransactionRefused(Refused.POOL_FULL, "txpool is full", "send it again after the next block")
        for gone in leaving:
            self.remove(gone.tx.hash)

    def _look_up(self, sender: bytes) -> int:
        """The account's nonce as it is now; remembered while something of the sender waits."""
        nonce = self._next_nonce(sender)
        if sender in self._queues:
            self._nonces[sender] = nonce
        return nonce

    def _first_gap(self, sender: bytes) -> int:
        queue = self._queues.get(sender, {})
        nonce = self._nonces[sender] if queue else self._next_nonce(sender)
        while nonce in queue:
            nonce += 1
        return nonce

    def _gapped(self) -> Iterator[_Entry]:
        for sender, queue in self._queues.items():
            gap = self._first_gap(sender)
            yield from (entry for nonce, entry in queue.items() if nonce > gap)

    def remove(self, transaction_hash: bytes) -> None:
        """Forget a transaction, known or not."""
        entry = self._by_hash.pop(transaction_hash, None)
        if entry is None:
            return
        tx = entry.tx
        self._bytes -= len(tx.raw)
        queue = self._queues[tx.sender]
        del queue[tx.nonce]
        if not queue:
            del self._queues[tx.sender], self._nonces[tx.sender]

    def expire(self) -> int:
        """Forget what has waited for too long; returns how many. Entries are kept in the order in which they came."""
        limit = self._elapsed() - self._limits.lifetime
        gone = list(takewhile(lambda transaction_hash: self._by_hash[transaction_hash].since <= limit, self._by_hash))
        for transaction_hash in gone:
            self.remove(transaction_hash)
        return len(gone)

    def advance(self, senders: Iterable[bytes] | None = None) -> None:
        """After a block: forget what is below the new nonces of these accounts; None: of all."""
        for sender in list(self._queues) if senders is None else set(senders) & self._queues.keys():
            nonce = self._look_up(sender)
            for entry in [e for n, e in self._queues[sender].items() if n < nonce]:
                self.remove(entry.tx.hash)

    def next_nonce(self, sender: bytes) -> int:
        """The nonce a wallet should use next: the account's, past what waits without a gap."""
        self._look_up(sender)
        return self._first_gap(sender)

    def settle(self, transactions: Sequence[Transaction]) -> None:
        """After a block of these: forget them and what is below the new nonces of their senders.

        A sender's nonce follows from its last transaction, except where an account let others act for it (type 4).
        """
        for tx in transactions:
            self.remove(tx.hash)
        if any(tx.authorizations for tx in transactions):
            self.advance()
            return
        for sender, nonce in {tx.sender: tx.nonce + 1 for tx in transactions}.items():
            queue = self._queues.get(sender)
            if queue is not None:
                self._nonces[sender] = nonce
                for entry in [e for n, e in queue.items() if n < nonce]:
                    self.remove(entry.tx.hash)

    def candidates(self) -> list[Transaction]:
        """All transactions that could run now, in the order in which a block should take them: trusted ones first."""
        return list(self.draw())

    def draw(self) -> Iterator[Transaction]:
        """The candidates one by one; what comes and goes meanwhile does no harm."""
        heads: list[tuple[bool, int, bytes, int]] = []
        for sender, queue in self._queues.items():
            entry = queue.get(nonce := self._nonces[sender])
            if entry is not None:
                heads.append((not entry.trusted, entry.arrival, sender, nonce))
        heapify(heads)
        while heads:
            _, _, sender, nonce = heads[0]
            queue = self._queues.get(sender, {})
            entry, following = queue.get(nonce), queue.get(nonce + 1)
            if entry is None or following is None:
                heappop(heads)
            else:
                heapreplace(heads, (not following.trusted, following.arrival, sender, nonce + 1))
            if entry is not None:
                yield entry.tx

    @property
    def has_candidates(self) -> bool:
        """Could anything run now?"""
        return any(self._nonces[sender] in queue for sender, queue in self._queues.items())

    @property
    def pending_count(self) -> int:
        """How many could run now."""
        return sum(self._first_gap(sender) - self._nonces[sender] for sender in self._queues)

    @property
    def size(self) -> int:
        """Wire bytes of all that waits."""
        return self._bytes

    def split(self) -> tuple[dict[bytes, list[Transaction]], dict[bytes, list[Transaction]]]:
        """(pending, queued) by sender, rising by nonce: what could run now and what waits behind a gap."""
        pending: dict[bytes, list[Transaction]] = {}
        queued: dict[bytes, list[Transaction]] = {}
        for sender, queue in self._queues.items():
            gap = self._first_gap(sender)
            for nonce in sorted(queue):
                (pending if nonce < gap else queued).setdefault(sender, []).append(queue[nonce].tx)
        return pending, queued


def _check_better(old: Transaction, new: Transaction) -> None:
    """May `new` take the place of `old`? Raises TransactionRefused REPLACEMENT_UNDERPRICED."""
    for after, before in ((new.max_fee, old.max_fee), (new.max_priority_fee, old.max_priority_fee)):
        if after <= before or after * 100 < before * (100 + PRICE_BUMP_PERCENT):
            raise TransactionRefused(
                Refused.REPLACEMENT_UNDERPRICED,
                "replacement transaction underpriced",
                "wait for the transaction with this nonce, or offer both fees 10 % higher",
            )
