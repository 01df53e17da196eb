"""The access list of a call (EIP-2930): what its code touches, found by running it until the list changes no more.

Code asks whether an address or slot is warm before it uses it, and nothing else asks: that is what is written down.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from eth.abc import ComputationAPI
from eth.exceptions import Revert
from eth.vm.state import BaseState

from node.blocks import ZERO_ADDRESS
from node.errors import CallFailed
from node.evm.calls import execute
from node.evm.forks import state_class
from node.evm.machine import gas_used_by
from node.evm.state import State
from node.execution import AccessListFound, CallRequest, Environment
from node.forks import Fork
from node.overlay import Overlay
from node.transactions import AccessList

MOST_ROUNDS = 16


@dataclass(slots=True)
class _Touched:
    addresses: set[bytes]
    slots: set[tuple[bytes, int]]


class _WatchfulState:
    """Mixed into a state class: remembers what code asks about."""

    touched: _Touched | None = None

    def is_address_warm(self, address: bytes) -> bool:
        if self.touched is not None:
            self.touched.addresses.add(address)
        return bool(super().is_address_warm(address))  # type: ignore[misc]

    def is_storage_warm(self, address: bytes, slot: int) -> bool:
        if self.touched is not None:
            self.touched.slots.add((address, slot))
        return bool(super().is_storage_warm(address, slot))  # type: ignore[misc]


@cache
def _watchful(fork: Fork, native: bool) -> type[BaseState]:
    usual: Any = state_class(fork, native)
    return type(f"Watchful{usual.__name__}", (_WatchfulState, usual), {})


def find(environment: Environment, root: bytes, nodes: Overlay, request: CallRequest) -> AccessListFound:
    """The list, and the gas the call uses with it. Raises CallFailed."""
    view = State(environment, root, nodes, _watchful(environment.fork, environment.native))
    gas = min(request.gas or environment.gas_limit, environment.gas_limit)
    for _ in range(MOST_ROUNDS):
        found, computation = _round(view, request, gas)
        if found == request.access_list:
            used = gas_used_by(gas, computation, request.data, environment.fork)
            return AccessListFound(found, used, _failure(computation))
        request = replace(request, access_list=found)
    raise CallFailed("ACCESS_LIST_UNSTABLE", "the call touches something else every time it runs", "fix its inputs")


def _round(view: State, request: CallRequest, gas: int) -> tuple[AccessList, ComputationAPI]:
    touched = _Touched({address for address, _ in request.access_list}, set())
    touched.slots.update((address, slot) for address, slots in request.access_list for slot in slots)
    machine: Any = view.state
    machine.touched = touched
    computation = execute(view, request, gas)
    free = {request.sender or ZERO_ADDRESS, computation.msg.storage_address, view.environment.proposer}
    free |= set(machine.computation_class.get_precompiles())
    with_slots = {address for address, _ in touched.slots}
    named = sorted((touched.addresses - free) | with_slots)
    return tuple(
        (address, tuple(sorted(slot for owner, slot in touched.slots if owner == address))) for address in named
    ), computation


def _failure(computation: ComputationAPI) -> str:
    if not computation.is_error:
        return ""
    return "execution reverted" if isinstance(computation.error, Revert) else str(computation.error)
