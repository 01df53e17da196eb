"""Snapshots: the same bytes for everybody, nothing accepted that was changed, and a node that goes on from there."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.errors import StoreError
from node.evm import PyEvm
from node.snapshots import Restore, SnapshotFile, restore, write_file
from node.snapshots.manifest import Manifest, SnapshotError
from node.store import Store
from node.store.restoring import RestoringStore
from node.verification import verify
from tests.node.store_support import KEEP, RICH, grow, opened, prune, state_of
from tests.node.support import FOUNDER, MIB, Chain, genesis, raw, sign

HEIGHT = 3 * KEEP
BORN = genesis(RICH)


@pytest.fixture(autouse=True)
def _many_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.snapshots.exporting.CHUNK_BYTES", 600)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Chain]:
    with opened(tmp_path / "archive", 0) as made:
        grow(made, HEIGHT, random.Random(8))
        yield made


@pytest.fixture
def file(archive: Chain, tmp_path: Path) -> Path:
    write_file(archive.store, None, tmp_path / "file")
    return tmp_path / "file"


def chain_of(made: Chain) -> bytes:
    born = made.store.genesis()
    assert born is not None
    return born


def test_archive_pruned_and_restored_nodes_write_the_same_bytes(archive: Chain, tmp_path: Path) -> None:
    with opened(tmp_path / "pruned", KEEP) as pruned:
        grow(pruned, HEIGHT, random.Random(8), prune)
        assert pruned.application.head == archive.application.head
        oldest = pruned.store.states_from
        assert oldest > 0
        for height in (oldest, HEIGHT - 1, HEIGHT):
            ours = write_file(archive.store, height, tmp_path / f"a{height}")
            assert write_file(pruned.store, height, tmp_path / f"p{height}").hash == ours.hash
            assert (tmp_path / f"a{height}").read_bytes() == (tmp_path / f"p{height}").read_bytes()
        with pytest.raises(StoreError, match="STATE_PRUNED"):
            write_file(pruned.store, oldest - 1, tmp_path / "gone")
        assert not (tmp_path / "gone").exists()
    restore(tmp_path / f"a{oldest}", tmp_path / "restored", 64 * MIB, chain_of(archive))
    with opened(tmp_path / "restored", 0) as restored:
        follow(archive, restored)
        write_file(restored.store, HEIGHT - 1, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / f"a{HEIGHT - 1}").read_bytes()


def follow(leader: Chain, made: Chain) -> None:
    """Execute the leader's further blocks."""
    from node.proposals import Proposal, Slot

    for number in range(made.application.head.number + 1, leader.application.head.number + 1):
        header = leader.store.header(number)
        assert header is not None
        made.application.finalize_block(Proposal(Slot(number, header.time), leader.store.body(number)))
        assert made.application.commit().header == header


def test_a_restored_node_goes_on_and_is_sound(archive: Chain, file: Path, tmp_path: Path) -> None:
    manifest = restore(file, tmp_path / "restored", 64 * MIB, chain_of(archive))
    head = archive.application.head
    assert (manifest.height, manifest.block, manifest.state_root) == (HEIGHT, head.hash, head.state_root)
    with opened(tmp_path / "restored", KEEP) as made:
        assert made.application.head == head
        assert state_of(made.store, head) == state_of(archive.store, head)
        assert made.store.receipts(HEIGHT) == archive.store.receipts(HEIGHT)
        assert verify(made.store, BORN, PyEvm()).executed == 0
        nonce = archive.application.account(raw(FOUNDER)).nonce
        archive.seal(sign(FOUNDER, nonce))
        follow(archive, made)
        assert verify(made.store, BORN, PyEvm()).executed == 1
        assert made.store.header(0) == archive.store.header(0)
        assert made.store.header(HEIGHT - 1) == archive.store.header(HEIGHT - 1)
        for ask in (made.store.body, made.store.receipts, lambda n: list(made.store.blooms(n, HEIGHT))):
            with pytest.raises(StoreError, match="HISTORY_PRUNED"):
                ask(HEIGHT - 1)
        grow(made, HEIGHT + 3 * KEEP, random.Random(1), prune)
        assert made.store.states_from > HEIGHT
        verify(made.store, BORN, PyEvm())


def test_a_young_chain_has_a_snapshot_too(tmp_path: Path) -> None:
    with opened(tmp_path / "young", 0) as made:
        write_file(made.store, 0, tmp_path / "file")
        restore(tmp_path / "file", tmp_path / "copy", 64 * MIB, chain_of(made))
        with opened(tmp_path / "copy", 0) as copy:
            assert copy.application.head == made.application.head


def test_every_changed_byte_is_noticed(archive: Chain, file: Path, tmp_path: Path) -> None:
    whole, luck = file.read_bytes(), random.Random(3)
    for trial in range(60):
        at = luck.randrange(len(whole))
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << luck.randrange(8)]) + whole[at + 1 :])
        with pytest.raises(SnapshotError, match="SNAPSHOT_CORRUPT"):
            restore(file, tmp_path / f"copy{trial}", 64 * MIB, chain_of(archive))
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(SnapshotError, match="SNAPSHOT_CORRUPT"):
            restore(file, tmp_path / "copy", 64 * MIB, chain_of(archive))
    file.write_bytes(whole)
    restore(file, tmp_path / "copy", 64 * MIB, chain_of(archive))


def test_a_forged_chunk_with_a_fitting_manifest_is_noticed(archive: Chain, file: Path, tmp_path: Path) -> None:
    """Whoever makes a snapshot can make all its hashes fit; the block's hash still rules every node of the state."""
    from hashlib import sha256

    from node.snapshots.manifest import Chunk

    with SnapshotFile(file) as snapshot:
        chunks, manifest = list(snapshot.chunks()), snapshot.manifest
    for index, chunk in enumerate(chunks):
        if chunk[:20].find(b"X") in (1, 2, 3, 4):
            continue
        forged = bytearray(chunk)
        forged[len(chunk) // 2] ^= 1
        listed = list(manifest.chunks)
        listed[index] = Chunk(len(forged), sha256(forged).digest())
        fitting = Manifest(
            manifest.chain, manifest.height, manifest.block, manifest.state_root, manifest.nodes, tuple(listed)
        )
        store = RestoringStore(tmp_path / "copy", 64 * MIB)
        work = Restore(store, chain_of(archive))
        assert work.offer(fitting) == 0
        for at in range(index):
            work.apply(at, chunks[at])
        with pytest.raises(SnapshotError, match="SNAPSHOT_CORRUPT"):
            work.apply(index, bytes(forged))
        with pytest.raises(SnapshotError, match="SNAPSHOT_CORRUPT"):
            work.finish()
        store.close()


def test_a_torn_restore_is_noticed_and_goes_on(archive: Chain, file: Path, tmp_path: Path) -> None:
    store = RestoringStore(tmp_path / "copy", 64 * MIB)
    with SnapshotFile(file) as snapshot:
        assert len(snapshot.manifest.chunks) > 4
        work = Restore(store, chain_of(archive))
        work.offer(snapshot.manifest)
        for index in range(3):
            work.apply(index, snapshot.chunk(index))
        with pytest.raises(SnapshotError, match="SNAPSHOT_ORDER"):
            work.apply(1, snapshot.chunk(1))
    store.close()
    with pytest.raises(StoreError, match="STORE_RESTORING"):
        Store(tmp_path / "copy", 64 * MIB)
    done: list[int] = []
    restore(file, tmp_path / "copy", 64 * MIB, chain_of(archive), heard=done.append)
    with SnapshotFile(file) as snapshot:
        assert len(done) == len(snapshot.manifest.chunks) - 3
    with pytest.raises(StoreError, match="STORE_NOT_EMPTY"):
        restore(file, tmp_path / "copy", 64 * MIB, chain_of(archive))


def test_a_torn_restore_can_be_followed_by_another_snapshot(archive: Chain, file: Path, tmp_path: Path) -> None:
    store = RestoringStore(tmp_path / "copy", 64 * MIB)
    with SnapshotFile(file) as snapshot:
        work = Restore(store, chain_of(archive))
        work.offer(snapshot.manifest)
        for index in range(4):
            work.apply(index, snapshot.chunk(index))
    store.close()
    write_file(archive.store, 3, tmp_path / "earlier")
    restore(tmp_path / "earlier", tmp_path / "copy", 64 * MIB, chain_of(archive))
    with opened(tmp_path / "copy", 0) as made:
        assert made.application.head.number == 3
        verify(made.store, BORN, PyEvm())


def test_what_is_not_asked_for_is_refused(archive: Chain, file: Path, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="SNAPSHOT_OTHER_CHAIN"):
        restore(file, tmp_path / "copy", 64 * MIB, bytes(32))
    with pytest.raises(SnapshotError, match="SNAPSHOT_OTHER_HASH"):
        restore(file, tmp_path / "copy", 64 * MIB, chain_of(archive), bytes(32))
    with pytest.raises(SnapshotError, match="SNAPSHOT_EXISTS"):
        write_file(archive.store, None, file)
    with pytest.raises(SnapshotError, match="SNAPSHOT_UNAVAILABLE"):
        write_file(archive.store, HEIGHT + 1, tmp_path / "later")
    with pytest.raises(SnapshotError, match="SNAPSHOT_UNREADABLE"):
        SnapshotFile(tmp_path / "none")
    with pytest.raises(SnapshotError, match="SNAPSHOT_UNWRITABLE"):
        write_file(archive.store, None, tmp_path / "no" / "folder")
    with pytest.raises(SnapshotError, match="SNAPSHOT_FORMAT"):
        Manifest.decode(b'{"format":2}')
