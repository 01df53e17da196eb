"""A block in the making: one transaction after the other on a state that is written at the end."""

from typing import Any

from eth.abc import ComputationAPI
from eth.exceptions import PyEVMError
from eth_utils.exceptions import ValidationError

from node.errors import Refused, TransactionRefused
from node.evm.machine import gas_used_by, ran_as
from node.evm.payload import Payload
from node.evm.state import State
from node.execution import Environment
from node.overlay import Overlay
from node.receipts import Log, Receipt
from node.transactions import Transaction, created_address


class Run(State):
    """A block in the making."""

    def __init__(self, environment: Environment, root: bytes, nodes: Overlay) -> None:
        super().__init__(environment, root, nodes)
        self.gas_used = 0
        self._last: tuple[Any, int, ComputationAPI] | None = None

    def apply(self, transaction: Transaction) -> Receipt:
        state, before = self.state, self.gas_used
        self.settle()
        state.lock_changes()
        snapshot = state.snapshot()
        try:
            computation = state.apply_transaction(Payload.of(transaction, self.environment.fork))
        except (ValidationError, PyEVMError) as error:
            state.revert(snapshot)
            raise TransactionRefused(Refused.TX_INVALID, f"the transaction cannot be executed: {error}") from error
        self._last = (snapshot, before, computation)
        used = gas_used_by(transaction.gas, computation, transaction.data, self.environment.fork)
        self.gas_used += used
        return Receipt(
            type=transaction.type,
            status=int(computation.is_success),
            gas_used=used,
            cumulative_gas=self.gas_used,
            sender=transaction.sender,
            contract=b"" if transaction.to else created_address(transaction.sender, transaction.nonce),
            logs=tuple(
                Log(address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
                for address, topics, data in computation.get_log_entries()
            ),
        )

    def undo(self) -> None:
        if self._last is None:
            raise ValueError("nothing to undo")
        snapshot, self.gas_used, _ = self._last
        self.state.revert(snapshot)
        self._last = None

    def settle(self) -> None:
        """The last transaction can no longer be undone."""
        if self._last is not None:
            self.state.commit(self._last[0])
            self._last = None

    def touched(self, address: bytes) -> bool:
        return self._last is not None and ran_as(self._last[2], address)

    def close(self) -> bytes:
        self.settle()
        self.state.persist()
        return bytes(self.state.state_root)
