"""What can happen to a store in years: full disks, lost files, other versions, two writers; each says what it is."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from node.blocks import EMPTY_ROOT, Header
from node.errors import StoreError
from node.evm import PyEvm
from node.store import Store
from node.store.generations import Phase
from node.verification import verify
from tests.node import kill_node
from tests.node.store_support import RICH, opened
from tests.node.support import FOUNDER, MIB, council_creation, genesis, sign

ROOT = Path(__file__).parents[2]
NOBODY_ID = 65_534


def header(number: int, parent: bytes = bytes(32)) -> Header:
    return Header(number, parent, 1 + number, bytes(20), EMPTY_ROOT, EMPTY_ROOT, EMPTY_ROOT, 0, 1, 0)


def read_elsewhere(folder: Path, what: str) -> str:
    """What another process sees of a store; `what` is an expression about `reader`, or an error's code."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom node.errors import StoreError\nfrom node.store import StoreReader\n"
        f"try:\n    reader = StoreReader(Path(sys.argv[1]))\n    print({what})\n"
        "except StoreError as error:\n    print(error.code)\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_another_process_reads_every_commit_and_waits_for_nobody(tmp_path: Path) -> None:
    with opened(tmp_path, 0) as made:
        assert read_elsewhere(tmp_path, "reader.head().number, reader.states_from") == "0 0"
        made.seal()
        assert read_elsewhere(tmp_path, "reader.head().hash.hex()") == made.application.head.hash.hex()


def test_readers_that_are_killed_hold_nothing_back(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom node.store import StoreReader\n"
        "with StoreReader(Path(sys.argv[1])).pinned() as reader:\n"
        "    reader.head()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    with opened(tmp_path, 0) as made:
        for _ in range(2):
            killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
            assert killed.returncode == -signal.SIGKILL
        assert len(pinned_at(made.store)) == 2
        made.seal()
        assert pinned_at(made.store) == []


def pinned_at(store: Store) -> list[str]:
    """Numbers of the commits that readers of other processes hold on to."""
    lines = [line.split() for line in store.tables.env.readers().splitlines()[1:]]
    return [number for pid, _, number in lines if int(pid) != os.getpid() and number != "-"]


def test_there_is_nothing_to_read_before_a_node_was_started(tmp_path: Path) -> None:
    assert read_elsewhere(tmp_path, "reader") == "STORE_MISSING"
    Store(tmp_path, MIB).close()
    assert read_elsewhere(tmp_path, "reader.head()") == "None"


@pytest.mark.parametrize("loss", ["empty", "gone"])
def test_a_lost_data_file_is_not_a_new_chain(tmp_path: Path, loss: str) -> None:
    with opened(tmp_path, 0):
        pass
    file = tmp_path / "data.mdb"
    if loss == "empty":
        os.truncate(file, 0)
    else:
        file.unlink()
    with pytest.raises(StoreError, match=r"STORE_UNUSABLE.*empty or gone"):
        Store(tmp_path, MIB)
    assert read_elsewhere(tmp_path, "reader") == ("STORE_UNUSABLE" if loss == "empty" else "STORE_MISSING")


def test_a_first_start_that_was_killed_before_any_block_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"")
    store = Store(tmp_path, MIB)
    store.write_block(header(0), (), (), {})
    store.close()


def test_a_store_of_the_first_schema_is_brought_up(tmp_path: Path) -> None:
    with opened(tmp_path, 0) as made:
        made.seal()
        head = made.application.head
    with lmdb.open(str(tmp_path), max_dbs=16) as env:
        for name in (b"nodes2", b"extras", b"undo"):
            table = env.open_db(name)
            with env.begin(write=True) as txn:
                txn.drop(table)
        with env.begin(write=True, db=env.open_db(b"meta")) as txn:
            txn.put(b"schema", b"1")
    (tmp_path / "store.mark").unlink()
    assert read_elsewhere(tmp_path, "reader") == "STORE_SCHEMA"
    with opened(tmp_path, 0) as made:
        assert made.application.head == head
        made.seal()
        verify(made.store, genesis(RICH), PyEvm())
    assert (tmp_path / "store.mark").exists()


def test_a_later_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    Store(tmp_path, MIB).close()
    with lmdb.open(str(tmp_path), max_dbs=16) as env, env.begin(write=True, db=env.open_db(b"meta")) as txn:
        txn.put(b"schema", b"3")
    before = (tmp_path / "data.mdb").read_bytes()
    with pytest.raises(StoreError, match=r"STORE_SCHEMA.*schema 3, this node reads 2"):
        Store(tmp_path, MIB)
    assert read_elsewhere(tmp_path, "reader") == "STORE_SCHEMA"
    assert (tmp_path / "data.mdb").read_bytes() == before


def test_a_full_store_does_not_prune_and_loses_nothing(tmp_path: Path) -> None:
    nodes = {bytes([n]) * 32: os.urandom(2_000) for n in range(100)}
    store = Store(tmp_path, MIB, 1)
    store.write_block(header(0), (), (), nodes)
    with pytest.raises(StoreError, match="STORE_FULL"):
        store.write_block(header(1, header(0).hash), (), (), {os.urandom(32): bytes(4_000) for _ in range(300)})
    assert store.head() == header(0)
    store.write_block(header(1, header(0).hash), (), (), {})
    assert store.pruning().phase == Phase.IDLE
    assert all(store.node(key) == value for key, value in nodes.items())
    store.close()


FILLS = """
import resource, signal, sys
from pathlib import Path
from node.errors import StoreError
from node.store import Store
from tests.node.test_store_trouble import header
import os

store = Store(Path(sys.argv[1]), 64 * 1024 * 1024)
if store.head() is None:
    store.write_block(header(0), (), (), {})
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    while True:
        parent = store.head()
        nodes = {os.urandom(32): os.urandom(2_000) for _ in range(50)}
        store.write_block(header(parent.number + 1, parent.hash), (), (), nodes)
        print(parent.number + 1, flush=True)
except StoreError as error:
    print(error.code, store.head().number)
"""


def filled(folder: Path, *limit: str) -> tuple[str, int]:
    """The error with which filling ends, and the head that is then in the store; it must be the last one told."""
    command = [sys.executable, "-c", FILLS, str(folder), *limit]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    code, head = done[-2].split()
    assert head == done[-3]
    return code, int(head)


def test_a_file_that_may_not_grow_is_a_full_disk_and_nothing_is_lost(tmp_path: Path) -> None:
    code, head = filled(tmp_path, str(3 * MIB))
    assert code == "DISK_FULL"
    store = Store(tmp_path, 64 * MIB)
    found = store.head()
    assert found is not None
    assert found.number == head
    store.write_block(header(head + 1, found.hash), (), (), {})
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_says_so_and_nothing_is_lost(small_disk: Path) -> None:
    code, head = filled(small_disk)
    assert code == "DISK_FULL"
    assert read_elsewhere(small_disk, "reader.head().number") == str(head)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may not write")
def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    opens = (
        "import os, sys\nfrom pathlib import Path\nfrom node.errors import StoreError\nfrom node.store import Store\n"
        f"os.setuid({NOBODY_ID})\n"
        "try:\n    Store(Path(sys.argv[1]), 2**20)\nexcept StoreError as error:\n    print(error.code)\n"
    )
    for folder in (tmp_path / "mine", tmp_path / "mine" / "deeper"):
        (tmp_path / "mine").mkdir(mode=0o755, exist_ok=True)
        command = [sys.executable, "-c", opens, str(folder)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout == "STORE_READONLY\n"


def test_killed_at_any_moment_nothing_is_lost_or_torn(tmp_path: Path) -> None:
    found = kill_node.run(tmp_path, 15, seed=7)
    assert (found.kills, found.lost, found.torn) == (15, [], [])
    assert found.told
    head, report = kill_node.verified(tmp_path, found)
    assert report.executed == head + 1
    assert not found.lost


def test_a_missing_node_of_the_state_is_damage_and_no_fault_of_the_transaction(tmp_path: Path) -> None:
    with opened(tmp_path, 0) as made:
        made.seal(council_creation())
        root, tables = made.application.head.state_root, made.store.tables
        for name in ("nodes", "nodes2"):
            with tables.env.begin(write=True, db=tables.db[name]) as txn:
                txn.delete(root)
        slot = made.next().slot
        with pytest.raises(StoreError, match="STORE_DAMAGED"):
            made.application.prepare_proposal(slot, [sign(FOUNDER, 1)])
        with pytest.raises(StoreError, match="STORE_DAMAGED"):
            made.application.process_proposal(made.next(sign(FOUNDER, 1)))
