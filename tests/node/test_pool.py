"""The pool against its rules, and against a plain model."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.config import PoolLimits
from node.errors import TransactionRefused
from node.pool import Pool
from node.transactions import Transaction, decode
from tests.node.support import FOUNDER, sign

TEMPLATE = decode(sign(FOUNDER, 0))


def made(sender: int, nonce: int, fee: int = 0) -> Transaction:
    """A transaction of a numbered sender; its hash tells sender, nonce and fee apart."""
    digest = bytes([sender]) * 16 + nonce.to_bytes(8, "big") + fee.to_bytes(8, "big")
    return replace(TEMPLATE, sender=bytes([sender]) * 20, nonce=nonce, hash=digest, max_fee=fee, max_priority_fee=fee)


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pool(
    nonces: dict[int, int] | None = None,
    capacity: int = 100,
    per_sender: int = 16,
    size: int = 1_000_000,
    seconds: Seconds | None = None,
    strangers: Collection[int] = (),
) -> Pool:
    known = nonces if nonces is not None else {}
    return Pool(
        lambda sender: known.get(sender[0], 0),
        PoolLimits(capacity, size, per_sender, 600.0),
        seconds or Seconds(),
        lambda sender: sender[0] not in strangers,
    )


def refusal(waiting: Pool, tx: Transaction) -> str:
    try:
        waiting.add(tx)
    except TransactionRefused as refused:
        return refused.code
    return ""


def test_refusals() -> None:
    waiting = pool({1: 5})
    assert refusal(waiting, made(1, 4)) == "NONCE_TOO_LOW"
    assert refusal(waiting, made(1, 5)) == ""
    assert refusal(waiting, made(1, 5)) == "ALREADY_KNOWN"
    assert refusal(waiting, made(1, 21)) == "NONCE_TOO_HIGH"
    assert refusal(waiting, made(1, 20)) == ""


def test_messages_that_clients_match() -> None:
    waiting = pool({1: 5})
    waiting.add(made(1, 5))
    for tx, words in ((made(1, 4), "nonce too low"), (made(1, 5), "already known")):
        with pytest.raises(TransactionRefused) as caught:
            waiting.add(tx)
        assert caught.value.message.startswith(words)


@pytest.mark.parametrize(
    ("before", "after", "code"), [(0, 0, "ALREADY_KNOWN"), (0, 1, ""), (100, 109, "X"), (100, 110, "")]
)
def test_replacement_needs_ten_percent(before: int, after: int, code: str) -> None:
    waiting = pool()
    waiting.add(made(1, 0, before))
    assert refusal(waiting, made(1, 0, after)) == ("REPLACEMENT_UNDERPRICED" if code == "X" else code)
    assert len(waiting) == 1


def test_without_fees_the_first_stays() -> None:
    waiting = pool()
    waiting.add(made(1, 0))
    other = replace(made(1, 0), hash=b"\7" * 32)
    assert refusal(waiting, other) == "REPLACEMENT_UNDERPRICED"


def test_a_full_pool_gives_way_only_from_behind_a_gap() -> None:
    waiting = pool(capacity=3)
    for tx in (made(1, 0), made(2, 3), made(3, 4)):
        waiting.add(tx)
    assert refusal(waiting, made(4, 1)) == "POOL_FULL"
    assert refusal(waiting, made(4, 0)) == ""
    assert made(3, 4).hash not in waiting
    assert refusal(waiting, made(5, 0)) == ""
    assert refusal(waiting, made(6, 0)) == "POOL_FULL"


def test_pending_nonce_stops_at_the_gap() -> None:
    waiting = pool({1: 2})
    assert waiting.next_nonce(bytes([1]) * 20) == 2
    for nonce in (2, 3, 5):
        waiting.add(made(1, nonce))
    assert waiting.next_nonce(bytes([1]) * 20) == 4


def test_advancing_forgets_what_is_done() -> None:
    nonces = {1: 0}
    waiting = pool(nonces)
    for nonce in range(3):
        waiting.add(made(1, nonce))
    nonces[1] = 2
    waiting.advance([bytes([1]) * 20])
    assert [tx.nonce for tx in waiting.candidates()] == [2]
    waiting.remove(made(1, 2).hash)
    waiting.remove(made(1, 2).hash)
    assert len(waiting) == 0
    assert not waiting.has_candidates


ACTION = st.tuples(st.integers(1, 4), st.integers(0, 8), st.integers(0, 3))


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTION, max_size=40), st.dictionaries(st.integers(1, 4), st.integers(0, 4)))
def test_candidates_are_what_a_block_could_run(actions: list[tuple[int, int, int]], nonces: dict[int, int]) -> None:
    """Against a model: the accepted set; candidates rise by one from the account's nonce."""
    waiting = pool(nonces, capacity=10, per_sender=6)
    accepted = [made(*action) for action in actions if refusal(waiting, made(*action)) == ""]
    assert len(waiting) <= 10
    chosen = waiting.candidates()
    expected = dict(nonces)
    for tx in chosen:
        assert tx in accepted
        assert tx.nonce == expected.get(tx.sender[0], 0)
        expected[tx.sender[0]] = tx.nonce + 1
    for sender in range(1, 5):
        assert waiting.next_nonce(bytes([sender]) * 20) == expected.get(sender, 0)
    pending, queued = waiting.split()
    assert sum(map(len, pending.values())) + sum(map(len, queued.values())) == len(waiting)
    assert waiting.has_candidates == bool(chosen)


@settings(max_examples=50, deadline=None)
@given(st.permutations([made(sender, nonce) for sender in (1, 2) for nonce in range(4)]))
def test_any_order_of_arrival_yields_every_transaction(order: list[Transaction]) -> None:
    waiting = pool()
    for tx in order:
        waiting.add(tx)
    chosen = waiting.candidates()
    assert sorted(tx.hash for tx in chosen) == sorted(tx.hash for tx in order)
    assert chosen == waiting.candidates()


def test_bytes_are_bounded_as_numbers_are() -> None:
    size = len(TEMPLATE.raw)
    waiting = pool(size=3 * size)
    for tx in (made(1, 0), made(2, 3), made(3, 0)):
        waiting.add(tx)
    big = replace(made(4, 0), raw=bytes(3 * size))
    assert refusal(waiting, big) == "POOL_FULL"
    assert len(waiting) == 3
    assert refusal(waiting, made(4, 0)) == ""
    assert made(2, 3).hash not in waiting
    waiting.remove(made(1, 0).hash)
    assert refusal(waiting, made(5, 0)) == ""
    assert refusal(waiting, made(6, 0)) == "POOL_FULL"


def test_a_replacement_counts_only_what_it_adds() -> None:
    size = len(TEMPLATE.raw)
    waiting = pool(size=2 * size)
    waiting.add(made(1, 0, 100))
    waiting.add(made(2, 0))
    assert refusal(waiting, replace(made(1, 0, 200), raw=bytes(size + 1))) == "POOL_FULL"
    assert made(1, 0, 100).hash in waiting
    assert refusal(waiting, made(1, 0, 200)) == ""
    assert len(waiting) == 2


def test_a_quarter_of_the_pool_is_for_the_trusted_who_come_first() -> None:
    strangers = range(10, 30)
    waiting = pool(capacity=8, strangers=strangers)
    for sender in range(10, 16):
        waiting.add(made(sender, 0))
    assert refusal(waiting, made(16, 0)) == "POOL_FULL"
    assert refusal(waiting, made(1, 0)) == refusal(waiting, made(2, 5)) == ""
    assert refusal(waiting, made(17, 0)) == "POOL_FULL"
    assert [tx.sender[0] for tx in waiting.candidates()] == [1, *range(10, 16)]


def test_what_waited_for_too_long_is_forgotten() -> None:
    seconds = Seconds()
    waiting = pool(seconds=seconds)
    waiting.add(made(1, 0))
    waiting.add(made(2, 7, 100))
    seconds.now = 300
    waiting.add(made(3, 0))
    waiting.add(made(2, 7, 200))
    seconds.now = 599.9
    assert waiting.expire() == 0
    seconds.now = 600
    assert waiting.expire() == 1
    assert [tx.sender[0] for tx in waiting.candidates()] == [3]
    seconds.now = 900
    assert waiting.expire() == 2
    assert len(waiting) == 0
