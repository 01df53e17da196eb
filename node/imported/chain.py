"""A foreign chain in our store, as the reader, the pool and the methods see it."""

from collections.abc import Iterator

from node.blocks import Header
from node.chain_rules import ChainRules
from node.errors import StoreError, TransactionRefused
from node.execution import Account, Environment, Executor, StateView
from node.overlay import Overlay
from node.proposals import CheckResult
from node.rules.transactions import check_form, check_sender
from node.store import Store

ANCESTORS = 256


class ImportedChain:
    """Ends where its file ended. The rules of our own chain (permissions, closed contracts) do not hold on it."""

    def __init__(self, rules: ChainRules, store: Store, executor: Executor) -> None:
        """Raises StoreError STORE_EMPTY."""
        head = store.head()
        if head is None:
            raise StoreError("STORE_EMPTY", "the chain has no block yet", "import it first")
        self.rules, self.head = rules, head
        self._store, self._executor = store, executor
        self._view = self.view(head)

    def view(self, header: Header) -> StateView:
        """The state after a block."""
        return self._executor.view(self.environment(header), header.state_root, Overlay(self._store.node))

    def environment(self, header: Header) -> Environment:
        """The environment in which a block's code ran."""
        return self.rules.environment(header, self.ancestors(header))

    def ancestors(self, header: Header) -> Iterator[bytes]:
        """Hashes of the blocks before one, nearest first."""
        if header.number > 0:
            yield header.parent_hash
        for height in range(header.number - 2, max(-1, header.number - 1 - ANCESTORS), -1):
            found = self._store.header(height)
            if found is not None:
                yield found.hash

    def account(self, address: bytes) -> Account:
        """The account at the head; for one thread."""
        return self._view.account(address)

    def check_tx(self, raw: bytes) -> CheckResult:
        """Form, signature, sender and fees, as other clients check them; for the thread of `account`."""
        try:
            tx = self.rules.decode(raw)
            check_form(tx, self.rules.chain_id, self.head.gas_limit, native=False)
            check_sender(tx, self._view.account(tx.sender), self._view.code(tx.sender))
        except TransactionRefused as refusal:
            return CheckResult(None, refusal)
        return CheckResult(tx)
