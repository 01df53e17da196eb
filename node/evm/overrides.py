"""Overrides on a py-evm state: accounts as a caller pretends them, built-in contracts elsewhere, another block around.

The state classes made here differ from the usual ones only in what they look up on the state itself, so that one class
per fork serves all callers, and tracing can watch it like any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

from eth.vm.state import BaseState

from node.addresses import checksummed
from node.errors import CallFailed
from node.evm.forks import state_class
from node.evm.state import State
from node.execution import Environment
from node.forks import Fork
from node.overlay import Overlay
from node.overrides import NO_OVERRIDES, AccountOverride, BlockOverride, Overrides

Precompiles = dict[bytes, Callable[[Any], Any]]


class OverridableComputation:
    """Mixed into a computation class: its state may say which built-in contracts there are."""

    @property
    def precompiles(self) -> Precompiles:
        moved: Precompiles | None = self.state.precompile_table  # type: ignore[attr-defined]
        usual: Precompiles = super().precompiles  # type: ignore[misc]
        return usual if moved is None else moved


class OverridableState:
    """Mixed into a state class."""

    computation_class: ClassVar[Any]
    precompile_table: Precompiles | None = None
    fixed_blob_fee: int | None = None

    @property
    def blob_base_fee(self) -> int:
        """Wei for a unit of blob gas."""
        if self.fixed_blob_fee is not None:
            return self.fixed_blob_fee
        return int(super().blob_base_fee)  # type: ignore[misc]


@cache
def overridable_state(fork: Fork, native: bool) -> type[BaseState]:
    """The state class that does what the usual one of a fork does, and heeds overrides."""
    usual: Any = state_class(fork, native)
    inner = usual.computation_class
    computation = type(f"Overridable{inner.__name__}", (OverridableComputation, inner), {})
    return type(f"Overridable{usual.__name__}", (OverridableState, usual), {"computation_class": computation})


def prepared(environment: Environment, root: bytes, nodes: Overlay, overrides: Overrides = NO_OVERRIDES) -> State:
    """The state after a block with the overrides on it. Raises CallFailed OVERRIDE_INVALID.

    `environment` is the block to be seen, its own overrides applied already (`seen`).
    """
    if overrides == NO_OVERRIDES:
        return State(environment, root, nodes)
    view = State(environment, root, nodes, overridable_state(environment.fork, environment.native))
    apply(view.state, overrides.accounts, overrides.block.blob_base_fee)
    return view


def seen(environment: Environment, block: BlockOverride) -> Environment:
    """The block that the code of a call sees. Raises CallFailed OVERRIDE_INVALID."""
    if block == NO_OVERRIDES.block:
        return environment
    for name, value in (("beaconRoot", block.beacon_root), ("withdrawals", block.withdrawals)):
        if value is not None:
            raise _invalid(f'block override "{name}" is not supported for this RPC method')
    return replace(
        environment,
        number=_either(block.number, environment.number),
        time=_either(block.time, environment.time),
        gas_limit=_either(block.gas_limit, environment.gas_limit),
        proposer=_either(block.fee_recipient, environment.proposer),
        mix_hash=_either(block.prev_randao, environment.mix_hash),
        difficulty=_either(block.difficulty, environment.difficulty),
        base_fee=_either(block.base_fee, environment.base_fee),
        ancestors=_ancestors(environment, block.number),
    )


def apply(state: Any, accounts: Mapping[bytes, AccountOverride], blob_base_fee: int | None = None) -> None:
    """Change an overridable state, before anything executes on it. Raises CallFailed OVERRIDE_INVALID.

    In the order of the addresses, so that errors do not depend on how a caller wrote them down.
    """
    state.fixed_blob_fee = blob_base_fee
    table: Precompiles = dict(type(state).computation_class.get_precompiles())
    for address in sorted(accounts):
        account = accounts[address]
        if account.precompile_to is not None:
            _move(table, address, account.precompile_to, accounts)
        table.pop(address, None)
        _set_account(state, address, account)
    if table != type(state).computation_class.get_precompiles():
        state.precompile_table = table
    state.lock_changes()


def _move(table: Precompiles, address: bytes, to: bytes, accounts: Mapping[bytes, AccountOverride]) -> None:
    if address not in table:
        raise _invalid(f"account {checksummed(address)} is not a precompile")
    if to in accounts:
        raise _invalid(f"account {checksummed(to)} is already overridden")
    table[to] = table[address]


def _set_account(state: Any, address: bytes, account: AccountOverride) -> None:
    if account.state is not None and account.state_diff is not None:
        raise _invalid(f"account {checksummed(address)} has both 'state' and 'stateDiff'")
    if account.nonce is not None:
        state.set_nonce(address, account.nonce)
    if account.code:
        state.set_code(address, account.code)
    elif account.code is not None:
        state.delete_code(address)
    if account.balance is not None:
        state.set_balance(address, account.balance)
    if account.state is not None:
        state.delete_storage(address)
    for slot, value in (account.state or account.state_diff or {}).items():
        state.set_storage(address, slot, value)


def _ancestors(environment: Environment, number: int | None) -> Any:
    """Hashes for BLOCKHASH: a block elsewhere keeps its parent's place, so a height names the same block as before."""
    if number is None or number == environment.number:
        return environment.ancestors
    return _shifted(environment, number - environment.number)


def _shifted(environment: Environment, by: int) -> Any:
    """Heights between are nobody's: they have no hash. Below, as many of the nearest are left out."""
    if by > 256:
        return
    for _ in range(by):
        yield b""
    for at, found in enumerate(environment.ancestors):
        if at >= -by:
            yield found


def _either(given: Any, usual: Any) -> Any:
    return usual if given is None else given


def _invalid(message: str) -> CallFailed:
    return CallFailed("OVERRIDE_INVALID", message)
