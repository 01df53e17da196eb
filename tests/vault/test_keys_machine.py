"""The key tree against a plain model, on every kind of root slot: keys seen, prefixes erased, copies taken.

The model of a key is the value it had when it was first seen; of an epoch, a number; of a copy, the model as it was.
"""

import copy
import os
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.vault.roots.support import Place, file_place, make_token, shares_place, token_place
from tests.vault.support import MEMORY, VAULT_ID, Crash, Tree
from vault.errors import KeyErased, RootRefused
from vault.nodes import open_node
from vault.paths import SUBJECT_DEPTH, period_path, record_path
from vault.paths import Path as TreePath

STEPS = ["written down", "prepared", "before commit", "committed", "destroyed"]
UNCOMMITTED = STEPS[:3]


@dataclass
class Model:
    """What must be true of the tree."""

    epoch: int = 0
    subjects: list[TreePath] = field(default_factory=list)
    known: dict[TreePath, bytes] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    attempts: int = 0
    """Attempts at the next epoch that did not commit."""


class KeyTreeMachine(RuleBasedStateMachine):
    """Subjects take slots, are erased, refreshed, crashed, reopened; copies are opened; a keeper falls silent."""

    kind = "file"
    module: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.home = Path(self.directory.name)
        self.place = self._place()
        self.crash_at = ""
        self.model = Model()
        self.copies: list[tuple[str, Model]] = []
        (self.home / "live").mkdir()
        self.tree = self._open("live", create=True)

    def _place(self) -> Place:
        if self.kind == "pkcs11":
            assert self.module is not None
            return token_place(self.module)
        return file_place(self.home) if self.kind == "file" else shares_place(self.home)

    def _open(self, name: str, *, create: bool = False) -> Tree:
        return Tree(self.home / name, create=create, on_step=self._step, root=self.place.open())

    def _step(self, name: str) -> None:
        if name == self.crash_at:
            raise Crash

    @initialize(count=st.integers(1, 3))
    def begin(self, count: int) -> None:
        self.allocate(1, count)

    @rule(period=st.integers(0, 2), count=st.integers(1, 4))
    def allocate(self, period: int, count: int) -> None:
        slot = self.tree.slots.new_subject(period_path(0, period), 1)
        assert slot not in self.model.subjects
        assert self.tree.slots.take({slot: count})[slot] == 1
        self.model.subjects.append(slot)
        for number in range(count + 1):
            leaf = record_path(slot, number)
            if slot.startswith(tuple(self.model.erased)):
                with pytest.raises(KeyErased):
                    self.tree.keys.key(leaf)
            else:
                self.model.known[leaf] = self.tree.keys.key(leaf)

    @rule(data=st.data(), depth=st.sampled_from([SUBJECT_DEPTH, SUBJECT_DEPTH + 4]),
          crash=st.sampled_from(["", "", "", *STEPS]))  # fmt: skip
    def erase(self, data: st.DataObject, depth: int, crash: str) -> None:
        slot = data.draw(st.sampled_from(self.model.subjects))
        self._epoch([slot if depth == SUBJECT_DEPTH else record_path(slot, 0)], crash)

    @rule(period=st.integers(1, 2))
    def erase_period(self, period: int) -> None:
        self._epoch([period_path(0, period)], "")

    @rule(every=st.booleans(), crash=st.sampled_from(["", *STEPS]))
    def refresh(self, every: bool, crash: str) -> None:
        self._epoch([], crash, every=every)

    def _epoch(self, prefixes: list[TreePath], crash: str, *, every: bool = False) -> None:
        self.crash_at = crash
        if crash not in UNCOMMITTED:
            self.model.epoch += 1
            self.model.attempts = 0
            self.model.erased.update(prefixes)
        else:
            self.model.attempts += crash != UNCOMMITTED[0]
        try:
            self.tree.keys.erase(prefixes, lambda: self.tree.slots.frontiers(every=every))
        except Crash:
            self.reopen()
        assert all(self.tree.keys.is_erased(prefix) for prefix in prefixes if crash not in UNCOMMITTED)

    @rule()
    def reopen(self) -> None:
        self.tree.close()
        self.crash_at = ""
        self.tree = self._open("live")

    @rule()
    def take_copy(self) -> None:
        self.tree.database.checkpoint()
        name = f"copy {len(self.copies)}"
        (self.home / name).mkdir()
        shutil.copy(self.home / "live" / "keys.db", self.home / name)
        self.copies.append((name, copy.deepcopy(self.model)))

    @precondition(lambda self: self.copies)
    @rule(data=st.data(), use=st.booleans())
    def open_copy(self, data: st.DataObject, use: bool) -> None:
        """Refused unless nothing newer was begun since; then it may go on in place of the live database."""
        name, then = data.draw(st.sampled_from(self.copies))
        self.tree.close()
        slot = self.place.open()
        before, live_key = slot.held(), slot.root_key(self.model.epoch)
        slot.close()
        if then.epoch != self.model.epoch or then.attempts != self.model.attempts:
            with pytest.raises(RootRefused, match=r"ROOT_STALE"):
                self._open(name)
            self._cannot_open(self.home / name / "keys.db", live_key, then)
        else:
            opened = self._open(name)
            for leaf, key in then.known.items():
                if not leaf.startswith(tuple(then.erased)):
                    assert opened.keys.key(leaf) == key
            opened.close()
            if use:
                shutil.copy(self.home / name / "keys.db", self.home / "live" / "keys.db")
                self.model = copy.deepcopy(then)
        slot = self.place.open()
        assert slot.held() == before
        slot.close()
        self.tree = self._open("live")

    def _cannot_open(self, file: Path, live_key: bytes, then: Model) -> None:
        """The live root opens no root row of an earlier epoch."""
        connection = sqlite3.connect(file)
        rows = connection.execute("SELECT sealed FROM node WHERE id = 0").fetchall()
        connection.close()
        assert len(rows) == (then.epoch > 0)
        if then.epoch < self.model.epoch:
            assert all(open_node(live_key, row, VAULT_ID, 0, 0) is None for (row,) in rows)

    @precondition(lambda self: self.place.keepers)
    @rule(number=st.integers(0, 2))
    def silence_or_wake(self, number: int) -> None:
        """At most one keeper does not answer, and none while another owes a share of this epoch."""
        if any(keeper.silent for keeper in self.place.keepers):
            for keeper in self.place.keepers:
                keeper.silent = False
        elif not self.tree.keys.report().debts:
            self.place.keepers[number].silent = True

    @invariant()
    def keys_are_as_the_model_says(self) -> None:
        dead = tuple(self.model.erased)
        for leaf, key in self.model.known.items():
            if leaf.startswith(dead):
                with pytest.raises(KeyErased):
                    self.tree.keys.key(leaf)
            else:
                assert self.tree.keys.key(leaf) == key

    @invariant()
    def the_slot_holds_the_epoch_and_nothing_older(self) -> None:
        if self.place.keepers:
            self.tree.keys.settle()
        assert self.tree.keys.epoch == self.model.epoch == self.tree.root.epochs()[0]
        assert self.tree.root.epochs()[1:] in ((), (self.model.epoch + 1,))

    def teardown(self) -> None:
        self.tree.close()
        self.place.stop()
        self.directory.cleanup()


def run(kind: str, module: Path | None, examples: int) -> None:
    machine = type(f"{kind} machine", (KeyTreeMachine,), {"kind": kind, "module": module})
    chosen = settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("kind", "examples"), [("file", 25), ("shares", 25)])
def test_the_tree_does_what_the_model_does(kind: str, examples: int) -> None:
    run(kind, None, int(os.environ.get("VAULT_MACHINE_EXAMPLES", examples)))


def test_the_tree_does_what_the_model_does_on_a_token(tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("pkcs11", reason="not run: python-pkcs11 is not installed")
    module = make_token(tmp_path_factory.mktemp("softhsm"))
    if module is None:
        pytest.skip("not run: SoftHSM is not installed (Debian package softhsm2)")
    run("pkcs11", module, 5)
