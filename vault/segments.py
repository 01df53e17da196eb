"""Payloads above one block: encrypted segments, each a raw block, listed in an encrypted manifest.

    segment i of n  `vault.payloads` under HMAC(leaf key, "vkt1 segment" ‖ i u32 ‖ n u32), part = i u32 ‖ n u32
    manifest        `vault.payloads` under the leaf key, purpose "manifest":
                    version u8 = 1 ‖ payload size u64 ‖ n × CID (36)

Every segment but the last fills its block; the last is padded like any payload. Key, nonce and additional data are each
segment's own, so that a segment left out, doubled, moved or put in from another record does not open. The identifiers
also stand in the clear beside the record row (`segment`), as erasing must find the blocks without the key. A manifest
lists at most 29,127 segments: 28 GiB. Sealing holds `AT_ONCE` segments in memory, opening holds one.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from vault.blocks import BlockStore
from vault.cids import BLOCK_LIMIT, CID_SIZE, Cid, cid_of
from vault.database import Database
from vault.errors import StoreDamaged, VaultError
from vault.macs import mac
from vault.paths import DEPTH, FAN_OUT, Path, leaf_range
from vault.payloads import OVERHEAD, PAYLOAD_LIMIT, Place, Purpose, seal, unseal

SEGMENT_SIZE = BLOCK_LIMIT - OVERHEAD
AT_ONCE = 8
HEAD = struct.Struct(">BQ")
PART = struct.Struct(">II")
VERSION = 1
SEGMENTS_LIMIT = (PAYLOAD_LIMIT - HEAD.size) // CID_SIZE
UNDER = (
    "SELECT cid FROM record WHERE id >= ? AND id < ?",
    "SELECT cid FROM segment WHERE id >= ? AND id < ?",
)


@dataclass(frozen=True, slots=True)
class Segmented:
    """The blocks of one large payload: the record row names the manifest, segment rows the others in their order."""

    manifest: Cid
    segments: tuple[Cid, ...]


def is_large(size: int) -> bool:
    """Does a payload of this many bytes need segments?"""
    return size > PAYLOAD_LIMIT


def seal_segments(
    key: bytes, place: Place, source: BinaryIO, size: int, blocks: BlockStore, entropy: Callable[[int], bytes]
) -> Segmented:
    """Seal `size` bytes of a stream under a leaf key and store them. Its rows must be written after it returns.

    Raises `PAYLOAD_TOO_LARGE`, `PAYLOAD_CUT` (the stream is not of this size: nothing points to what was stored), and
    what the store says.
    """
    count = -(-size // SEGMENT_SIZE)
    if count > SEGMENTS_LIMIT:
        raise VaultError("PAYLOAD_TOO_LARGE", f"{size} bytes; at most {SEGMENTS_LIMIT * SEGMENT_SIZE}", "split it")
    cids: list[Cid] = []
    waiting: dict[Cid, bytes] = {}
    for index in range(count):
        piece = _read(source, min(SEGMENT_SIZE, size - index * SEGMENT_SIZE))
        block = seal(_segment_key(key, index, count), _part(place, index, count), piece, entropy)
        cids.append(cid_of(block))
        waiting[cids[-1]] = block
        if len(waiting) == AT_ONCE:
            blocks.put(waiting)
            waiting = {}
    if source.read(1):
        raise _cut("longer")
    manifest = seal(key, _manifest(place), HEAD.pack(VERSION, size) + b"".join(cids), entropy)
    blocks.put({**waiting, cid_of(manifest): manifest})
    return Segmented(cid_of(manifest), tuple(cids))


def open_segments(key: bytes, place: Place, manifest: Cid, blocks: BlockStore) -> Iterator[bytes]:
    """The payload in pieces, each checked before it is given. Raises `PAYLOAD_DAMAGED`, `BLOCK_MISSING`."""
    listing = unseal(key, _manifest(place), blocks.get(manifest))
    version, size = HEAD.unpack_from(listing) if len(listing) >= HEAD.size else (0, 0)
    cids = [Cid(listing[at : at + CID_SIZE]) for at in range(HEAD.size, len(listing), CID_SIZE)]
    if version != VERSION or len(cids) != -(-size // SEGMENT_SIZE):
        raise _damaged()
    for index, cid in enumerate(cids):
        piece = unseal(_segment_key(key, index, len(cids)), _part(place, index, len(cids)), blocks.get(cid))
        if len(piece) != min(SEGMENT_SIZE, size - index * SEGMENT_SIZE):
            raise _damaged()
        yield piece


def blocks_under(rows: Database, prefix: Path) -> list[Cid]:
    """Blocks and segments of all records under a prefix of the key tree, found without a key."""
    return _blocks(rows, leaf_range(prefix))


def referenced(rows: Database) -> set[Cid]:
    """Every block that a record needs: what a block store is to hold, exactly."""
    return set(_blocks(rows, (0, FAN_OUT**DEPTH)))


def _blocks(rows: Database, span: tuple[int, int]) -> list[Cid]:
    return [Cid(cid) for query in UNDER for (cid,) in rows.rows(query, span)]


def _segment_key(key: bytes, index: int, count: int) -> bytes:
    return mac(key, b"vkt1 segment" + PART.pack(index, count))


def _part(place: Place, index: int, count: int) -> Place:
    return replace(place, purpose=Purpose.SEGMENT, part=PART.pack(index, count))


def _manifest(place: Place) -> Place:
    return replace(place, purpose=Purpose.MANIFEST)


def _read(source: BinaryIO, length: int) -> bytes:
    """Exactly so many bytes, however the stream hands them out."""
    pieces = []
    while length > 0:
        piece = source.read(length)
        if not piece:
            raise _cut("shorter")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _cut(how: str) -> VaultError:
    return VaultError("PAYLOAD_CUT", f"the payload is {how} than was said", "give its size and send it again")


def _damaged() -> StoreDamaged:
    hint = "restore the record's row and blocks from a backup"
    return StoreDamaged("PAYLOAD_DAMAGED", "a manifest does not describe its segments", hint)
