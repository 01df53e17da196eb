"""What can be said of a store without executing anything: do its tables fit together?"""

from collections.abc import Callable

import rlp
from eth_hash.auto import keccak

from node.blocks import Header, ordered_root
from node.errors import TransactionRefused
from node.receipts import Receipt, pack, unpack
from node.snapshots.head import check_receipts
from node.store import StoreReader
from node.store.generations import GENERATIONS
from node.store.schema import number_key
from node.store.walk import walk_all
from node.transactions import Transaction, decode
from node.verification.damage import Damage


def check_block(reader: StoreReader, number: int, parent: Header | None) -> Header:
    """Header, parent link, transactions, receipts and every index of a block. Raises Damage."""
    header = check_header(reader, number, parent)
    body = reader.raw("bodies", number_key(number))
    try:
        transactions = tuple(decode(raw) for raw in rlp.decode(body)) if body is not None else ()
    except (rlp.DecodingError, ValueError, TypeError, TransactionRefused) as error:
        raise Damage(number, "bodies", "cannot be read") from error
    if ordered_root([tx.raw for tx in transactions]) != header.transactions_root:
        raise Damage(number, "bodies", "not the transactions of the header")
    _check_receipts(reader, header, transactions)
    for index, tx in enumerate(transactions):
        if reader.raw("locations", tx.hash) != number_key(number) + index.to_bytes(4, "big"):
            raise Damage(number, "locations", f"transaction 0x{tx.hash.hex()} is not found where it is")
    bloom = reader.raw("blooms", number_key(number))
    if bloom != (header.bloom.to_bytes(256, "big") if header.bloom else None):
        raise Damage(number, "blooms", "not the bloom of the header")
    return header


def check_header(reader: StoreReader, number: int, parent: Header | None) -> Header:
    """A header and its place in the chain. Raises Damage."""
    raw = reader.raw("headers", number_key(number))
    if raw is None:
        raise Damage(number, "headers", "is gone")
    try:
        header = Header.decode(raw)
        again = header.encode()
    except (rlp.DecodingError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise Damage(number, "headers", "cannot be read") from error
    if again != raw or header.number != number:
        raise Damage(number, "headers", "is not a header of this height")
    if parent is not None and header.parent_hash != parent.hash:
        raise Damage(number, "headers", f"does not follow block {parent.number}")
    if reader.raw("numbers", header.hash) != number_key(number):
        raise Damage(number, "numbers", f"block 0x{header.hash.hex()} is not found under its hash")
    return header


def _check_receipts(reader: StoreReader, header: Header, transactions: tuple[Transaction, ...]) -> None:
    stored = reader.raw("receipts", number_key(header.number))
    try:
        receipts: tuple[Receipt, ...] = check_receipts(header, transactions, stored if stored is not None else pack(()))
        if (stored is None and transactions) or unpack(pack(receipts)) != receipts:
            raise ValueError("are gone")
    except (rlp.DecodingError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise Damage(header.number, "receipts", str(error) or "cannot be read") from error


def check_state(reader: StoreReader, header: Header, heard: Callable[[], None]) -> None:
    """Every node and code of a state is there and is what its hash says. Raises Damage."""

    def read(key: bytes) -> bytes | None:
        value = reader.node(key)
        if value is not None and keccak(value) != key:
            raise Damage(header.number, "nodes", f"0x{key.hex()} does not hold what its hash says")
        return value

    for entry, value in walk_all(header.state_root, read):
        if value is None:
            raise Damage(header.number, "nodes", f"0x{entry[1:].hex()} is gone")
        heard()


def check_all_nodes(reader: StoreReader, heard: Callable[[], None]) -> None:
    """No node of either generation was changed, whether a state still needs it or not. Raises Damage."""
    for table in GENERATIONS:
        last = b""
        while rows := reader.rows(table, last):
            for key, value in rows:
                if keccak(value) != key:
                    raise Damage(None, table, f"0x{key.hex()} does not hold what its hash says")
                heard()
            last = rows[-1][0]


def check_counts(reader: StoreReader, counts: dict[str, int]) -> None:
    """No index has an entry that leads nowhere. Raises Damage."""
    for table, count in counts.items():
        if (found := reader.entries(table)) != count:
            raise Damage(None, table, f"{found} entries where there should be {count}")
