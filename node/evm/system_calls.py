"""The calls that a block itself makes, where a chain has the contracts for them: before its transactions the beacon
root (EIP-4788) and the parent's hash (EIP-2935), after them the requests (EIP-7002, 7251). Our own chain has none."""

from hashlib import sha256

from eth.vm.message import Message

from node.evm.state import State
from node.forks import Fork

SYSTEM = bytes.fromhex("fffffffffffffffffffffffffffffffffffffffe")
BEACON_ROOTS = bytes.fromhex("000f3df6d732807ef1319fb7b8bb8522d0beac02")
PARENT_HASHES = bytes.fromhex("0000f90827f1c53a10cb7a02335b175320002935")
QUEUES = (
    (b"\x01", bytes.fromhex("00000961ef480eb55e80d19ad83579a64c007002")),
    (b"\x02", bytes.fromhex("0000bbddc7ce488642fb579f8b00f3a590007251")),
)
"""Types of requests, and the contracts that queue them."""
GAS = 30_000_000


def before_transactions(view: State, parent_hash: bytes) -> None:
    """What a block tells its contracts first."""
    fork = view.environment.fork
    if fork >= Fork.CANCUN:
        _call(view, BEACON_ROOTS, view.environment.beacon_root)
    if fork >= Fork.PRAGUE:
        _call(view, PARENT_HASHES, parent_hash)


def after_transactions(view: State) -> bytes | None:
    """What the contracts request of the layer below, as the header's hash of it (EIP-7685); None before Prague.

    Deposits (EIP-6110) are left out: their contract is no part of a simulation.
    """
    if view.environment.fork < Fork.PRAGUE:
        return None
    digest = sha256()
    for kind, contract in QUEUES:
        requests = _call(view, contract, b"")
        if requests:
            digest.update(sha256(kind + requests).digest())
    return digest.digest()


def _call(view: State, to: bytes, data: bytes) -> bytes:
    state = view.state
    code = state.get_code(to)
    if not code:
        return b""
    state.lock_changes()
    message = Message(gas=GAS, to=to, sender=SYSTEM, value=0, data=data, code=code)
    context = state.get_transaction_context_class()(gas_price=0, origin=SYSTEM)
    computation = state.computation_class.apply_message(state, message, context)
    return b"" if computation.is_error else bytes(computation.output)
