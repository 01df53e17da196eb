"""The pool: transactions waiting for a block, one queue of nonces per sender, bounded and deterministic.

Rules. A nonce may lie at most `per_sender` above the account's. A transaction with the nonce of a waiting one
replaces it only if both its fee caps are at least 10 % higher; with free gas both are zero, so the first one stays.
All that waits of an account without a role must be within what it may still use in this window: more could not run
before the window ends, and one account cannot fill the pool. When the pool is full, a transaction that could run now
pushes out the youngest that waits behind a gap; otherwise it is refused. A quarter of the room is kept for trusted
senders (members and role holders), whose transactions also come first; among equals the order is arrival, except that
a sender's transactions go by nonce. What has waited for `lifetime` seconds is forgotten. Not thread-safe: one thread
owns it.

Costs. Adding, removing and every number asked for take a time that does not grow with what waits. Pushing out takes its
logarithm, and first reads the queues of senders whose transactions were torn apart since. `draw` begins with a look at
every sender, once a block; only `split` and `candidates` read all.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import takewhile

from node.config import PoolLimits
from node.errors import Refused, TransactionRefused
from node.queues import Entry, Gapped, Queue
from node.transactions import Transaction

PRICE_BUMP_PERCENT = 10
KEPT_FOR_TRUSTED = 4
"""One part in so many of the pool's room."""
NextNonce = Callable[[bytes], int]


def _unbounded(tx: Transaction, waiting: int) -> None:
    """Nobody has an allowance."""


class Pool:
    """Waiting transactions.

    `next_nonce` tells an account's nonce at the head, `elapsed` the seconds of a clock that only rises, `trusted`
    whether a sender is one for whom room is kept; `allow` raises TransactionRefused when a transaction asks for more
    gas than its sender has left beside the gas of those that wait already.
    """

    def __init__(
        self,
        next_nonce: NextNonce,
        limits: PoolLimits,
        elapsed: Callable[[], float],
        trusted: Callable[[bytes], bool] = lambda _: False,
        allow: Callable[[Transaction, int], None] = _unbounded,
    ) -> None:
        self._next_nonce, self._limits, self._elapsed, self._trusted = next_nonce, limits, elapsed, trusted
        self._allow = allow
        self._queues: dict[bytes, Queue] = {}
        self._by_hash: dict[bytes, Entry] = {}
        self._gapped = Gapped(self._queues)
        self._pending = 0
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

        Raises TransactionRefused: ALREADY_KNOWN, NONCE_TOO_LOW, NONCE_TOO_HIGH, REPLACEMENT_UNDERPRICED,
        ALLOWANCE_SPENT, POOL_FULL.
        """
        if tx.hash in self._by_hash:
            raise TransactionRefused(Refused.ALREADY_KNOWN, "already known")
        nonce = self._look_up(tx.sender)
        _check_nonce(tx, nonce, self._limits.per_sender)
        queue = self._queues.get(tx.sender) or Queue(nonce)
        entry = Entry(tx, self._arrivals + 1, self._elapsed(), self._trusted(tx.sender))
        waiting = queue.entries.get(tx.nonce)
        if waiting is not None:
            _check_better(waiting.tx, tx)
            entry.arrival = waiting.arrival
        self._allow(tx, queue.gas - (0 if waiting is None else waiting.tx.gas))
        self._make_room(entry, waiting, queue.gap)
        self._arrivals += 1
        self._put(entry, waiting, nonce)

    def _put(self, entry: Entry, before: Entry | None, nonce: int) -> None:
        tx = entry.tx
        if before is not None:
            del self._by_hash[before.tx.hash]
            self._bytes -= len(before.tx.raw)
        queue = self._queues.setdefault(tx.sender, Queue(nonce))
        pending = queue.pending
        queue.put(entry)
        self._pending += queue.pending - pending
        self._by_hash[tx.hash] = entry
        self._bytes += len(tx.raw)
        if tx.nonce > queue.gap:
            self._gapped.push(entry)

    def _make_room(self, entry: Entry, waiting: Entry | None, gap: int) -> None:
        """Push out what waits behind gaps, the youngest first, as far as it must be; nothing if that is not enough."""
        share = KEPT_FOR_TRUSTED if entry.trusted else KEPT_FOR_TRUSTED - 1
        count = len(self._by_hash) + (waiting is None) - self._limits.capacity * share // KEPT_FOR_TRUSTED
        size = self._bytes + len(entry.tx.raw) - (0 if waiting is None else len(waiting.tx.raw))
        size -= self._limits.bytes * share // KEPT_FOR_TRUSTED
        leaving: list[Entry] = []
        while count > 0 or size > 0:
            gone = self._gapped.pop(entry.trusted) if entry.tx.nonce <= gap else None
            if gone is None:
                for kept in leaving:
                    self._gapped.push(kept)
                raise TransactionRefused(Refused.POOL_FULL, "txpool is full", "send it again after the next block")
            leaving.append(gone)
            count, size = count - 1, size - len(gone.tx.raw)
        for gone in leaving:
            self.remove(gone.tx.hash)

    def _look_up(self, sender: bytes) -> int:
        """The account's nonce as it is now; what waits of the sender is brought up to it."""
        nonce = self._next_nonce(sender)
        self._bring_up(sender, nonce)
        return nonce

    def _bring_up(self, sender: bytes, nonce: int) -> None:
        queue = self._queues.get(sender)
        if queue is None or queue.nonce == nonce:
            return
        if nonce < queue.nonce:
            self._gapped.tear(sender)
        pending = queue.pending
        for entry in queue.move(nonce):
            del self._by_hash[entry.tx.hash]
            self._bytes -= len(entry.tx.raw)
        self._pending += queue.pending - pending
        self._drop_if_empty(sender, queue)

    def remove(self, transaction_hash: bytes) -> None:
        """Forget a transaction, known or not."""
        entry = self._by_hash.pop(transaction_hash, None)
        if entry is None:
            return
        tx = entry.tx
        self._bytes -= len(tx.raw)
        queue = self._queues[tx.sender]
        pending = queue.pending
        if queue.take(tx.nonce):
            self._gapped.tear(tx.sender)
        self._pending += queue.pending - pending
        self._drop_if_empty(tx.sender, queue)

    def _drop_if_empty(self, sender: bytes, queue: Queue) -> None:
        if not queue.entries:
            del self._queues[sender]
            self._gapped.forget(sender)

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
            self._look_up(sender)

    def next_nonce(self, sender: bytes) -> int:
        """The nonce a wallet should use next: the account's, past what waits without a gap."""
        nonce = self._look_up(sender)
        queue = self._queues.get(sender)
        return nonce if queue is None else queue.gap

    def settle(self, transactions: Sequence[Transaction]) -> None:
        """After a block of these: forget them and what is below the new nonces of their senders.

        A sender's nonce follows from its last transaction, except where an account let others act for it (type 4).
        """
        if any(tx.authorizations for tx in transactions):
            self.advance()
        else:
            for sender, nonce in {tx.sender: tx.nonce + 1 for tx in transactions}.items():
                self._bring_up(sender, nonce)

    def candidates(self) -> list[Transaction]:
        """All transactions that could run now, in the order in which a block should take them: trusted ones first."""
        return list(self.draw())

    def draw(self) -> Iterator[Transaction]:
        """The candidates one by one; what comes and goes meanwhile does no harm."""
        heads: list[tuple[bool, int, bytes, int]] = []
        for sender, queue in self._queues.items():
            entry = queue.entries.get(queue.nonce)
            if entry is not None:
                heads.append((not entry.trusted, entry.arrival, sender, queue.nonce))
        heapify(heads)
        while heads:
            _, _, sender, nonce = heads[0]
            found = self._queues.get(sender)
            entries = {} if found is None else found.entries
            entry, following = entries.get(nonce), entries.get(nonce + 1)
            if entry is None or following is None:
                heappop(heads)
            else:
                heapreplace(heads, (not following.trusted, following.arrival, sender, nonce + 1))
            if entry is not None:
                yield entry.tx

    @property
    def has_candidates(self) -> bool:
        """Could anything run now?"""
        return self._pending > 0

    @property
    def pending_count(self) -> int:
        """How many could run now."""
        return self._pending

    @property
    def size(self) -> int:
        """Wire bytes of all that waits."""
        return self._bytes

    @property
    def marks(self) -> int:
        """Marks kept on what waits behind gaps, stale ones included: how much is remembered for pushing out."""
        return len(self._gapped)

    def split(self) -> tuple[dict[bytes, list[Transaction]], dict[bytes, list[Transaction]]]:
        """(pending, queued) by sender, rising by nonce: what could run now and what waits behind a gap."""
        pending: dict[bytes, list[Transaction]] = {}
        queued: dict[bytes, list[Transaction]] = {}
        for sender, queue in self._queues.items():
            for nonce in sorted(queue.entries):
                half = pending if nonce < queue.gap else queued
                half.setdefault(sender, []).append(queue.entries[nonce].tx)
        return pending, queued


def _check_nonce(tx: Transaction, nonce: int, most: int) -> None:
    """Not below the account's, and not too far above. Raises TransactionRefused."""
    if tx.nonce < nonce:
        raise TransactionRefused(Refused.NONCE_TOO_LOW, f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
    if tx.nonce >= nonce + most:
        raise TransactionRefused(
            Refused.NONCE_TOO_HIGH,
            f"nonce too high: next nonce {nonce}, tx nonce {tx.nonce}, at most {most} may wait",
            "send the missing transactions first",
        )


def _check_better(old: Transaction, new: Transaction) -> None:
    """May `new` take the place of `old`? Raises TransactionRefused REPLACEMENT_UNDERPRICED."""
    for after, before in ((new.max_fee, old.max_fee), (new.max_priority_fee, old.max_priority_fee)):
        if after <= before or after * 100 < before * (100 + PRICE_BUMP_PERCENT):
            raise TransactionRefused(
                Refused.REPLACEMENT_UNDERPRICED,
                "replacement transaction underpriced",
                "wait for the transaction with this nonce, or offer both fees 10 % higher",
            )
