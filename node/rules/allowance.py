"""The allowance: how much gas an account without a role may use within one window.

A window is `window` seconds of block time (genesis; an hour), counted from 1970 in UTC. The gas that every sender uses
is counted, but only who is neither member nor role holder is bound: such a transaction is let in if what its sender
has used in the window and all the gas it may use are within the Council's `open_allowance`. Charged is what it used.

Because everybody is counted alike, the counts follow from times, senders and receipts of the window's blocks, hence
from their headers: whoever has the blocks has the counts. They are kept beside the state all the same, so that nobody
has to read an hour of blocks to go on:

    table "allowance"     window (8 bytes) ‖ account (20 bytes) -> gas (8 bytes), big-endian, so oldest come first

Counts of passed windows mean nothing. Every block forgets twice as many of them as it writes new ones, and a few more:
the table never holds much more than one window, and no block pays for the end of a window alone.
"""

from datetime import UTC, datetime
from typing import Protocol

from node.errors import Refused, TransactionRefused
from node.rules.permissions import Permissions
from node.transactions import Transaction

TABLE = "allowance"
SWEPT = 64
"""Counts of passed windows that a block forgets even when it writes none."""


class Counts(Protocol):
    """The table as the last block left it."""

    def extra(self, name: str, key: bytes) -> bytes | None:
        """The value under a key."""
        ...

    def first_extras(self, name: str, limit: int) -> list[bytes]:
        """The lowest keys, rising, at most `limit`."""
        ...


class Allowances:
    """Gas used in the window of one block: what earlier blocks left, and what this one adds."""

    def __init__(self, seconds: int, time: int, earlier: Counts) -> None:
        """`seconds` of a window, `time` of the block in UTC seconds."""
        self._window, self._seconds, self._earlier = time // seconds, seconds, earlier
        self._used: dict[bytes, int] = {}

    @property
    def ends(self) -> int:
        """UTC seconds of the first moment after the window."""
        return (self._window + 1) * self._seconds

    def used(self, account: bytes) -> int:
        """Gas that an account has used in the window."""
        found = self._used.get(account)
        if found is None:
            kept = self._earlier.extra(TABLE, self._key(account))  # noqa: S610  no Django here
            found = 0 if kept is None else int.from_bytes(kept, "big")
        return found

    def check(self, tx: Transaction, permissions: Permissions, waiting: int = 0) -> None:
        """May its sender spend that much? `waiting` is gas of the sender's that is asked for already and not used yet.

        Raises TransactionRefused ALLOWANCE_SPENT.
        """
        if permissions.is_trusted(tx.sender):
            return
        allowance = permissions.open_allowance
        left = max(0, allowance - self.used(tx.sender) - waiting)
        if tx.gas > left:
            raise self._refusal(tx, allowance, left)

    def charge(self, account: bytes, gas: int) -> None:
        """Count gas that a transaction has used."""
        self._used[account] = self.used(account) + gas

    def changes(self) -> dict[bytes, bytes | None]:
        """What the block changes in the table: new counts, and None for what is forgotten."""
        changes: dict[bytes, bytes | None] = {
            self._key(account): used.to_bytes(8, "big") for account, used in self._used.items()
        }
        passed = self._earlier.first_extras(TABLE, 2 * len(changes) + SWEPT)
        changes.update((key, None) for key in passed if key[:8] < self._key(b""))
        return changes

    def _key(self, account: bytes) -> bytes:
        return self._window.to_bytes(8, "big") + account

    def _refusal(self, tx: Transaction, allowance: int, left: int) -> TransactionRefused:
        ends = datetime.fromtimestamp(self.ends, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        ways = ["ask the Council for a role"]
        if allowance >= tx.gas:
            ways.insert(0, f"wait until {ends}")
        if left > 0:
            ways.insert(0, "lower the gas")
        return TransactionRefused(
            Refused.ALLOWANCE_SPENT,
            f"permission denied: 0x{tx.sender.hex()} has {left} gas left of {allowance} until {ends}, "
            f"the transaction asks for {tx.gas}",
            ", or ".join(ways),
        )
