"""The key tree against a plain model: a dictionary of keys seen, a set of erased prefixes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.vault.support import MEMORY, Crash, Tree
from vault.errors import KeyErased
from vault.paths import SUBJECT_DEPTH, period_path, record_path
from vault.paths import Path as TreePath


class KeyTreeMachine(RuleBasedStateMachine):
    """Subjects in two periods take slots, are erased, refreshed, crashed and reopened."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.crash_at = ""
        self.tree = Tree(Path(self.directory.name), on_step=self.step)
        self.subjects: list[TreePath] = []
        self.known: dict[TreePath, bytes] = {}
        self.erased: set[str] = set()

    def step(self, name: str) -> None:
        if name == self.crash_at:
            raise Crash

    @rule(period=st.integers(0, 2), count=st.integers(1, 4))
    def allocate(self, period: int, count: int) -> None:
        slot = self.tree.slots.new_subject(period_path(0, period), 1)
        first = self.tree.slots.take({slot: count})[slot]
        assert first == 1
        self.subjects.append(slot)
        for number in range(count + 1):
            leaf = record_path(slot, number)
            if slot.startswith(tuple(self.erased)):
                with pytest.raises(KeyErased):
                    self.tree.keys.key(leaf)
            else:
                self.known[leaf] = self.tree.keys.key(leaf)

    @precondition(lambda self: self.subjects)
    @rule(data=st.data(), depth=st.sampled_from([SUBJECT_DEPTH, SUBJECT_DEPTH + 4]), crash=st.sampled_from(
        ["", "", "prepared", "before commit", "committed", "destroyed"]))  # fmt: skip
    def erase(self, data: st.DataObject, depth: int, crash: str) -> None:
        slot = data.draw(st.sampled_from(self.subjects))
        prefix = slot if depth == SUBJECT_DEPTH else record_path(slot, 0)
        self.epoch([prefix], crash)

    @rule(period=st.integers(1, 2))
    def erase_period(self, period: int) -> None:
        self.epoch([period_path(0, period)], "")

    def epoch(self, prefixes: list[TreePath], crash: str) -> None:
        self.crash_at = crash
        try:
            self.tree.keys.erase(prefixes, self.tree.slots.frontiers)
        except Crash:
            self.reopen()
        self.crash_at = ""
        if crash not in ("prepared", "before commit"):
            self.erased.update(prefixes)

    @rule(every=st.booleans())
    def refresh(self, every: bool) -> None:
        self.tree.keys.erase((), lambda: self.tree.slots.frontiers(every=every))

    @rule()
    def reopen(self) -> None:
        self.tree.close()
        self.crash_at = ""
        self.tree = Tree(Path(self.directory.name), create=False, on_step=self.step)

    @invariant()
    def keys_are_as_the_model_says(self) -> None:
        dead = tuple(self.erased)
        for leaf, key in self.known.items():
            if leaf.startswith(dead):
                with pytest.raises(KeyErased):
                    self.tree.keys.key(leaf)
            else:
                assert self.tree.keys.key(leaf) == key

    @invariant()
    def one_root_secret_or_a_pending_one(self) -> None:
        assert self.tree.keys.epoch in self.tree.root.epochs()
        assert min(self.tree.root.epochs()) == self.tree.keys.epoch

    def teardown(self) -> None:
        self.tree.close()
        self.directory.cleanup()


KeyTreeMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestKeyTree = KeyTreeMachine.TestCase
