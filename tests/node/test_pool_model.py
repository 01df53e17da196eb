"""The pool against a model that sorts everything anew each time; and what its operations cost when it is full."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.config import PoolLimits
from node.errors import Refused, TransactionRefused
from node.pool import Pool
from node.transactions import Transaction, decode
from tests.node.support import FOUNDER, sign

TEMPLATE = decode(sign(FOUNDER, 0))
SENDERS, TRUSTED = 5, (1, 2)
CAPACITY, BYTES, PER_SENDER, LIFETIME, ALLOWANCE = 12, 150, 6, 100.0, 50


def name(sender: int) -> bytes:
    return sender.to_bytes(20, "big")


def number(tx: Transaction) -> int:
    return int.from_bytes(tx.sender, "big")


def made(sender: int, nonce: int, fee: int = 0, gas: int = 1, size: int = 10) -> Transaction:
    digest = b"".join(part.to_bytes(6, "big") for part in (sender, nonce, fee, gas, size))
    return replace(
        TEMPLATE, sender=name(sender), nonce=nonce, hash=digest, raw=bytes(size), gas=gas,
        max_fee=fee, max_priority_fee=fee,
    )  # fmt: skip


@dataclass
class Waiting:
    """One entry of the model."""

    tx: Transaction
    arrival: int
    since: float
    trusted: bool


class Model:
    """The rules of the pool, written down as plainly as possible."""

    def __init__(self) -> None:
        self.nonces = dict.fromkeys(range(SENDERS), 0)
        self.entries: list[Waiting] = []
        self.arrivals, self.now = 0, 0.0

    def trusted(self, sender: bytes) -> bool:
        return int.from_bytes(sender, "big") in TRUSTED

    def at(self, sender: int, nonce: int) -> Waiting | None:
        return next((e for e in self.entries if (number(e.tx), e.tx.nonce) == (sender, nonce)), None)

    def gap(self, sender: int) -> int:
        nonce = self.nonces[sender]
        while self.at(sender, nonce):
            nonce += 1
        return nonce

    def add(self, tx: Transaction) -> str:
        sender, first = number(tx), self.nonces[number(tx)]
        old = self.at(sender, tx.nonce)
        if any(e.tx.hash == tx.hash for e in self.entries):
            return "ALREADY_KNOWN"
        if tx.nonce < first:
            return "NONCE_TOO_LOW"
        if tx.nonce >= first + PER_SENDER:
            return "NONCE_TOO_HIGH"
        if old and not (tx.max_fee > old.tx.max_fee and tx.max_fee * 100 >= old.tx.max_fee * 110):
            return "REPLACEMENT_UNDERPRICED"
        others = [e for e in self.entries if e is not old]
        if not self.trusted(tx.sender):
            asked = sum(e.tx.gas for e in others if number(e.tx) == sender)
            if asked + tx.gas > ALLOWANCE:
                return "ALLOWANCE_SPENT"
        out = self.pushed_out(tx, others)
        if out is None:
            return "POOL_FULL"
        self.arrivals += 1
        arrival = old.arrival if old else self.arrivals
        self.entries = [e for e in others if e not in out]
        self.entries.append(Waiting(tx, arrival, self.now, self.trusted(tx.sender)))
        return ""

    def pushed_out(self, tx: Transaction, others: list[Waiting]) -> list[Waiting] | None:
        """Who leaves so that `tx` has room; None if that is not enough."""
        trusted = self.trusted(tx.sender)
        share = 4 if trusted else 3
        out: list[Waiting] = []
        behind = [e for e in others if e.tx.nonce > self.gap(number(e.tx)) and e.trusted <= trusted]
        behind.sort(key=lambda e: e.arrival)
        while True:
            left = [e for e in others if e not in out]
            size = sum(len(e.tx.raw) for e in left) + len(tx.raw)
            if len(left) + 1 <= CAPACITY * share // 4 and size <= BYTES * share // 4:
                return out
            if not behind or tx.nonce > self.gap(number(tx)):
                return None
            out.append(behind.pop())

    def candidates(self) -> list[Transaction]:
        nonces, chosen = dict(self.nonces), list[Transaction]()
        while heads := [e for e in self.entries if e.tx.nonce == nonces[number(e.tx)]]:
            head = min(heads, key=lambda e: (not e.trusted, e.arrival))
            chosen.append(head.tx)
            nonces[number(head.tx)] += 1
        return chosen


class PoolMachine(RuleBasedStateMachine):
    """Arrivals, replacements, blocks, refusals in a block, the passing of time."""

    def __init__(self) -> None:
        super().__init__()
        self.model = model = Model()
        self.pool = Pool(
            lambda sender: model.nonces[int.from_bytes(sender, "big")],
            PoolLimits(CAPACITY, BYTES, PER_SENDER, LIFETIME),
            lambda: model.now,
            model.trusted,
            self.allow,
        )

    def allow(self, tx: Transaction, waiting: int) -> None:
        if not self.model.trusted(tx.sender) and tx.gas + waiting > ALLOWANCE:
            raise TransactionRefused(Refused.ALLOWANCE_SPENT, "spent")

    @rule(
        sender=st.integers(0, SENDERS - 1),
        ahead=st.integers(-1, PER_SENDER),
        fee=st.sampled_from([0, 0, 100, 109, 110, 150]),
        gas=st.sampled_from([1, 1, 20]),
        size=st.sampled_from([10, 10, 40]),
    )
    def arrive(self, sender: int, ahead: int, fee: int, gas: int, size: int) -> None:
        tx = made(sender, max(0, self.model.nonces[sender] + ahead), fee, gas, size)
        expected = self.model.add(tx)
        try:
            self.pool.add(tx)
            refusal = ""
        except TransactionRefused as refused:
            refusal = refused.code
        assert refusal == expected

    @precondition(lambda self: self.pool.has_candidates)
    @rule(count=st.integers(1, 8), refused=st.booleans(), told=st.booleans())
    def block(self, count: int, refused: bool, told: bool) -> None:
        """Some candidates are in a block, the next one may be refused there. `told`: the head moves first."""
        chosen = self.model.candidates()
        done = chosen[:count]
        nonces = {number(tx): tx.nonce + 1 for tx in done}
        if told:
            self.model.nonces |= nonces
        if refused and len(chosen) > count:
            self.pool.remove(chosen[count].hash)
            self.model.entries = [e for e in self.model.entries if e.tx is not chosen[count]]
        self.pool.settle(done)
        self.model.nonces |= nonces
        self.model.entries = [e for e in self.model.entries if e.tx.nonce >= self.model.nonces[number(e.tx)]]

    @rule(sender=st.integers(0, SENDERS - 1), more=st.integers(1, 3), all_told=st.booleans())
    def move_on(self, sender: int, more: int, all_told: bool) -> None:
        """An account's nonce rises by what never waited here."""
        self.model.nonces[sender] += more
        self.model.entries = [e for e in self.model.entries if e.tx.nonce >= self.model.nonces[number(e.tx)]]
        self.pool.advance(None if all_told else [name(sender), name(SENDERS)])

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.model.now += seconds
        old = [e for e in self.model.entries if e.since <= self.model.now - LIFETIME]
        assert self.pool.expire() == len(old)
        self.model.entries = [e for e in self.model.entries if e not in old]

    @invariant()
    def same(self) -> None:
        expected = self.model.candidates()
        assert self.pool.candidates() == expected
        assert self.pool.pending_count == len(expected)
        assert self.pool.has_candidates == bool(expected)
        assert len(self.pool) == len(self.model.entries) <= CAPACITY
        assert self.pool.size == sum(len(e.tx.raw) for e in self.model.entries) <= BYTES
        assert all(self.pool.get(e.tx.hash) is e.tx for e in self.model.entries)
        pending, queued = self.pool.split()
        for sender in range(SENDERS):
            gap = self.model.gap(sender)
            mine = sorted(e.tx.nonce for e in self.model.entries if number(e.tx) == sender)
            assert [tx.nonce for tx in pending.get(name(sender), [])] == [nonce for nonce in mine if nonce < gap]
            assert [tx.nonce for tx in queued.get(name(sender), [])] == [nonce for nonce in mine if nonce > gap]
            assert self.pool.next_nonce(name(sender)) == gap


TestPoolMachine = PoolMachine.TestCase
TestPoolMachine.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


# costs


def crowd(count: int, gapped: bool = False, each: int = 100) -> Pool:
    """A pool of so many transactions, `each` of a sender, behind a gap or not; full but for the trusted part."""
    pool = Pool(lambda _: 0, PoolLimits(count * 4 // 3 + 1, 2**40, 4_096, 600.0), lambda: 0.0)
    for at in range(count):
        sender, nonce = divmod(at, each)
        pool.add(made(sender, nonce + gapped))
    return pool


def cost(work: Callable[[int], object], times: int = 200) -> float:
    """Seconds of processor time of one call, at best of five rounds."""
    rounds = []
    for at in range(5):
        before = time.process_time()
        for turn in range(times):
            work(at * times + turn)
        rounds.append(time.process_time() - before)
    return min(rounds) / times


def test_what_is_asked_for_every_transaction_costs_no_more_in_a_full_pool() -> None:
    """A hundred times as much waits: a linear cost would be a hundred times as high; five times is noise."""
    small, large = crowd(200), crowd(20_000)
    for work in (
        lambda pool, at: pool.has_candidates,
        lambda pool, at: pool.pending_count,
        lambda pool, at: pool.next_nonce(name(at % 2)),
    ):
        costs = [cost(lambda at, pool=pool, work=work: work(pool, at)) for pool in (small, large)]  # type: ignore[misc]
        assert costs[1] < 5 * costs[0] + 2e-6


def test_pushing_out_of_a_full_pool_costs_no_more_when_it_is_large() -> None:
    costs = []
    for count in (200, 20_000):
        pool = crowd(count, gapped=True)
        taken = len(pool)
        pushed = []
        for at in range(100):
            before = time.process_time()
            pool.add(made(10_000 + at, 0))
            pushed.append(time.process_time() - before)
        assert taken <= len(pool) <= taken + 1
        costs.append(median(pushed))
    assert costs[1] < 5 * costs[0] + 20e-6


def test_marks_of_what_left_do_not_pile_up() -> None:
    """A pool that is never full forgets those behind gaps all the same."""
    now = 0.0
    pool = Pool(lambda _: 0, PoolLimits(1_000, 2**40, 16, 1.0), lambda: now)
    for at in range(5_000):
        pool.add(made(at, 5))
        now += 0.1
        pool.expire()
    assert len(pool) <= 11
    assert pool.marks < 500
