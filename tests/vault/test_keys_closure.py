"""Everything that follows from the new root secret, the old database and the new one: the victim's key does not."""

import shutil
import sqlite3
from pathlib import Path

from tests.vault.support import VAULT_ID, Tree
from vault.nodes import ERASED, child_key, open_node
from vault.paths import DEPTH, FAN_OUT, node_id, parse
from vault.roots import read_slots, root_key

VICTIM, NEIGHBOUR, FUTURE = parse("00123000020001"), parse("00123000020002"), parse("00123000090001")


def closure(tree: Tree, files: list[Path], root_bytes: bytes, paths: list[str]) -> set[bytes]:
    """Every key at these leaves that follows from the root secrets and the node rows of all files."""
    rows: dict[int, list[bytes]] = {}
    for file in files:
        connection = sqlite3.connect(file)
        for number, sealed in connection.execute("SELECT id, sealed FROM node"):
            rows.setdefault(number, []).append(sealed)
        connection.close()
    found: set[bytes] = set()
    for path in paths:
        level_keys = {root_key(s, VAULT_ID, e) for _, _, s in read_slots(root_bytes).values() for e in range(10)}
        for level, digit in enumerate(int(d, FAN_OUT) for d in path):
            following = {child_key(key, digit) for key in level_keys}
            index = int(path[:level] or "0", FAN_OUT)
            for sealed in rows.get(node_id(level, index), ()):
                for key in level_keys:
                    children = open_node(key, sealed, VAULT_ID, level, index)
                    if children is not None and bytes(children[32 * digit : 32 * digit + 32]) != ERASED:
                        following.add(bytes(children[32 * digit : 32 * digit + 32]))
            level_keys = following
        found |= level_keys
    assert len(paths[0]) == DEPTH
    return found


def stolen(tree: Tree, name: str) -> Path:
    tree.database.checkpoint()
    shutil.copy(tree.directory / "keys.db", tree.directory / name)
    return tree.directory / name


def test_an_erased_key_follows_from_nothing_that_exists(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.keys.erase([parse("00123000020005")])
    tree.keys.erase([parse("0012300001")])
    old = stolen(tree, "old.db")
    old_root = (tmp_path / "root.slot").read_bytes()
    victim, neighbour = tree.keys.key(VICTIM), tree.keys.key(NEIGHBOUR)
    tree.keys.erase([VICTIM])
    now = stolen(tree, "now.db")
    live = closure(tree, [old, now], (tmp_path / "root.slot").read_bytes(), [VICTIM, NEIGHBOUR])
    assert victim not in live
    assert neighbour in live
    assert {victim, neighbour} <= closure(tree, [old, now], old_root, [VICTIM, NEIGHBOUR])
    tree.close()


def test_a_stolen_root_does_not_open_what_is_written_after_the_next_epoch(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    used = tree.slots.new_subject(parse("00123"), 2)
    live_leaf = parse(used + "0000")
    kept = tree.keys.key(live_leaf)
    old, old_root = stolen(tree, "old.db"), (tmp_path / "root.slot").read_bytes()
    before = tree.keys.key(FUTURE)
    tree.keys.erase((), tree.slots.frontiers)
    assert tree.keys.key(live_leaf) == kept
    assert before in closure(tree, [old], old_root, [FUTURE])
    assert tree.keys.key(FUTURE) not in closure(tree, [old], old_root, [FUTURE])
    tree.close()


def test_a_full_refresh_also_covers_the_free_slots_of_a_subject(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    subject = tree.slots.new_subject(parse("00123"), 2)
    used, free = parse(subject + "0001"), parse(subject + "0002")
    kept, unused = tree.keys.key(used), tree.keys.key(free)
    tree.keys.erase((), tree.slots.frontiers)
    assert tree.keys.key(free) == unused
    tree.keys.erase((), lambda: tree.slots.frontiers(every=True))
    assert tree.keys.key(free) != unused
    assert tree.keys.key(used) == kept
    tree.close()
