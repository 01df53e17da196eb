"""Execution on py-evm at the rules of Prague and, for other chains, of earlier forks: the only folder that imports it.

The base fee is zero because headers are ours and none is ever computed: py-evm's two places that derive a base fee
from the parent (header creation and header validation of its London rules) are not used.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any

from node.blocks import EMPTY_ROOT, ZERO_ADDRESS, Header
from node.chain_rules import ChainRules
from node.evm import access_lists, calls, tracing
from node.evm.block import Run
from node.evm.calls import revert_reason
from node.evm.overrides import prepared, seen
from node.evm.simulation import simulate
from node.evm.state import State
from node.execution import AccessListFound, CallRequest, Environment
from node.overlay import Overlay
from node.overrides import NO_OVERRIDES, Overrides
from node.simulations import SimulatedBlock, Simulation, SimulationLimits
from node.traces import Replay, TraceKind, TraceLimits

__all__ = ["PyEvm", "revert_reason"]


class PyEvm:
    """The `Executor` on py-evm."""

    def genesis_state(self, alloc: Mapping[bytes, int], nodes: Overlay) -> bytes:
        environment = Environment(0, 0, 0, ZERO_ADDRESS, 0, bytes(32), ())
        run = Run(environment, EMPTY_ROOT, nodes)
        for address, balance in alloc.items():
            run.state.set_balance(address, balance)
        return run.close()

    def view(self, environment: Environment, root: bytes, nodes: Overlay) -> State:
        return State(environment, root, nodes)

    def run(self, environment: Environment, root: bytes, nodes: Overlay) -> Run:
        return Run(environment, root, nodes)

    def call(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        request: CallRequest,
        overrides: Overrides = NO_OVERRIDES,
    ) -> bytes:
        return calls.call(*_pretended(environment, root, nodes, request, overrides))

    def estimate(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        request: CallRequest,
        overrides: Overrides = NO_OVERRIDES,
    ) -> int:
        return calls.estimate(*_pretended(environment, root, nodes, request, overrides))

    def simulate(
        self,
        rules: ChainRules,
        base: Header,
        ancestors: Iterable[bytes],
        nodes: Overlay,
        simulation: Simulation,
        limits: SimulationLimits,
    ) -> list[SimulatedBlock]:
        return simulate(rules, base, ancestors, nodes, simulation, limits, monotonic)

    def access_list(
        self, environment: Environment, root: bytes, nodes: Overlay, request: CallRequest
    ) -> AccessListFound:
        return access_lists.find(calls.visible(environment, request), root, nodes, request)

    def trace(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        replay: Replay,
        kind: TraceKind,
        limits: TraceLimits,
    ) -> list[Any]:
        return tracing.trace(environment, root, nodes, replay, kind, limits)

    def trace_call(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        request: CallRequest,
        kind: TraceKind,
        limits: TraceLimits,
        overrides: Overrides = NO_OVERRIDES,
    ) -> Any:
        return tracing.trace_call(*_pretended(environment, root, nodes, request, overrides), kind, limits)


def _pretended(
    environment: Environment, root: bytes, nodes: Overlay, request: CallRequest, overrides: Overrides
) -> tuple[State, CallRequest]:
    """The state of a call with its overrides, and the call. A pretended gas limit gives no more gas than the real."""
    around = calls.visible(seen(environment, overrides.block), request)
    limited = replace(request, gas=min(request.gas or environment.gas_limit, environment.gas_limit))
    return prepared(around, root, nodes, overrides), limited
