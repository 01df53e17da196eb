"""One simulated block: its calls are checked, executed one upon the other, and each leaves a transaction and a receipt.

Errors say what geth says and end the whole simulation: a call that could not be part of a block has no outcome.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from eth.abc import ComputationAPI
from eth.exceptions import PyEVMError, Revert
from eth.vm.interrupt import EVMMissingData
from eth_utils.exceptions import ValidationError

from node.addresses import checksummed
from node.blocks import ZERO_ADDRESS
from node.errors import CallFailed
from node.evm.calls import revert_reason
from node.evm.machine import gas_used_by
from node.evm.overrides import apply
from node.evm.payload import Payload
from node.evm.simulated_state import Deadline, Transfer, simulated_state
from node.evm.state import State
from node.evm.tracing.failures import words
from node.execution import CallRequest, Environment
from node.forks import Fork
from node.overlay import Overlay
from node.receipts import Log, Receipt
from node.simulations import BlockPlan, Failure, Outcome, SimulatedCall, Simulation, SimulationLimits
from node.transactions import BLOB, LEGACY, MAX_NONCE, Transaction, created_address, data_floor, least_gas
from node.unsigned import unsigned

MOST_INITCODE = 2 * 24_576
"""EIP-3860."""
BLOB_VERSION = b"\x01"
"""EIP-4844: the first byte of a blob's versioned hash."""


class PricedPayload(Payload):
    """A payload whose price and tip per unit of gas are settled."""

    __slots__ = ("price", "tip")
    price: int
    tip: int


@dataclass(slots=True)
class Spending:
    """What is left of a simulation's limits, and until when it may work."""

    calls: int
    gas: int
    output_bytes: int
    deadline: Deadline

    @classmethod
    def of(cls, limits: SimulationLimits, clock: Callable[[], float]) -> "Spending":
        return cls(limits.calls, limits.gas, limits.output_bytes, Deadline(limits.seconds, clock))

    def spend(self, gas: int, output: int) -> None:
        """A call is done. Raises CallFailed SIMULATION_LIMIT."""
        self.gas -= gas
        self.output_bytes -= output
        if self.output_bytes < 0:
            raise CallFailed("SIMULATION_LIMIT", "the calls return and log too many bytes", "simulate less at once")


@dataclass(slots=True)
class Done:
    """The transactions of a block so far, with what became of them."""

    transactions: list[Transaction] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    gas_used: int = 0


class BlockRun(State):
    """A block being simulated."""

    def __init__(
        self, environment: Environment, root: bytes, nodes: Overlay, plan: BlockPlan, simulation: Simulation,
        spending: Spending,
    ) -> None:  # fmt: skip
        """Raises CallFailed OVERRIDE_INVALID."""
        super().__init__(environment, root, nodes, simulated_state(environment.fork, environment.native))
        self.done, self._spending, self._strict = Done(), spending, simulation.validation
        machine: Any = self.state
        machine.deadline, machine.show_transfers = spending.deadline, simulation.transfers
        apply(machine, plan.accounts, plan.block.blob_base_fee)

    def execute(self, call: SimulatedCall) -> None:
        """One call as the next transaction. Raises CallFailed."""
        self._spending.deadline.look()
        tx, most = self._transaction(call)
        self._check(tx)
        state = self.state
        state.lock_changes()
        nonce = state.get_nonce(tx.sender)
        try:
            computation = state.apply_transaction(self._payload(tx))
        except EVMMissingData:
            raise
        except (ValidationError, PyEVMError) as error:
            raise CallFailed("SIMULATION_FAILED", f"a call cannot be executed: {error}") from error
        self._record(tx, created_address(tx.sender, nonce), computation, capped=tx.gas < most)

    def close(self) -> bytes:
        """Write the state into the overlay and return its root."""
        self.state.persist()
        return bytes(self.state.state_root)

    def _transaction(self, call: SimulatedCall) -> tuple[Transaction, int]:
        """The call as a transaction, and the gas it would have without the limit on all of them."""
        request, environment = call.request, self.environment
        sender = request.sender or ZERO_ADDRESS
        left = environment.gas_limit - self.done.gas_used
        most = left if request.gas is None else request.gas
        if most > left:
            raise CallFailed("BLOCK_GAS_REACHED", f"block gas limit reached: remaining: {left}, required: {most}")
        if call.chain_id not in (None, environment.chain_id):
            raise CallFailed(
                "CHAIN_ID_WRONG", f"chainId does not match node's (have={call.chain_id}, want={environment.chain_id})"
            )
        nonce = self.state.get_nonce(sender) if call.nonce is None else call.nonce
        legacy = call.legacy or environment.fork < Fork.LONDON
        tx = unsigned(request, environment.chain_id, sender, nonce, min(most, self._spending.gas), legacy)
        return tx, most

    def _check(self, tx: Transaction) -> None:
        held = self.state.get_nonce(tx.sender)
        if self._strict or (tx.is_creation and held > MAX_NONCE):
            self._check_nonce(tx, held)
        if self.environment.fork >= Fork.LONDON and not self._free(tx):
            self._check_fees(tx)
        if tx.type == BLOB:
            self._check_blobs(tx)
        if tx.authorizations and tx.is_creation:
            raise CallFailed("SIMULATION_FAILED", "a transaction with an authorizationList cannot create a contract")
        if tx.is_creation and len(tx.data) > MOST_INITCODE and self.environment.fork >= Fork.SHANGHAI:
            raise CallFailed(
                "INITCODE_TOO_LARGE", f"max initcode size exceeded: code size {len(tx.data)} limit {MOST_INITCODE}"
            )
        balance = self.state.get_balance(tx.sender)
        if balance < tx.upfront_cost:
            raise CallFailed(
                "INSUFFICIENT_FUNDS",
                f"err: insufficient funds for gas * price + value: address {checksummed(tx.sender)} "
                f"have {balance} want {tx.upfront_cost} (supplied gas {tx.gas})",
            )
        self._check_gas(tx)

    def _check_nonce(self, tx: Transaction, held: int) -> None:
        where = f"address {checksummed(tx.sender)}"
        if tx.nonce > held:
            raise CallFailed("NONCE_TOO_HIGH", f"err: nonce too high: {where}, tx: {tx.nonce} state: {held}")
        if tx.nonce < held:
            raise CallFailed("NONCE_TOO_LOW", f"err: nonce too low: {where}, tx: {tx.nonce} state: {held}")
        if held > MAX_NONCE:
            raise CallFailed("SIMULATION_FAILED", f"err: nonce has max value: {where}, nonce: {held}")

    def _check_fees(self, tx: Transaction) -> None:
        where = f"address {checksummed(tx.sender)}"
        if tx.max_fee < tx.max_priority_fee:
            raise CallFailed(
                "TIP_ABOVE_CAP",
                f"err: max priority fee per gas higher than max fee per gas: {where}, "
                f"maxPriorityFeePerGas: {tx.max_priority_fee}, maxFeePerGas: {tx.max_fee}",
            )
        if tx.max_fee < self.environment.base_fee:
            raise CallFailed(
                "FEE_BELOW_BASE",
                f"err: max fee per gas less than block base fee: {where}, maxFeePerGas: {tx.max_fee}, "
                f"baseFee: {self.environment.base_fee} (supplied gas {tx.gas})",
            )

    def _check_blobs(self, tx: Transaction) -> None:
        if self.environment.native or self.environment.fork < Fork.CANCUN:
            raise CallFailed("BLOBS_REFUSED", "this chain takes no blob transactions")
        if tx.is_creation or any(given[:1] != BLOB_VERSION for given in tx.blob_hashes):
            raise CallFailed("BLOBS_REFUSED", "blobs need a recipient and hashes of version 1")
        fee = int(getattr(self.state, "blob_base_fee"))  # noqa: B009
        if tx.max_blob_fee < fee and (self._strict or tx.max_blob_fee):
            raise CallFailed(
                "BLOBS_REFUSED", f"max fee per blob gas less than block blob gas fee: {tx.max_blob_fee} < {fee}"
            )

    def _check_gas(self, tx: Transaction) -> None:
        least = least_gas(tx.data, tx.is_creation, tx.access_list, len(tx.authorizations), self.environment.fork)
        if tx.gas >= least:
            return
        if tx.gas == self._spending.gas:
            raise CallFailed("SIMULATION_LIMIT", f"the gas of the whole simulation is spent: {tx.gas} left")
        raise CallFailed(
            "INTRINSIC_GAS", f"err: intrinsic gas too low: have {tx.gas}, want {least} (supplied gas {tx.gas})"
        )

    def _free(self, tx: Transaction) -> bool:
        """Does nobody pay for this call? Then the base fee is shown to code and charged to nobody."""
        return not self._strict and not tx.max_fee and not tx.max_priority_fee

    def _payload(self, tx: Transaction) -> PricedPayload:
        request = CallRequest(
            tx.sender, tx.to, tx.value, tx.data, tx.gas, tx.access_list, tx.max_fee, tx.max_priority_fee,
            tx.authorizations, tx.max_blob_fee, tx.blob_hashes,
        )  # fmt: skip
        payload = PricedPayload(request, tx.sender, tx.nonce, tx.gas, self.environment.fork)
        base_fee = self.environment.base_fee
        payload.price = 0 if self._free(tx) else tx.max_fee if tx.type == LEGACY else tx.price(base_fee)
        payload.tip = 0 if self._free(tx) else payload.price - base_fee
        return payload

    def _record(self, tx: Transaction, created: bytes, computation: ComputationAPI, capped: bool) -> None:
        fork, done = self.environment.fork, self.done
        used = gas_used_by(tx.gas, computation, tx.data, fork)
        spent = tx.gas - int(computation.get_gas_remaining())
        most = max(spent, data_floor(tx.data)) if fork >= Fork.PRAGUE else spent
        entries = computation.get_raw_log_entries()
        logs = tuple((index, _log(address, topics, data)) for index, address, topics, data in entries)
        failure = _failure(computation, capped) if computation.is_error else None
        output = b"" if failure else bytes(computation.output)
        said = len(failure.data or b"") if failure else len(output)
        self._spending.spend(used, said + sum(len(log.data) for _, log in logs))
        done.gas_used += used
        done.transactions.append(tx)
        done.outcomes.append(Outcome(output, logs, used, most, failure))
        real = tuple(log for (_, log), (_, _, topics, _) in zip(logs, entries, strict=True) if not _shown(topics))
        receipt = Receipt(
            type=tx.type,
            status=int(computation.is_success),
            gas_used=used,
            cumulative_gas=done.gas_used,
            sender=tx.sender,
            contract=b"" if tx.to else created,
            logs=real,
        )
        done.receipts.append(receipt if fork >= Fork.BYZANTIUM else replace(receipt, root=self.close()))


def _log(address: bytes, topics: tuple[int, ...], data: bytes) -> Log:
    return Log(address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))


def _shown(topics: tuple[int, ...]) -> bool:
    return isinstance(topics, Transfer)


def _failure(computation: ComputationAPI, capped: bool) -> Failure:
    if isinstance(computation.error, Revert):
        said = bytes(computation.output)
        reason = revert_reason(said)
        return Failure("execution reverted" + (f": {reason}" if reason else ""), said)
    text = words(computation.error)
    return Failure(text + (" (gas limit was capped by the limit on a simulation)" if capped else ""))
