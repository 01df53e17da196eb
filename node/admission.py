"""Admission: what the chain says at its head, and which transactions are worth keeping as things stand there.

It reads and never writes, so it works beside whoever executes blocks, in the same process or in another one, and hears
of each new block by `advance`. For one thread.
"""

from collections.abc import Callable, Iterator

from node.addresses import checksummed
from node.blocks import Header
from node.chain_rules import ChainRules
from node.errors import StoreError, TransactionRefused
from node.execution import Account, Environment, Executor, StateView
from node.genesis import Genesis
from node.overlay import Overlay
from node.proposals import CheckResult
from node.rules.allowance import Allowances
from node.rules.permissions import Permissions
from node.rules.transactions import check_form, check_sender
from node.store import StoreReader
from node.transactions import Transaction, decode

ANCESTORS = 256


class Admission:
    """The head of a chain, and the check of what wants to be on it."""

    def __init__(
        self,
        genesis: Genesis,
        store: StoreReader,
        executor: Executor,
        decoder: Callable[[bytes], Transaction] = decode,
    ) -> None:
        """Stands at the head of the store, if it has one."""
        self.genesis, self.rules = genesis, ChainRules(genesis.chain_id)
        self._store, self._executor, self._decode = store, executor, decoder
        self._header: Header | None = None
        self._view: StateView | None = None
        self._permissions: Permissions | None = None
        header = store.head()
        if header is not None:
            self.advance(header)

    @property
    def head(self) -> Header:
        """The last committed header. Raises StoreError STORE_EMPTY before genesis is committed."""
        if self._header is None:
            raise StoreError("STORE_EMPTY", "the chain has no block yet", "initialise the chain and commit")
        return self._header

    def advance(self, header: Header) -> None:
        """A block was committed."""
        self._header = header
        self._view = view = self.view(header)
        self._permissions = Permissions(self.genesis, view, self._permissions)

    def check_tx(self, raw: bytes) -> CheckResult:
        """Is this transaction worth keeping, as things stand at the head? Form, sender, permission, allowance."""
        view, permissions = self._at_head()
        try:
            tx = self._decode(raw)
            check_form(tx, self.genesis.chain_id, self.genesis.gas_limit)
            check_sender(tx, view.account(tx.sender), view.code(tx.sender))
            permissions.check(tx)
            self.check_allowance(tx)
        except TransactionRefused as refusal:
            return CheckResult(None, refusal)
        return CheckResult(tx)

    def account(self, address: bytes) -> Account:
        """The account at the head."""
        return self._at_head()[0].account(address)

    def is_trusted(self, address: bytes) -> bool:
        """Is this a member or role holder at the head?"""
        return self._at_head()[1].is_trusted(address)

    def check_allowance(self, tx: Transaction, waiting: int = 0) -> None:
        """May its sender use that much gas in the window that the head is in, beside what waits already?

        Raises TransactionRefused ALLOWANCE_SPENT.
        """
        Allowances(self.genesis.window, self.head.time + 1, self._store).check(tx, self._at_head()[1], waiting)

    def view(self, header: Header) -> StateView:
        """A fresh view of the state after a block. Raises StoreError STATE_PRUNED, then or later."""
        self._store.require_state(header)
        return self._executor.view(self.environment(header), header.state_root, Overlay(self._store.state_node))

    def environment(self, header: Header) -> Environment:
        """The environment in which a block's code ran."""
        return self.rules.environment(header, self.ancestors(header.parent_hash, header.number))

    def ancestors(self, parent: bytes, number: int) -> Iterator[bytes]:
        """Hashes of the blocks before the one at a height, from its parent on backwards, read as they are asked for."""
        if number > 0:
            yield parent
        for height in range(number - 2, max(-1, number - 1 - ANCESTORS), -1):
            header = self._store.header(height)
            if header is not None:
                yield header.hash

    def described(self, address: bytes) -> dict[str, str | int]:
        """An account in words that JSON has."""
        account = self.account(address)
        return {"address": checksummed(address), "nonce": account.nonce, "balance": str(account.balance)}

    def _at_head(self) -> tuple[StateView, Permissions]:
        if self._view is None or self._permissions is None:
            raise StoreError("STORE_EMPTY", "the chain has no block yet", "initialise the chain and commit")
        return self._view, self._permissions
