import random

from hypothesis import given
from hypothesis import strategies as st

from oracles.links.window import Window
from tests.oracles.shoes.support import walked_pair

RECORDS = list(walked_pair(12).left.records(1, 12))


@given(st.lists(st.integers(0, 11)), st.randoms(use_true_random=False))
def test_a_window_holds_each_record_once_and_knows_what_is_missing(came: list[int], dice: random.Random) -> None:
    window = Window(3, 10)
    for index in came:
        window.take(RECORDS[index])
    fitting = sorted({index + 1 for index in came if 3 <= index + 1 <= 10})
    missing = [at for first, last in window.missing() for at in range(first, last + 1)]
    assert sorted(fitting + missing) == list(range(3, 11))
    assert window.missing_count == len(missing)
    assert window.complete == (not missing)
    strays = {RECORDS[index] for index in came if not 3 <= index + 1 <= 10}
    handed_on = list(window.records())
    assert handed_on[: len(fitting)] == [RECORDS[sequence - 1] for sequence in fitting]
    assert set(handed_on[len(fitting) :]) == strays
    assert len(handed_on) == len(fitting) + len(strays)


def test_another_record_under_the_same_sequence_is_handed_on_too() -> None:
    window = Window(1, 1)
    fork = RECORDS[0][:-1] + bytes((RECORDS[0][-1] ^ 1,))
    for record in (RECORDS[0], fork, fork, RECORDS[0]):
        window.take(record)
    assert list(window.records()) == [RECORDS[0], fork]


def test_short_records_are_kept_aside() -> None:
    window = Window(1, 1)
    window.take(RECORDS[0][:50])
    window.take(b"")
    assert not window.complete
    assert list(window.records()) == [RECORDS[0][:50], b""]


def test_what_the_shoe_no_longer_holds_is_given_up() -> None:
    window = Window(1, 4)
    window.take(RECORDS[3])
    window.give_up_below(3)
    assert window.missing() == [(3, 3)]
