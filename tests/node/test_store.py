"""The store: what comes back is what went in, one process at a time, and kill -9 loses nothing that was committed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.blocks import EMPTY_ROOT, Header
from node.errors import StoreError
from node.receipts import Log, Receipt, pack, unpack
from node.store import Store
from tests.node.support import FOUNDER, MIB, NOBODY, SECOND, Chain, chain, council_creation, raw, sign

ROUNDS = 12
WORD = st.binary(min_size=32, max_size=32)
ADDRESS = st.binary(min_size=20, max_size=20)
LOG = st.builds(Log, ADDRESS, st.lists(WORD, max_size=4).map(tuple), st.binary(max_size=70))
RECEIPT = st.builds(
    Receipt, st.sampled_from([0, 1, 2, 4]), st.integers(0, 1), st.integers(0, 2**40), st.integers(0, 2**40), ADDRESS,
    st.one_of(st.just(b""), ADDRESS), st.lists(LOG, max_size=3).map(tuple),
)  # fmt: skip
HEADER = st.builds(
    Header, st.integers(0, 2**40), WORD, st.integers(0, 2**40), ADDRESS, WORD, WORD, WORD, st.integers(0, 2**2048 - 1),
    st.integers(0, 2**40), st.integers(0, 2**40), WORD, st.binary(max_size=32),
)  # fmt: skip

SEALER = """
import os
import sys
from pathlib import Path
from tests.node.support import FOUNDER, chain, council_creation, sign


def seal_for_ever(folder):
    with chain(folder) as made:
        nonce = made.application.account(bytes.fromhex(FOUNDER.address[2:])).nonce
        while True:
            transactions = [sign(FOUNDER, nonce + n) for n in range(3)] if nonce else [council_creation()]
            block = made.seal(*transactions)
            nonce += len(transactions)
            print(block.header.number, block.header.hash.hex(), flush=True)


for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        seal_for_ever(Path(sys.argv[1]))
    print("sealer", child, flush=True)
    _, status = os.waitpid(child, 0)
    print("ended", status, flush=True)
"""


@given(st.lists(RECEIPT, max_size=4))
def test_receipts_come_back(receipts: list[Receipt]) -> None:
    assert list(unpack(pack(receipts))) == receipts


@given(HEADER)
def test_headers_come_back(header: Header) -> None:
    again = Header.decode(header.encode())
    assert again == header
    assert again.hash == header.hash


def test_block_is_found_by_number_hash_and_transaction(governed: Chain) -> None:
    block = governed.seal(sign(FOUNDER, 1), sign(FOUNDER, 2))
    store, header = governed.store, block.header
    assert store.header(2) == store.head() == header
    assert store.number_of(header.hash) == 2
    assert store.body(2) == tuple(tx.raw for tx in block.transactions)
    assert store.receipts(2) == block.receipts
    assert store.location(block.transactions[1].hash) == (2, 1)
    assert store.location(bytes(32)) is None
    assert store.number_of(bytes(32)) is None
    assert store.header(3) is None
    assert store.header(-1) is None
    assert store.body(3) == ()
    assert store.receipts(3) == ()


def test_every_old_state_stays_readable(governed: Chain) -> None:
    for nonce in range(1, 4):
        governed.seal(sign(FOUNDER, nonce))
    for number in range(1, 5):
        header = governed.store.header(number)
        assert header is not None
        assert governed.application.view(header).account(raw(FOUNDER)).nonce == number


def test_a_second_process_is_kept_out(governed: Chain, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="STORE_LOCKED"):
        Store(tmp_path / "chain", 64 * MIB)
    assert governed.store.head() is not None


def test_another_schema_is_refused(tmp_path: Path) -> None:
    Store(tmp_path, 64 * MIB).close()
    with lmdb.open(str(tmp_path), max_dbs=8) as env, env.begin(write=True, db=env.open_db(b"meta")) as txn:
        txn.put(b"schema", b"99")
    with pytest.raises(StoreError, match="STORE_SCHEMA"):
        Store(tmp_path, 64 * MIB)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"x" * 8192)
    with pytest.raises(StoreError, match="STORE_UNUSABLE"):
        Store(tmp_path, 64 * MIB)


OPENS = """
import sys
from pathlib import Path
from node.errors import StoreError
from node.store import Store

try:
    store = Store(Path(sys.argv[1]), 64 * 1024 * 1024)
    print("opened", store.head() is not None)
except StoreError as error:
    print(error.code, error.hint)
"""


@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_store_cut_short_is_refused_and_kills_nothing(tmp_path: Path, kept: float) -> None:
    with chain(tmp_path) as made:
        made.seal(council_creation())
        for nonce in range(1, 30):
            made.seal(sign(FOUNDER, nonce))
    file = tmp_path / "data.mdb"
    os.truncate(file, int(file.stat().st_size * kept) // 4096 * 4096)
    command = [sys.executable, "-c", OPENS, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("STORE_UNUSABLE restore the whole file")


def test_a_full_store_refuses_the_block_and_keeps_the_chain(tmp_path: Path) -> None:
    store = Store(tmp_path, MIB // 2)
    header = Header(0, bytes(32), 1, bytes(20), EMPTY_ROOT, EMPTY_ROOT, EMPTY_ROOT, 0, 1, 0)
    store.write_block(header, (), (), {})
    with pytest.raises(StoreError, match="STORE_FULL"):
        store.write_block(header, (), (), {os.urandom(32): bytes(4_000) for _ in range(500)})
    assert store.head() == header
    store.close()


def test_the_store_is_for_its_owner_only(governed: Chain, tmp_path: Path) -> None:
    assert governed.store.head() is not None
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "chain").iterdir()}
    assert set(modes.values()) == {0o600}


def test_killed_while_sealing_no_committed_block_is_lost(tmp_path: Path) -> None:
    """A process seals as fast as it can and is killed at random moments; the next one goes on where it stood."""
    luck = random.Random(20210310)
    told: dict[int, str] = {}
    command = [sys.executable, "-c", SEALER, str(tmp_path)]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        for _ in range(ROUNDS):
            told |= _seal_and_kill(process, luck.uniform(0.02, 0.4))
        assert process.stdin is not None
        process.stdin.close()
    with chain(tmp_path) as made:
        head = made.application.head
        assert head.number >= max(told)
        parent = bytes(32)
        for number in range(head.number + 1):
            header = made.store.header(number)
            assert header is not None
            assert header.parent_hash == parent
            assert told.get(number, header.hash.hex()) == header.hash.hex()
            assert len(made.store.receipts(number)) == len(made.store.body(number))
            parent = header.hash
        nonce = made.application.account(raw(FOUNDER)).nonce
        assert nonce == 1 + 3 * (head.number - 1)
        assert made.seal(sign(FOUNDER, nonce, NOBODY)).receipts[0].status == 1
        assert made.refusal(sign(SECOND, 0)) == "SEND_FORBIDDEN"


def _seal_and_kill(process: subprocess.Popen[str], after: float) -> dict[int, str]:
    """Blocks that a sealer said it had committed before it was killed, `after` seconds from its first."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    sealer, told, killed = 0, dict[int, str](), False
    while True:
        first, second = process.stdout.readline().split()
        if first == "ended":
            assert int(second) == signal.SIGKILL
            return told
        if first == "sealer":
            sealer = int(second)
        else:
            told[int(first)] = second
        if sealer and told and not killed:
            time.sleep(after)
            os.kill(sealer, signal.SIGKILL)
            killed = True
