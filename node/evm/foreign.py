"""Importing a foreign chain: py-evm executes and checks every block, and gives up what it wrote.

Everything stays in memory until it is asked for, so this is for chains of test size.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import rlp
from eth.chains.base import MiningChain
from eth.consensus.noproof import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.exceptions import PyEVMError
from eth_hash.auto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from node.blocks import Header
from node.errors import ConfigError
from node.evm.forks import VMS
from node.forks import Fork
from node.proposals import Block
from node.receipts import Log, Receipt
from node.transactions import Transaction, created_address, decode


class FirstState(Protocol):
    """Block 0 as a foreign chain's file tells it."""

    @property
    def time(self) -> int: ...
    @property
    def gas_limit(self) -> int: ...
    @property
    def difficulty(self) -> int: ...
    @property
    def nonce(self) -> bytes: ...
    @property
    def proposer(self) -> bytes: ...
    @property
    def mix_hash(self) -> bytes: ...
    @property
    def extra_data(self) -> bytes: ...
    @property
    def base_fee(self) -> int | None: ...
    @property
    def alloc(self) -> Mapping[bytes, Any]: ...


class Importer:
    """One foreign chain; blocks must come in their order."""

    def __init__(self, chain_id: int, forks: Sequence[tuple[int, Fork]], first: FirstState) -> None:
        """`forks` are (first height, fork), rising, with block 0 in the first. Raises ConfigError."""
        self._memory = MemoryDB()
        self._given: set[bytes] = set()
        kind: Any = type(
            "ForeignChain",
            (MiningChain,),
            {"chain_id": chain_id, "vm_configuration": tuple((number, _without_proof(fork)) for number, fork in forks)},
        )
        try:
            self._chain: Any = kind.from_genesis(AtomicDB(self._memory), _first_header(first), _first_state(first))
        except (PyEVMError, ValidationError, TypeError) as error:
            raise _refused(f"block 0 cannot be made: {error}") from error

    def genesis(self) -> Block:
        """Block 0."""
        return Block(Header.decode(rlp.encode(self._chain.get_canonical_head())), (), ())

    def add(self, raw: bytes) -> Block:
        """Execute and check the next block. Raises ConfigError FOREIGN_CHAIN_INVALID."""
        try:
            number = self._chain.get_canonical_head().block_number + 1
            form = self._chain.get_vm_class_for_block_number(number).get_block_class()
            done = self._chain.import_block(rlp.decode(raw, form), perform_validation=True).imported_block
        except (PyEVMError, ValidationError, RLPException) as error:
            raise _refused(f"a block cannot be imported: {error}") from error
        transactions = tuple(decode(tx.encode(), foreign=True) for tx in done.transactions)
        receipts = tuple(_receipts(transactions, done.get_receipts(self._chain.chaindb)))
        return Block(Header.decode(rlp.encode(done.header)), transactions, receipts)

    def new_nodes(self) -> dict[bytes, bytes]:
        """What was written since the last call and lies under its own hash: state, code, lists of a block."""
        fresh = {key: value for key, value in self._memory.kv_store.items() if key not in self._given}
        self._given.update(fresh)
        return {key: value for key, value in fresh.items() if len(key) == 32 and keccak(value) == key}


def _without_proof(fork: Fork) -> Any:
    vm: Any = VMS[fork]
    extra = {"support_dao_fork": False, "_dao_fork_block_number": None} if fork is Fork.HOMESTEAD else {}
    return vm.configure(consensus_class=NoProofConsensus, **extra)


def _first_header(first: FirstState) -> dict[str, Any]:
    fields = {
        "difficulty": first.difficulty,
        "gas_limit": first.gas_limit,
        "timestamp": first.time,
        "extra_data": first.extra_data,
        "coinbase": first.proposer,
        "nonce": first.nonce,
        "mix_hash": first.mix_hash,
    }
    return fields if first.base_fee is None else fields | {"base_fee_per_gas": first.base_fee}


def _first_state(first: FirstState) -> dict[bytes, dict[str, Any]]:
    return {
        address: {
            "balance": account.balance,
            "nonce": account.nonce,
            "code": account.code,
            "storage": dict(account.storage),
        }
        for address, account in first.alloc.items()
    }


def _receipts(transactions: Iterable[Transaction], found: Iterable[Any]) -> Iterator[Receipt]:
    before = 0
    for tx, receipt in zip(transactions, found, strict=True):
        outcome = bytes(receipt.state_root)
        has_root = len(outcome) == 32
        yield Receipt(
            type=tx.type,
            status=1 if has_root else int.from_bytes(outcome, "big"),
            gas_used=receipt.gas_used - before,
            cumulative_gas=receipt.gas_used,
            sender=tx.sender,
            contract=b"" if tx.to else created_address(tx.sender, tx.nonce),
            logs=tuple(
                Log(log.address, tuple(topic.to_bytes(32, "big") for topic in log.topics), bytes(log.data))
                for log in receipt.logs
            ),
            root=outcome if has_root else b"",
        )
        before = receipt.gas_used


def _refused(message: str) -> ConfigError:
    return ConfigError(
        "FOREIGN_CHAIN_INVALID", message, "give the chain that belongs to the genesis, with forks up to Prague"
    )
