from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vault.support import Tree
from vault.errors import VaultError
from vault.paths import RECORD_SLOTS, SUBJECT_SLOTS, parse, period_path, record_path

PERIOD = period_path(0, 5)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    made.close()


def test_no_slot_is_ever_given_twice(tree: Tree) -> None:
    subjects = [tree.slots.new_subject(PERIOD, 1) for _ in range(5)]
    assert len(set(subjects)) == 5
    assert tree.slots.take({subjects[0]: 3, subjects[1]: 1}) == {subjects[0]: 1, subjects[1]: 1}
    assert tree.slots.take({subjects[0]: 1}) == {subjects[0]: 4}
    tree.keys.erase([subjects[4]])
    assert tree.slots.new_subject(PERIOD, 1) not in subjects


def test_counters_survive_and_count(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    subject = tree.slots.new_subject(PERIOD, 2)
    tree.slots.take({subject: 3})
    assert tree.slots.leaves_under(PERIOD) == tree.slots.leaves_under(subject) == 5
    tree.close()
    tree = Tree(tmp_path, create=False)
    assert tree.slots.take({subject: 1}) == {subject: 5}
    assert tree.slots.allocations == 3
    tree.close()


def test_a_full_level_is_refused_and_takes_nothing(tree: Tree) -> None:
    subject = tree.slots.new_subject(PERIOD, 1)
    with pytest.raises(VaultError, match="SLOTS_EXHAUSTED"):
        tree.slots.take({PERIOD: 1, subject: RECORD_SLOTS})
    assert tree.slots.take({subject: 1}) == {subject: 1}
    with pytest.raises(VaultError, match="SLOTS_EXHAUSTED"):
        tree.slots.take({PERIOD: SUBJECT_SLOTS})
    assert tree.slots.new_subject(PERIOD, 1) == "0000500001"


def test_frontiers_begin_right_after_the_last_slot(tree: Tree) -> None:
    assert tree.slots.frontiers() == []
    tree.slots.new_subject(parse("00000"), 1)
    subject = tree.slots.new_subject(PERIOD, 2)
    found = {(frontier.scope, frontier.first) for frontier in tree.slots.frontiers([subject])}
    assert found == {("00", "0000500001"), ("00000", "0000000001"), (subject, record_path(subject, 2))}


def test_every_frontier_covers_all_periods_and_subjects(tree: Tree) -> None:
    slots = [tree.slots.new_subject(period_path(0, period), 1) for period in (1, 5, 6)]
    found = {(frontier.scope, frontier.first) for frontier in tree.slots.frontiers(every=True)}
    expected = {("00", "0000600001"), ("00001", "0000100001"), ("00005", "0000500001")}
    assert found == expected | {(slot, record_path(slot, 1)) for slot in slots}


def test_full_scopes_have_no_frontier(tree: Tree) -> None:
    subject = tree.slots.new_subject(PERIOD, RECORD_SLOTS)
    assert tree.slots.frontiers([subject, parse("0000500007")]) == tree.slots.frontiers()
    tree.slots.take({PERIOD: SUBJECT_SLOTS - 1})
    assert [frontier.first for frontier in tree.slots.frontiers()] == ["0000600000"]
    tree.slots.take({parse("00fff"): SUBJECT_SLOTS})
    assert tree.slots.frontiers() == []
