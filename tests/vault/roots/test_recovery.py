"""The recovery table, row by row, for every kind of root slot: the epoch in the key database decides.

A stale copy that is opened never destroys a newer root: whatever is refused, the right database opens afterwards.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vault.roots.support import Place
from tests.vault.support import VAULT_ID, Crash, Tree
from vault.database import Database
from vault.errors import KeyErased, RootRefused
from vault.keys import SCHEMA, KeyTree
from vault.paths import parse

VICTIM, SECOND, KEPT = parse("00123000010002"), parse("00123000010003"), parse("00123000020002")


class Scene:
    """A key tree on a root slot of some kind, and copies of its database."""

    def __init__(self, directory: Path, place: Place) -> None:
        self.directory, self.place = directory, place
        (directory / "live").mkdir()
        self.crash_at = ""
        self.tree = self._open("live", create=True)
        self.kept = self.tree.keys.key(KEPT)

    def _step(self, name: str) -> None:
        if name == self.crash_at:
            self.crash_at = ""
            raise Crash

    def _open(self, name: str, *, create: bool = False) -> Tree:
        return Tree(self.directory / name, create=create, root=self.place.open(), on_step=self._step)

    def copy(self, name: str) -> None:
        self.tree.database.checkpoint()
        (self.directory / name).mkdir()
        shutil.copy(self.directory / "live" / "keys.db", self.directory / name / "keys.db")

    def crash(self, where: str) -> None:
        self.crash_at = where
        with pytest.raises(Crash):
            self.tree.keys.erase([VICTIM])
        self.tree.close()

    def refused(self, name: str, code: str, *, create: bool = False) -> None:
        """Opening a copy is refused and changes neither root slot nor copy."""
        self.tree.close()
        slot = self.place.open()
        before = slot.held()
        slot.close()
        if create:
            (self.directory / name).mkdir()
            Database(self.directory / name / "keys.db", SCHEMA, create=True).close()
        content = (self.directory / name / "keys.db").read_bytes()
        with pytest.raises(RootRefused, match=code):
            self._open(name)
        slot = self.place.open()
        assert slot.held() == before
        slot.close()
        assert (self.directory / name / "keys.db").read_bytes() == content

    def reopen(self, name: str = "live") -> KeyTree:
        self.tree.close()
        self.tree = self._open(name)
        assert self.tree.keys.key(KEPT) == self.kept
        return self.tree.keys


@pytest.fixture
def scene(tmp_path: Path, place: Place) -> Iterator[Scene]:
    made = Scene(tmp_path, place)
    yield made
    made.tree.close()


def test_an_epoch_that_the_slot_does_not_hold_is_refused(scene: Scene) -> None:
    scene.copy("old")
    scene.tree.keys.erase([VICTIM])
    scene.refused("old", "ROOT_STALE")
    assert scene.reopen().is_erased(VICTIM)


def test_secrets_below_the_epoch_are_destroyed(scene: Scene) -> None:
    scene.crash("committed")
    tree = scene.reopen()
    assert scene.tree.root.epochs() == (1,)
    assert tree.is_erased(VICTIM)


@pytest.mark.parametrize("where", ["written down", "prepared", "before commit"])
def test_a_secret_above_the_epoch_waits_for_the_retry(scene: Scene, where: str) -> None:
    victim = scene.tree.keys.key(VICTIM)
    scene.crash(where)
    tree = scene.reopen()
    assert scene.tree.root.epochs() == ((0,) if where == "written down" else (0, 1))
    assert tree.key(VICTIM) == victim
    tree.erase([VICTIM])
    assert scene.tree.root.epochs() == (1,)
    assert tree.is_erased(VICTIM)


def test_a_copy_from_before_a_commit_never_replaces_the_root_that_came_of_it(scene: Scene) -> None:
    scene.copy("old")
    scene.crash("committed")
    scene.refused("old", "ROOT_STALE: a newer database")
    assert scene.reopen().is_erased(VICTIM)


def test_a_copy_that_was_opened_before_a_newer_epoch_began_replaces_nothing(scene: Scene) -> None:
    held: list[KeyTree] = []
    scene.copy("old")
    root = scene.tree.root
    database = Database(scene.directory / "old" / "keys.db", "")
    held.append(KeyTree(database, root, VAULT_ID, os.urandom))
    scene.tree.keys.erase([VICTIM])
    before = root.held()
    with pytest.raises(RootRefused, match="ROOT_STALE"):
        held[0].erase([SECOND])
    assert root.held() == before
    database.close()
    assert scene.reopen().is_erased(VICTIM)


def test_a_second_crash_still_knows_its_own_attempts(scene: Scene) -> None:
    scene.crash("prepared")
    scene.reopen()
    scene.crash("prepared")
    scene.reopen().erase([VICTIM])
    assert scene.reopen().is_erased(VICTIM)


def test_many_crashes_in_a_row_are_no_obstacle(scene: Scene) -> None:
    for _ in range(20):
        scene.crash("prepared")
        scene.reopen()
    assert scene.tree.keys.erase([VICTIM]).number == 1


def test_an_empty_database_over_a_root_in_use_is_refused(scene: Scene) -> None:
    scene.tree.keys.erase([VICTIM])
    scene.refused("empty", "ROOT_IN_USE", create=True)
    assert scene.reopen().is_erased(VICTIM)


def test_an_empty_database_over_a_root_that_is_being_replaced_is_refused(scene: Scene) -> None:
    scene.crash("prepared")
    scene.refused("empty", "ROOT_IN_USE", create=True)
    scene.reopen()


def test_an_empty_database_adopts_a_root_at_epoch_0(scene: Scene) -> None:
    (scene.directory / "empty").mkdir()
    Database(scene.directory / "empty" / "keys.db", SCHEMA, create=True).close()
    assert scene.reopen("empty").epoch == 0


def test_another_vaults_root_is_refused(scene: Scene) -> None:
    scene.tree.close()
    database = Database(scene.directory / "live" / "keys.db", "")
    slot = scene.place.open()
    with pytest.raises(RootRefused, match="ROOT_FOREIGN"):
        KeyTree(database, slot, bytes(16), os.urandom)
    database.close()
    slot.close()
    scene.reopen()


def test_a_commit_of_unknown_outcome_is_looked_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    database = scene.tree.database
    execute: Callable[..., object] = database.execute

    def lose_the_answer(statement: str, values: tuple[object, ...] = ()) -> object:
        result = execute(statement, values)
        if statement == "COMMIT":
            raise OSError("the disk answered too late")
        return result

    with monkeypatch.context() as patched:
        patched.setattr(database, "execute", lose_the_answer)
        with pytest.raises(OSError, match="too late"):
            scene.tree.keys.erase([VICTIM])
    assert scene.tree.root.epochs() == (0, 1)
    assert scene.tree.keys.key(KEPT) == scene.kept
    with pytest.raises(KeyErased):
        scene.tree.keys.key(VICTIM)
    assert not scene.tree.keys.is_erased(VICTIM)
    scene.tree.keys.erase([SECOND])
    assert scene.tree.keys.epoch == 2
    assert scene.tree.keys.key(KEPT) == scene.kept
    for erased in (VICTIM, SECOND):
        with pytest.raises(KeyErased):
            scene.tree.keys.key(erased)
    assert scene.reopen().is_erased(VICTIM)
