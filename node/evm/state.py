"""Accounts at one moment: a py-evm state in the words of `node.execution`."""

from eth.vm.execution_context import ExecutionContext
from eth.vm.message import Message
from eth.vm.state import BaseState

from node.blocks import ZERO_ADDRESS
from node.evm.forks import state_class
from node.evm.machine import Database
from node.execution import Account, Environment
from node.overlay import Overlay


class State:
    """A py-evm state in our words."""

    def __init__(
        self, environment: Environment, root: bytes, nodes: Overlay, kind: type[BaseState] | None = None
    ) -> None:
        """`kind` is a py-evm state class in place of the one that the fork has."""
        self.environment = environment
        context = ExecutionContext(
            coinbase=environment.proposer,
            timestamp=environment.time,
            block_number=environment.number,
            difficulty=environment.difficulty,
            mix_hash=environment.mix_hash,
            gas_limit=environment.gas_limit,
            prev_hashes=environment.ancestors,
            chain_id=environment.chain_id,
            base_fee_per_gas=environment.base_fee,
            excess_blob_gas=environment.excess_blob_gas,
        )
        machine = kind or state_class(environment.fork, environment.native)
        self.state = machine(Database(nodes), context, root)

    def account(self, address: bytes) -> Account:
        state = self.state
        return Account(state.get_nonce(address), state.get_balance(address), state.get_code_hash(address))

    def code(self, address: bytes) -> bytes:
        return bytes(self.state.get_code(address))

    def storage(self, address: bytes, slot: int) -> int:
        return int(self.state.get_storage(address, slot))

    def fingerprint(self, address: bytes) -> bytes:
        return bytes(self.state._account_db.fingerprint(address))

    def static_call(self, to: bytes, data: bytes, gas: int) -> tuple[bytes | None, bool]:
        """Each begins with nothing warm, so that an answer does not depend on what was asked before."""
        state = self.state
        state.lock_changes()
        state.wider = False
        message = Message(
            gas=gas, to=to, sender=ZERO_ADDRESS, value=0, data=data, code=state.get_code(to), is_static=True
        )
        context = state.get_transaction_context_class()(gas_price=0, origin=ZERO_ADDRESS)
        snapshot = state.snapshot()
        computation = state.computation_class.apply_message(state, message, context)
        state.revert(snapshot)
        return None if computation.is_error else bytes(computation.output), not state.wider
