"""A store as it was at an earlier height: the application executes on it as it did then, and what it would write is
compared with what was written."""

import tempfile
from collections.abc import Mapping, Sequence
from heapq import nsmallest
from pathlib import Path

import lmdb
import rlp
from eth_hash.auto import keccak

from node.blocks import Header
from node.receipts import Receipt, pack
from node.store import BlockStore, Extras, StoreReader
from node.store.schema import extra_key, number_key
from node.verification.damage import Damage

SCRATCH_BYTES = 2**44


class Scratch:
    """Nodes of states that the store has pruned, in a directory that goes away."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tideprint-verify-")
        self._env = lmdb.open(self._folder.name, map_size=SCRATCH_BYTES, sync=False, metasync=False, mode=0o600)

    def get(self, key: bytes) -> bytes | None:
        """A node that was put."""
        with self._env.begin() as txn:
            value: bytes | None = txn.get(key)
            return value

    def put(self, nodes: Mapping[bytes, bytes]) -> None:
        """Keep nodes."""
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti(list(nodes.items()))

    def close(self) -> None:
        """Forget them."""
        self._env.close()
        self._folder.cleanup()


class Rewound(BlockStore):
    """The store of `reader` with its head at `head` (None: before block 0)."""

    def __init__(self, reader: StoreReader, head: Header | None, scratch: Scratch | None = None) -> None:
        self._attach(Path(reader.path), reader.tables)
        self._reader, self._at, self._scratch = reader, head, scratch
        self._extras: dict[bytes, bytes] = {} if head is None else reader.extras_at(head.number)

    def head(self) -> Header | None:
        """The block executed last."""
        return self._at

    def node(self, key: bytes) -> bytes | None:
        """A node that is what its hash says. Raises Damage."""
        value = self._reader.node(key)
        if value is None:
            return None if self._scratch is None else self._scratch.get(key)
        if keccak(value) != key:
            raise Damage(self._next, "nodes", f"0x{key.hex()} does not hold what its hash says")
        return value

    @property
    def states_from(self) -> int:
        """It looks at no state that it was not given, so none is too old for it."""
        return 0

    def extra(self, name: str, key: bytes) -> bytes | None:
        """What a rule remembered."""
        return self._extras.get(extra_key(name, key))

    def first_extras(self, name: str, limit: int) -> list[bytes]:
        """The lowest keys, rising."""
        prefix = extra_key(name, b"")
        return [key[len(prefix) :] for key in nsmallest(limit, (k for k in self._extras if k.startswith(prefix)))]

    @property
    def extras(self) -> dict[bytes, bytes]:
        """All that rules remember after the block executed last."""
        return self._extras

    @property
    def _next(self) -> int:
        return 0 if self._at is None else self._at.number + 1

    def write_block(
        self,
        header: Header,
        transactions: Sequence[tuple[bytes, bytes]],
        receipts: Sequence[Receipt],
        nodes: Mapping[bytes, bytes],
        extras: Extras | None = None,
    ) -> None:
        """Compare instead of writing. Raises Damage."""
        stored = self._reader.header(header.number)
        if stored != header:
            raise Damage(header.number, "headers", _difference(stored, header))
        if (self._reader.raw("receipts", number_key(header.number)) or pack(())) != pack(receipts):
            raise Damage(header.number, "receipts", "not what executing the block gives")
        self._compare_nodes(header.number, nodes)
        before = self._change_extras(extras or {})
        if header.number > self._reader.states_from:
            undo = self._reader.raw("undo", number_key(header.number))
            if undo != (rlp.encode(before) if before else None):
                raise Damage(header.number, "undo", "not what the block changed")
        self._at = header

    def _compare_nodes(self, number: int, nodes: Mapping[bytes, bytes]) -> None:
        if self._scratch is not None and number < self._reader.states_from:
            self._scratch.put(nodes)
            return
        for key, value in nodes.items():
            if (found := self._reader.node(key)) != value:
                what = "is gone" if found is None else "does not hold what its hash says"
                raise Damage(number, "nodes", f"0x{key.hex()} {what}")

    def _change_extras(self, extras: Extras) -> list[list[bytes]]:
        before: list[list[bytes]] = []
        for name, changes in sorted(extras.items()):
            for key, value in sorted(changes.items()):
                full = extra_key(name, key)
                old = self._extras.get(full)
                before.append([full] if old is None else [full, old])
                if value is None:
                    self._extras.pop(full, None)
                else:
                    self._extras[full] = value
        return before


def _difference(stored: Header | None, made: Header) -> str:
    if stored is None:
        return "is gone"
    for name in ("state_root", "receipts_root", "transactions_root", "gas_used", "bloom"):
        if getattr(stored, name) != getattr(made, name):
            return f"another {name} than executing the block gives"
    return "another header than executing the block gives"
