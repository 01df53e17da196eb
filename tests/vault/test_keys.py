import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vault.support import VAULT_ID, Crash, Tree, scratch
from vault import keys
from vault.database import Database
from vault.errors import KeyErased, RootRefused, StoreDamaged
from vault.keyplan import Frontier
from vault.keys import SCHEMA, KeyTree
from vault.nodes import open_node
from vault.paths import DEPTH, FAN_OUT, leaf_path, parse
from vault.paths import Path as TreePath
from vault.roots import FileRootSlot

leaves = st.integers(0, FAN_OUT**DEPTH - 1).map(leaf_path)
near_leaves = st.integers(0, 600).map(leaf_path)
prefixes = st.tuples(st.one_of(leaves, near_leaves), st.integers(1, DEPTH)).map(
    lambda found: parse(found[0][: found[1]])
)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    made.close()


@settings(max_examples=25, deadline=None)
@given(st.lists(prefixes, min_size=1, max_size=4), st.lists(st.one_of(leaves, near_leaves), max_size=12))
def test_erasing_prefixes_erases_their_leaves_and_no_other(erased: list[TreePath], watched: list[TreePath]) -> None:
    with scratch() as directory:
        tree = Tree(directory)
        before = {leaf: tree.keys.key(leaf) for leaf in watched}
        tree.keys.erase(erased)
        for leaf, key in before.items():
            if leaf.startswith(tuple(erased)):
                with pytest.raises(KeyErased):
                    tree.keys.key(leaf)
            else:
                assert tree.keys.key(leaf) == key
        assert all(tree.keys.is_erased(prefix) for prefix in erased)
        tree.close()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_frontier_renews_exactly_what_lies_beyond_it_in_its_scope(data: st.DataObject) -> None:
    first = data.draw(leaves)
    scope_length = data.draw(st.integers(1, DEPTH - 1))
    length = data.draw(st.integers(scope_length + 1, DEPTH))
    frontier = Frontier(parse(first[:scope_length]), parse(first[:length]))
    watched = data.draw(
        st.lists(st.one_of(leaves, st.integers(0, FAN_OUT**4).map(lambda i: nearby(first, i))), max_size=8)
    )
    with scratch() as directory:
        tree = Tree(directory)
        tree.keys.erase([parse("fe")], lambda: [frontier])
        before = {leaf: tree.keys.key(leaf) for leaf in watched if not leaf.startswith("fe")}
        tree.keys.erase((), lambda: [frontier])
        for leaf, key in before.items():
            beyond = leaf.startswith(frontier.scope) and leaf >= frontier.first
            assert (tree.keys.key(leaf) != key) == beyond
        tree.close()


def nearby(leaf: str, distance: int) -> TreePath:
    return leaf_path(min(max(int(leaf, 16) + distance - FAN_OUT**4 // 2, 0), FAN_OUT**DEPTH - 1))


@pytest.mark.parametrize(
    "subject", ["0011100002", "0011100003", "0011100010", "0011100100", "0011110000", "0011200000"]
)
def test_rows_beyond_a_frontier_are_dropped_and_leave_no_unreadable_node(tree: Tree, subject: str) -> None:
    victim = parse(subject + "0003")
    tree.keys.erase([victim])
    tree.keys.erase((), lambda: [Frontier(parse("00"), parse("0011100002"))])
    assert len(tree.keys.key(victim)) == 32


def test_keys_are_the_same_after_opening_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    leaf, gone = parse("00123000010002"), parse("0012300002")
    tree.keys.erase([gone])
    key = tree.keys.key(leaf)
    tree.close()
    tree = Tree(tmp_path, create=False)
    assert tree.keys.key(leaf) == key
    assert tree.keys.is_erased(gone)
    tree.close()


def test_an_erased_subject_takes_all_its_records_along(tree: Tree) -> None:
    subject, other = "0012300002", parse("00123000030001")
    kept = tree.keys.key(other)
    tree.keys.erase([parse(subject + "0003")])
    tree.keys.key(parse(subject + "0004"))
    tree.keys.erase([parse(subject)])
    for record in range(16):
        with pytest.raises(KeyErased):
            tree.keys.key(parse(f"{subject}{record:04x}"))
    assert tree.keys.key(other) == kept


def test_tombstones_remember_prefix_and_epoch(tree: Tree) -> None:
    tree.keys.erase([parse("0012300002")])
    tree.keys.erase([parse("0012300002"), parse("0012300001")])
    assert tree.keys.tombstones() == [("0012300002", 1), ("0012300001", 2)]
    assert tree.keys.tombstones(since=1) == [("0012300001", 2)]


def test_one_path_writes_one_row_a_level(tree: Tree) -> None:
    assert tree.keys.erase([parse("0012300002")]).nodes == 10
    assert tree.keys.erase([parse("00123000030001")]).nodes == DEPTH


def test_a_full_cache_is_emptied(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [tree.keys.key(parse(f"00123{subject:05x}0000")) for subject in range(40)]
    monkeypatch.setattr(keys, "CACHE_LIMIT", 5)
    tree.keys._forget()
    assert [tree.keys.key(parse(f"00123{subject:05x}0000")) for subject in range(40)] == before
    assert len(tree.keys._cache) <= 5


@pytest.mark.parametrize("where", ["written down", "prepared", "before commit", "committed", "destroyed"])
def test_a_crash_at_any_step_leaves_all_or_nothing(tmp_path: Path, where: str) -> None:
    victim, other = parse("00123000010002"), parse("00123000020002")

    def crash(step: str) -> None:
        if step == where:
            raise Crash

    tree = Tree(tmp_path)
    key, kept = tree.keys.key(victim), tree.keys.key(other)
    tree.close()
    tree = Tree(tmp_path, create=False, on_step=crash)
    with pytest.raises(Crash):
        tree.keys.erase([victim])
    tree.close()
    tree = Tree(tmp_path, create=False)
    if where in ("written down", "prepared", "before commit"):
        assert tree.keys.key(victim) == key
    else:
        assert tree.keys.is_erased(victim)
        assert tree.root.epochs() == (1,)
    assert tree.keys.key(other) == kept
    tree.keys.erase([victim])
    assert tree.keys.is_erased(victim)
    assert tree.keys.key(other) == kept
    assert len(tree.root.epochs()) == 1
    tree.close()


def test_a_root_that_cannot_be_overwritten_is_not_called_erased(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = parse("00123000010002")

    def refuse(_: int, __: bytes) -> None:
        raise OSError("device gone")

    with monkeypatch.context() as patched:
        patched.setattr(tree.root, "settle", refuse)
        with pytest.raises(OSError, match="device gone"):
            tree.keys.erase([victim])
    assert not tree.keys.is_erased(victim)
    tree.keys.settle()
    assert tree.keys.is_erased(victim)


def test_a_crash_before_the_first_commit_keeps_the_root_that_was_made(tmp_path: Path) -> None:
    def crash(_: str) -> None:
        raise Crash

    with pytest.raises(Crash):
        Tree(tmp_path, on_step=crash)
    tree = Tree(tmp_path, create=False)
    assert tree.keys.epoch == 0
    tree.close()


class TestWrongPairs:
    """A database and a root slot that do not belong together are refused, and nothing is written."""

    @pytest.fixture
    def used(self, tmp_path: Path) -> Path:
        tree = Tree(tmp_path)
        tree.keys.erase([parse("0012300002")])
        tree.database.checkpoint()
        shutil.copy(tmp_path / "keys.db", tmp_path / "old.db")
        tree.keys.erase([parse("0012300003")])
        tree.close()
        return tmp_path

    def refused(
        self, directory: Path, database: Path, code: str, vault_id: bytes = VAULT_ID, create: bool = False
    ) -> None:
        root_before = (directory / "root.slot").read_bytes()
        root = FileRootSlot(directory / "root.slot", allow_remnants=True)
        opened = Database(database, SCHEMA, create=create)
        rows_before = opened.rows("SELECT * FROM meta")
        with pytest.raises(RootRefused, match=code):
            KeyTree(opened, root, vault_id, os.urandom)
        assert opened.rows("SELECT * FROM meta") == rows_before
        assert (directory / "root.slot").read_bytes() == root_before
        opened.close()
        root.close()

    def test_an_old_copy(self, used: Path) -> None:
        self.refused(used, used / "old.db", "ROOT_STALE")

    def test_an_empty_database_over_a_root_in_use(self, used: Path) -> None:
        self.refused(used, used / "empty.db", "ROOT_IN_USE", create=True)

    def test_another_vaults_root(self, used: Path) -> None:
        self.refused(used, used / "keys.db", "ROOT_FOREIGN", vault_id=bytes(16))

    def test_an_empty_root(self, used: Path) -> None:
        (used / "root.slot").write_bytes(bytes(8192))
        self.refused(used, used / "keys.db", "ROOT_STALE")

    def test_the_right_pair_still_opens(self, used: Path) -> None:
        tree = Tree(used, create=False)
        assert tree.keys.epoch == 2
        tree.close()


def test_a_lost_database_may_be_made_anew_while_nothing_was_erased(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    key = tree.keys.key(parse("00123000010002"))
    tree.close()
    (tmp_path / "keys.db").unlink()
    Database(tmp_path / "keys.db", SCHEMA, create=True).close()
    tree = Tree(tmp_path, create=False)
    assert tree.keys.key(parse("00123000010002")) == key
    tree.close()


@pytest.mark.parametrize("damage", ["changed", "swapped"])
def test_a_changed_or_swapped_row_is_noticed(tree: Tree, damage: str) -> None:
    tree.keys.erase([parse("0012300002"), parse("1012300002")])
    rows = tree.database.rows("SELECT id, sealed FROM node ORDER BY id")
    (first, one), (second, two) = rows[1], rows[2]
    changes = {"changed": [(one[:-1] + bytes([one[-1] ^ 1]), first)], "swapped": [(two, first), (one, second)]}
    tree.database.execute_many("UPDATE node SET sealed = ? WHERE id = ?", changes[damage])
    tree.keys._forget()
    with pytest.raises(StoreDamaged, match="NODE_DAMAGED"):
        tree.keys.key(parse("00123000010002"))


def test_a_lost_row_is_noticed_and_never_taken_for_an_untouched_subtree(tree: Tree) -> None:
    tree.keys.erase([parse("0012300002")])
    tree.database.execute("DELETE FROM node WHERE id = (SELECT max(id) FROM node)")
    tree.keys._forget()
    with pytest.raises(StoreDamaged, match="NODE_DAMAGED: a node of level 9 is missing"):
        tree.keys.key(parse("00123000010002"))
    assert len(tree.keys.key(parse("00124000010002"))) == 32


def test_a_row_commits_to_its_key_and_its_length(tree: Tree) -> None:
    tree.keys.erase([parse("0012300002")])
    (row,) = next(iter(tree.database.rows("SELECT sealed FROM node WHERE id = 0")))
    key = tree.root.root_key(1)
    assert open_node(key, row, VAULT_ID, 0, 0) is not None
    assert open_node(key, row, VAULT_ID, 0, 1) is None
    assert open_node(key, row[:-1], VAULT_ID, 0, 0) is None
    assert open_node(bytes(32), row, VAULT_ID, 0, 0) is None
    assert open_node(key, bytes([row[0] ^ 1]) + row[1:], VAULT_ID, 0, 0) is None


def test_a_wrong_root_secret_is_noticed_before_any_key_is_given(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.close()
    (tmp_path / "root.slot").unlink()
    attempt = Database(tmp_path / "keys.db", "").value("SELECT value FROM meta WHERE name = 'attempt'")
    slot = FileRootSlot(tmp_path / "root.slot", create=True, allow_remnants=True)
    slot.prepare(0, VAULT_ID, attempt)
    slot.close()
    with pytest.raises(StoreDamaged, match="ROOT_DAMAGED"):
        Tree(tmp_path, create=False)


def test_an_old_row_put_back_erases_nothing_back(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.keys.erase([parse("0055500001")])
    old = tree.database.rows("SELECT * FROM node")
    tree.keys.erase([parse("0012300002")])
    tree.database.execute_many("INSERT OR REPLACE INTO node VALUES (?, ?)", old)
    tree.keys._forget()
    with pytest.raises(StoreDamaged, match="NODE_DAMAGED"):
        tree.keys.key(parse("00123000020001"))
    tree.close()
