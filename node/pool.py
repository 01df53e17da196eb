"""The pool: transactions waiting for a block, one queue of nonces per sender, bounded and deterministic.

Rules. A nonce may lie at most `per_sender` above the account's. A transaction with the nonce of a waiting one
replaces it only if both its fee caps are at least 10 % higher; with free gas both are zero, so the first one stays.
When the pool is full, a transaction that could run now pushes out the youngest that waits behind a gap; otherwise it
is refused. Order is arrival, except that a sender's transactions go by nonce. Not thread-safe: one thread owns it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from node.errors import Refused, TransactionRefused
from node.transactions import Transaction

PRICE_BUMP_PERCENT = 10
NextNonce = Callable[[bytes], int]


@dataclass(slots=True)
class _Entry:
    tx: Transaction
    arrival: int


class Pool:
    """Waiting transactions. `next_nonce` tells an account's nonce at the head."""

    def __init__(self, next_nonce: NextNonce, capacity: int, per_sender: int) -> None:
        self._next_nonce = next_nonce
        self._capacity, self._per_sender = capacity, per_sender
        self._queues: dict[bytes, dict[int, _Entry]] = {}
        self._by_hash: dict[bytes, Transaction] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._by_hash)

    def __contains__(self, transaction_hash: bytes) -> bool:
        return transaction_hash in self._by_hash

    def get(self, transaction_hash: bytes) -> Transaction | None:
        """A waiting transaction."""
        return self._by_hash.get(transaction_hash)

    def add(self, tx: Transaction) -> None:
        """Take a checked transaction in.

        Raises TransactionRefused: ALREADY_KNOWN, NONCE_TOO_LOW, NONCE_TOO_HIGH, REPLACEMENT_UNDERPRICED, POOL_FULL.
        """
        if tx.hash in self._by_hash:
            raise TransactionRefused(Refused.ALREADY_KNOWN, "already known")
        nonce = self._next_nonce(tx.sender)
        if tx.nonce < nonce:
            raise TransactionRefused(Refused.NONCE_TOO_LOW, f"nonce too low: next nonce {nonce}, tx nonce {tx.nonce}")
        if tx.nonce >= nonce + self._per_sender:
            raise TransactionRefused(
                Refused.NONCE_TOO_HIGH,
                f"nonce too high: next nonce {nonce}, tx nonce {tx.nonce}, at most {self._per_sender} may wait",
                "send the missing transactions first",
            )
        waiting = self._queues.get(tx.sender, {}).get(tx.nonce)
        if waiting is not None:
            self._replace(waiting, tx)
            return
        if len(self._by_hash) >= self._capacity:
            self._make_room(tx, nonce)
        self._arrivals += 1
        self._queues.setdefault(tx.sender, {})[tx.nonce] = _Entry(tx, self._arrivals)
        self._by_hash[tx.hash] = tx

    def _replace(self, waiting: _Entry, tx: Transaction) -> None:
        old = waiting.tx
        enough = all(
            new > before and new * 100 >= before * (100 + PRICE_BUMP_PERCENT)
            for new, before in ((tx.max_fee, old.max_fee), (tx.max_priority_fee, old.max_priority_fee))
        )
        if not enough:
            raise TransactionRefused(
                Refused.REPLACEMENT_UNDERPRICED,
                "replacement transaction underpriced",
                "wait for the transaction with this nonce, or offer both fees 10 % higher",
            )
        del self._by_hash[old.hash]
        waiting.tx = tx
        self._by_hash[tx.hash] = tx

    def _make_room(self, tx: Transaction, nonce: int) -> None:
        runnable = tx.nonce == self._first_gap(tx.sender, nonce)
        gapped = [entry for _, entry in self._gapped()] if runnable else []
        if not gapped:
            raise TransactionRefused(Refused.POOL_FULL, "txpool is full", "send it again after the next block")
        self.remove(max(gapped, key=lambda entry: entry.arrival).tx.hash)

    def _first_gap(self, sender: bytes, nonce: int) -> int:
        queue = self._queues.get(sender, {})
        while nonce in queue:
            nonce += 1
        return nonce

    def _gapped(self) -> Iterator[tuple[bytes, _Entry]]:
        for sender, queue in self._queues.items():
            gap = self._first_gap(sender, self._next_nonce(sender))
            yield from ((sender, entry) for nonce, entry in queue.items() if nonce > gap)

    def remove(self, transaction_hash: bytes) -> None:
        """Forget a transaction, known or not."""
        tx = self._by_hash.pop(transaction_hash, None)
        if tx is None:
            return
        queue = self._queues[tx.sender]
        del queue[tx.nonce]
        if not queue:
            del self._queues[tx.sender]

    def advance(self, senders: Sequence[bytes]) -> None:
        """After a block: forget what is below the new nonces of these accounts."""
        for sender in set(senders) & self._queues.keys():
            nonce = self._next_nonce(sender)
            for entry in [e for n, e in self._queues[sender].items() if n < nonce]:
                self.remove(entry.tx.hash)

    def next_nonce(self, sender: bytes) -> int:
        """The nonce a wallet should use next: the account's, past what waits without a gap."""
        return self._first_gap(sender, self._next_nonce(sender))

    def candidates(self, most: int) -> list[Transaction]:
        """Up to `most` transactions that could run now, in the order in which a block should take them."""
        heads: list[tuple[int, bytes, int]] = []
        for sender, queue in self._queues.items():
            entry = queue.get(nonce := self._next_nonce(sender))
            if entry is not None:
                heads.append((entry.arrival, sender, nonce))
        heapify(heads)
        chosen: list[Transaction] = []
        while heads and len(chosen) < most:
            _, sender, nonce = heappop(heads)
            queue = self._queues[sender]
            chosen.append(queue[nonce].tx)
            if nonce + 1 in queue:
                heappush(heads, (queue[nonce + 1].arrival, sender, nonce + 1))
        return chosen

    @property
    def has_candidates(self) -> bool:
        """Could anything run now?"""
        return any(self._next_nonce(sender) in queue for sender, queue in self._queues.items())

    def split(self) -> tuple[dict[bytes, list[Transaction]], dict[bytes, list[Transaction]]]:
        """(pending, queued) by sender, rising by nonce: what could run now and what waits behind a gap."""
        pending: dict[bytes, list[Transaction]] = {}
        queued: dict[bytes, list[Transaction]] = {}
        for sender, queue in self._queues.items():
            gap = self._first_gap(sender, self._next_nonce(sender))
            for nonce in sorted(queue):
                (pending if nonce < gap else queued).setdefault(sender, []).append(queue[nonce].tx)
        return pending, queued
