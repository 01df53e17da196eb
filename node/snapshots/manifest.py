"""What a snapshot is: chain, height, block, state root, and the SHA-256 of every chunk.

The manifest is JSON with sorted keys and no spaces; the snapshot's hash is the SHA-256 of these bytes. Two members that
compare it compare everything. A chunk is RLP of a tag and its items, in this order:

    H  [headers, body, receipts]   block 0 and the last 257 headers; transactions and receipts of the last one
    X  [[key, value], ...]         what rules remember beside the state, rising by key
    N  [node or code, ...]         the state, parents first, in the order of the keys, each code once
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from node.errors import NodeError

FORMAT = 1
HEADERS = 257
"""The block and all those whose hashes its code could ask for (BLOCKHASH)."""
CHUNK_BYTES = 1024 * 1024
"""A chunk is closed once it holds so much; no chunk is larger than `CHUNK_MOST`."""
CHUNK_MOST = 64 * 1024 * 1024
HEAD_TAG, EXTRAS_TAG, NODES_TAG = b"H", b"X", b"N"


class SnapshotError(NodeError):
    """A snapshot that cannot be made or used."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Size in bytes and SHA-256 of a chunk."""

    size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """`chain` is the hash of block 0; `nodes` counts trie nodes and codes."""

    chain: bytes
    height: int
    block: bytes
    state_root: bytes
    nodes: int
    chunks: tuple[Chunk, ...]

    def encode(self) -> bytes:
        """The bytes that are hashed and compared."""
        table = {
            "format": FORMAT, "chain": self.chain.hex(), "height": self.height, "block": self.block.hex(),
            "state_root": self.state_root.hex(), "nodes": self.nodes,
            "chunks": [[chunk.size, chunk.digest.hex()] for chunk in self.chunks],
        }  # fmt: skip
        return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()

    @property
    def hash(self) -> bytes:
        """What members compare."""
        return sha256(self.encode()).digest()

    @property
    def size(self) -> int:
        """Bytes of all chunks."""
        return sum(chunk.size for chunk in self.chunks)

    @staticmethod
    def decode(raw: bytes) -> "Manifest":
        """The inverse of `encode`. Raises SnapshotError: SNAPSHOT_CORRUPT, SNAPSHOT_FORMAT."""
        try:
            table: dict[str, Any] = json.loads(raw)
            if table["format"] != FORMAT:
                raise SnapshotError(
                    "SNAPSHOT_FORMAT", f"the snapshot has format {table['format']}", f"this node reads format {FORMAT}"
                )
            chunks = tuple(Chunk(int(size), bytes.fromhex(digest)) for size, digest in table["chunks"])
            made = Manifest(
                bytes.fromhex(table["chain"]), int(table["height"]), bytes.fromhex(table["block"]),
                bytes.fromhex(table["state_root"]), int(table["nodes"]), chunks,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            raise corrupt(f"its manifest cannot be read: {error}") from error
        if made.encode() != raw or not all(0 < chunk.size <= CHUNK_MOST for chunk in chunks):
            raise corrupt("its manifest is not in the one form it can have")
        return made


def corrupt(what: str) -> SnapshotError:
    """This is not what a node wrote."""
    return SnapshotError("SNAPSHOT_CORRUPT", f"the snapshot is damaged: {what}", "get it again, from another member")
