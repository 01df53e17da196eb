"""Content-addressed archives, CARv1 (IPLD specs/transport/car/carv1), of raw blocks: how a batch of blocks travels.

    varint(length) ‖ header, then for every block  varint(36 + size) ‖ CID (36) ‖ block
    header: DAG-CBOR {"roots": [tag 42 (0x00 ‖ CID), …], "version": 1}, keys shortest first

Varints are unsigned LEB128, shortest form. Reading takes one block into memory at a time and hashes it. Only CIDv1 of
raw sha2-256 blocks up to 1 MiB are written or read; the roots of a file that is read do not matter to us.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from vault.blocks.store import check_block
from vault.cids import BLOCK_LIMIT, CID_SIZE, PREFIX, Cid
from vault.errors import StoreDamaged

HEADER_LIMIT = 1 << 25
"""Longest header that is read, bytes: what go-car allows."""
VARINT_LIMIT = 5
ARRAY = 0x80
ROOT = b"\xd8\x2a\x58" + bytes((1 + CID_SIZE,)) + b"\0"
"""In front of each root: tag 42, a byte string of 37 bytes, the identity multibase."""


def write_car(roots: Sequence[Cid], blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[bytes]:
    """The archive in pieces, one per block; nothing is held."""
    head = (
        b"\xa2\x65roots" + _cbor_head(ARRAY, len(roots)) + b"".join(ROOT + root for root in roots) + b"\x67version\x01"
    )
    yield varint(len(head)) + head
    for cid, block in blocks:
        yield varint(CID_SIZE + len(block)) + cid + check_block(cid, block)


def read_car(stream: BinaryIO) -> Iterator[tuple[Cid, bytes]]:
    """The blocks of an archive, each checked against its identifier. Raises `CAR_INVALID` or `BLOCK_DAMAGED`."""
    length = _read_varint(stream)
    if length is None or not 0 < length <= HEADER_LIMIT:
        raise _invalid("no header")
    header = _exactly(stream, length)
    if not header.startswith(b"\xa2\x65roots") or not header.endswith(b"\x67version\x01"):
        raise _invalid("not a header of version 1")
    while (length := _read_varint(stream)) is not None:
        if not CID_SIZE <= length <= CID_SIZE + BLOCK_LIMIT:
            raise _invalid(f"a section of {length} bytes")
        section = _exactly(stream, length)
        if not section.startswith(PREFIX):
            raise _invalid("a block that is not raw sha2-256")
        cid = Cid(section[:CID_SIZE])
        yield cid, check_block(cid, section[CID_SIZE:])


def varint(number: int) -> bytes:
    """Unsigned LEB128."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _cbor_head(major: int, count: int) -> bytes:
    """The shortest head of a CBOR item, as DAG-CBOR demands."""
    if count < 24:
        return bytes((major | count,))
    for code, size in ((24, 1), (25, 2), (26, 4)):
        if count < 1 << 8 * size:
            return bytes((major | code,)) + count.to_bytes(size, "big")
    raise _invalid(f"{count} roots")


def _read_varint(stream: BinaryIO) -> int | None:
    """The next number, or None at the end of the file."""
    number = 0
    for place in range(VARINT_LIMIT):
        byte = stream.read(1)
        if not byte and place == 0:
            return None
        if not byte or (place > 0 and byte == b"\0"):
            raise _invalid("a length that is cut or not in its shortest form")
        number |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return number
    raise _invalid("a length without end")


def _exactly(stream: BinaryIO, length: int) -> bytes:
    found = stream.read(length)
    if len(found) != length:
        raise _invalid("it is cut off")
    return found


def _invalid(what: str) -> StoreDamaged:
    return StoreDamaged("CAR_INVALID", f"not an archive of raw blocks: {what}", "make or fetch the archive again")
