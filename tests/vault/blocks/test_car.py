"""Archives: the bytes others write, every block checked, nothing taken that is cut or of another kind."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vault.blocks.kubo_support import Node
from vault.blocks.car import read_car, varint, write_car
from vault.cids import BLOCK_LIMIT, CID_SIZE, cid_of, cid_text
from vault.errors import StoreDamaged

HELLO = b"hello world"
VECTOR = bytes.fromhex(
    "3aa265726f6f747381d82a58250001551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
    "6776657273696f6e01"
    "2f01551220b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde968656c6c6f20776f726c64"
)
"""What Kubo 0.39 exports of the raw block "hello world"."""


def archive(*blocks: bytes, roots: int = 1) -> bytes:
    cids = [cid_of(block) for block in blocks]
    return b"".join(write_car(cids[:roots], zip(cids, blocks, strict=True)))


def read(data: bytes) -> list[tuple[bytes, bytes]]:
    return list(read_car(io.BytesIO(data)))


def test_the_known_archive() -> None:
    assert archive(HELLO) == VECTOR
    assert read(VECTOR) == [(cid_of(HELLO), HELLO)]


@given(st.lists(st.binary(max_size=600), max_size=40), st.integers(0, 40))
def test_what_is_written_is_read(blocks: list[bytes], roots: int) -> None:
    assert read(archive(*blocks, roots=roots)) == [(cid_of(block), block) for block in blocks]


def test_the_largest_block_and_many_roots() -> None:
    blocks = [bytes(BLOCK_LIMIT), *(i.to_bytes(4, "big") for i in range(70_000))]
    assert [block for _, block in read(archive(*blocks, roots=70_001))] == blocks


@pytest.mark.parametrize(
    ("number", "text"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (1 << 20, "808040")]
)
def test_varints(number: int, text: str) -> None:
    assert varint(number).hex() == text


@given(st.integers(1, len(VECTOR) - 1))
def test_a_cut_archive_is_noticed(kept: int) -> None:
    if kept == 0x3B:  # after the header: an archive without blocks
        assert read(VECTOR[:kept]) == []
    else:
        with pytest.raises(StoreDamaged, match="CAR_INVALID"):
            read(VECTOR[:kept])


@given(st.integers(0x3C, len(VECTOR) - 1), st.integers(1, 255))
def test_a_changed_byte_of_a_block_is_noticed(place: int, change: int) -> None:
    changed = bytearray(VECTOR)
    changed[place] ^= change
    with pytest.raises(StoreDamaged, match=r"CAR_INVALID|BLOCK_DAMAGED"):
        read(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        varint(1 << 26) + b"x",
        b"\x80" * 6,
        b"\x81\x00" + VECTOR[1:],
        b"\x0b" + b"not a header",
        VECTOR[:0x3B] + varint(CID_SIZE + BLOCK_LIMIT + 1) + bytes(CID_SIZE + BLOCK_LIMIT + 1),
        VECTOR[:0x3B] + varint(40) + b"\x01\x71\x12\x20" + bytes(36),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(StoreDamaged, match="CAR_INVALID"):
        read(data)


@pytest.mark.xdist_group("kubo")
def test_a_daemon_writes_the_same_bytes(nodes: list[Node]) -> None:
    member = nodes[0].member()
    for block in (HELLO, b"", os.urandom(1 << 20)):
        cid = cid_of(block)
        member.put({cid: block})
        assert member._rpc.download("/dag/export", [cid_text(cid)], {"offline": "true"}) == archive(block)
    member.close()
