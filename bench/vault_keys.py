"""The key tree alone over the number of keys: one durable erasure, against a flat file of as many keys."""

import os
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.measuring import ROUNDS, Against, NotRun, Result, Scale, Setting, Waits, seconds
from bench.plain import KEY_SIZE, FlatKeyFile
from vault.database import Database
from vault.keys import SCHEMA, KeyTree
from vault.paths import Path as TreePath
from vault.paths import period_path, record_path, subject_path
from vault.roots import FileRootSlot
from vault.slots import Slots

BENCH = "erasure"
NAME = "key tree, one subject of"
PEER = "flat key file"
PERIOD = period_path(0, 320)
MOST_SUBJECTS = 1_000_000
FLAT_LIMIT = 10_000_000
"""Keys: a flat file of 10^8 has 3.2 GB, which every erasure would read, encrypt and write."""
SCATTERED = 2_000
"""Subjects erased before measuring, so that the tree has explicit nodes on the way."""
FEW, MANY = 1, 10_000
VAULT_ID = bytes(16)


@dataclass(frozen=True, slots=True)
class _Sizes:
    keys: tuple[int, ...]
    erasures: int
    """In a round, at one size."""


SIZES = {
    Scale.SMALL: _Sizes((100, 1_000), 4),
    Scale.NORMAL: _Sizes((1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000), 40),
}


def measure(setting: Setting) -> list[Result]:
    """Milliseconds of one epoch that erases a subject, over the number of keys; then of 10,000 keys against one."""
    sizes = SIZES[setting.scale]
    results = [result for keys in sizes.keys for result in _at_size(setting, sizes, keys)]
    return [*results, *_many(setting, sizes)]


def _at_size(setting: Setting, sizes: _Sizes, keys: int) -> list[Result]:
    setting.say(f"erasing from {keys:,} keys")
    folder = setting.folder / f"tree of {keys}"
    folder.mkdir()
    subjects = min(keys, MOST_SUBJECTS)
    with _tree(folder, subjects, keys // subjects) as (tree, slots):
        order = random.Random(keys).sample(range(subjects), k=min(subjects, SCATTERED + sizes.erasures * ROUNDS))
        victims = [subject_path(PERIOD, at) for at in order]
        measured = victims[: sizes.erasures * ROUNDS]
        if len(victims) > len(measured):
            tree.erase(victims[len(measured) :], slots.frontiers)
        parts = [
            [partial(tree.erase, [victim], slots.frontiers) for victim in measured[at::ROUNDS]] for at in range(ROUNDS)
        ]
        what = f"{NAME} {keys:,} keys"
        if keys > FLAT_LIMIT:
            ours = [[seconds(work) * 1_000 for work in part] for part in parts]
            results = _bounded(what, ours, keys)
        else:
            flat = FlatKeyFile(folder / "flat", keys)
            results = list(_by_turns(parts, partial(flat.forget, 0, 1)).compare(BENCH, what, PEER, Against.PEER))
    shutil.rmtree(folder)
    return results


def _bounded(what: str, ours: list[list[float]], keys: int) -> list[Result]:
    """Without a flat file beside it: against the bound of 10 ms, and the peer as not run."""
    bound = Waits(ours, [[10.0]] * ROUNDS)
    size = keys * KEY_SIZE / 1e9
    why = f"a flat file of {keys:,} keys has {size:.1f} GB, to be read, encrypted and written at each erasure"
    return [*bound.compare(BENCH, what, "10 ms", Against.LIMIT), NotRun(BENCH, f"{PEER} of {keys:,} keys", why)]


def _by_turns(parts: Sequence[Sequence[Callable[[], object]]], forget: Callable[[], object]) -> Waits:
    """The flat file once for every few of ours: it takes long, and varies little."""
    waits = Waits([], [])
    for part in parts:
        ours, other = [], []
        for number, work in enumerate(part):
            ours.append(seconds(work) * 1_000)
            if number % 8 == 0:
                other.append(seconds(forget) * 1_000)
        waits.ours.append(ours)
        waits.other.append(other)
    return waits


def _many(setting: Setting, sizes: _Sizes) -> list[Result]:
    """A subject with many keys against one with a single key, by turns: the tree erases a prefix either way."""
    setting.say(f"erasing subjects with {MANY:,} keys")
    folder = setting.folder / "subjects"
    folder.mkdir()
    count = sizes.erasures * ROUNDS
    with _tree(folder, 2 * count, FEW) as (tree, slots):
        heavy, light = ([subject_path(PERIOD, 2 * at + side) for at in range(count)] for side in (0, 1))
        slots.take(dict.fromkeys(heavy, MANY - FEW))
        for victim in heavy[:8]:
            tree.key(record_path(victim, MANY - 1))
        waits = Waits([], [])
        for at in range(ROUNDS):
            pairs = [
                [seconds(partial(tree.erase, [victim], slots.frontiers)) * 1_000 for victim in pair]
                for pair in zip(heavy[at::ROUNDS], light[at::ROUNDS], strict=True)
            ]
            waits.ours.append([pair[0] for pair in pairs])
            waits.other.append([pair[1] for pair in pairs])
    return list(waits.compare(BENCH, f"key tree, a subject with {MANY:,} keys", "one with 1 key", Against.LIMIT))


@contextmanager
def _tree(folder: Path, subjects: int, keys_each: int) -> Iterator[tuple[KeyTree, Slots]]:
    """A key tree in which so many subjects have taken so many slots each."""
    root = FileRootSlot(folder / "root.slot", create=True, allow_remnants=True)
    database = Database(folder / "keys.db", SCHEMA, create=True)
    tree = KeyTree(database, root, VAULT_ID, os.urandom)
    slots = Slots(database, 0)
    wanted: dict[TreePath, int] = {PERIOD: subjects}
    with database.transaction():
        rows = ((subject_path(PERIOD, at), keys_each) for at in range(subjects))
        database.execute_many("INSERT INTO counter VALUES (?, ?)", rows)
    slots.take(wanted)
    database.checkpoint()
    try:
        yield tree, slots
    finally:
        tree.close()
