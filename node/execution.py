"""The seam to the machine that executes: what the rest of the node asks of it, in its own words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from node.blocks import ZERO_HASH
from node.forks import Fork
from node.overlay import Overlay
from node.overrides import NO_OVERRIDES, Overrides
from node.receipts import Receipt
from node.traces import Replay, TraceKind, TraceLimits
from node.transactions import AccessList, Authorization, Transaction


@dataclass(frozen=True, slots=True)
class Environment:
    """The block that code sees. `ancestors` yields block hashes from the parent backwards, read only when asked for.

    The fields from `fork` on default to our own chain; `native` closes the built-in contracts that are closed on it.
    Fees are wei.
    """

    chain_id: int
    number: int
    time: int
    proposer: bytes
    gas_limit: int
    mix_hash: bytes
    ancestors: Iterable[bytes]
    fork: Fork = Fork.PRAGUE
    base_fee: int = 0
    excess_blob_gas: int = 0
    difficulty: int = 0
    beacon_root: bytes = ZERO_HASH
    native: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """nonce, balance in wei, and the hash of its code."""

    nonce: int
    balance: int
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call without a signature. Without `sender` no balance is looked at.

    The fee caps (wei) are for code that asks for its price; they are charged to nobody. With none of them the base fee
    that code sees is zero.
    """

    sender: bytes | None
    to: bytes
    value: int
    data: bytes
    gas: int | None = None
    access_list: AccessList = ()
    max_fee: int = 0
    max_priority_fee: int = 0
    authorizations: tuple[Authorization, ...] = ()
    max_blob_fee: int = 0
    blob_hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessListFound:
    """What a call touches, the gas it uses when the list says so, and how it failed (empty: it did not)."""

    entries: AccessList
    gas_used: int
    failure: str


class StateView(Protocol):
    """Accounts at one moment."""

    def account(self, address: bytes) -> Account: ...

    def code(self, address: bytes) -> bytes: ...

    def storage(self, address: bytes, slot: int) -> int: ...

    def fingerprint(self, address: bytes) -> bytes:
        """Changes with the code and the storage of an account, as of the state's root."""
        ...

    def static_call(self, to: bytes, data: bytes, gas: int) -> tuple[bytes | None, bool]:
        """What `to` answers without changing anything, or None if it fails; and whether that follows from its code and
        storage alone, with nothing asked of the block, of gas or of other accounts."""
        ...


class BlockRun(StateView, Protocol):
    """A block being executed; the view is the state after what has been applied."""

    gas_used: int

    def apply(self, transaction: Transaction) -> Receipt:
        """Execute; a failing contract gives status 0. Raises TransactionRefused and then leaves no trace."""
        ...

    def undo(self) -> None:
        """Take the last applied transaction back."""
        ...

    def touched(self, address: bytes) -> bool:
        """Did code run in the name of `address` during the last transaction?"""
        ...

    def close(self) -> bytes:
        """Write the new state into the overlay and return its root."""
        ...


class Executor(Protocol):
    """A machine that follows the rules of the fork that an environment names."""

    def genesis_state(self, alloc: Mapping[bytes, int], nodes: Overlay) -> bytes:
        """Write the first balances into `nodes`; return the state root."""
        ...

    def view(self, environment: Environment, root: bytes, nodes: Overlay) -> StateView: ...

    def run(self, environment: Environment, root: bytes, nodes: Overlay) -> BlockRun: ...

    def call(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        request: CallRequest,
        overrides: Overrides = NO_OVERRIDES,
    ) -> bytes:
        """Raises CallFailed, CallReverted."""
        ...

    def estimate(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        request: CallRequest,
        overrides: Overrides = NO_OVERRIDES,
    ) -> int:
        """The least gas with which the call succeeds, within 1.5 %. Raises CallFailed, CallReverted."""
        ...

    def trace(
        self,
        environment: Environment,
        root: bytes,
        nodes: Overlay,
        replay: Replay,
        kind: TraceKind,
        limits: TraceLimits,
    ) -> list[Any]:
        """Watch transactions of a block again, `root` being the state before it: a result in JSON for each.

        Raises TraceLimit when an answer, a count or a time grows beyond its limit.
        """
        ...

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
        """Watch a call. Raises TraceLimit, and CallFailed when it cannot begin."""
        ...

    def access_list(
        self, environment: Environment, root: bytes, nodes: Overlay, request: CallRequest
    ) -> AccessListFound:
        """What a call touches (EIP-2930). Raises CallFailed when it cannot begin."""
        ...
