"""Backends for eth-tester on this node's engine, so that anybody can test contracts on what will run them.

ETHEREUM_TESTER_CHAIN_BACKEND=node.development.eth_tester.TideprintBackend    gas costs, as eth-tester's users expect
ETHEREUM_TESTER_CHAIN_BACKEND=node.development.eth_tester.FreeGasBackend      gas is free, as on Tideprint's own chain

Development only: the accounts' keys are the numbers from 1 on, and there are no permissions.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from coincurve import PublicKey
from eth.exceptions import UnrecognizedTransactionType
from eth_hash.auto import keccak
from eth_tester.backends.base import BaseChainBackend
from eth_tester.exceptions import BlockNotFound, TransactionFailed, TransactionNotFound, ValidationError
from rlp.exceptions import RLPException

from node.blocks import ZERO_ADDRESS, Header
from node.chain_rules import ChainRules
from node.development import shapes, wire
from node.development.chain import Birth, MemoryChain
from node.errors import CallFailed, CallReverted, Refused, TransactionRefused
from node.evm import PyEvm
from node.execution import CallRequest, StateView
from node.proposals import Block
from node.transactions import Authorization

CHAIN_ID = 131277322940537
"""eth-tester's, which its users have wired in."""
GAS_LIMIT = 30_029_122
GWEI, ETHER = 10**9, 10**18
ACCOUNTS = 10
BALANCE = 1_000_000 * ETHER
MOST_HISTORY = 1_024
FINISHED = ("latest", "safe", "finalized")
FEES = ("max_fee_per_gas", "max_priority_fee_per_gas")


class TideprintBackend(BaseChainBackend):
    """A chain at the rules of Prague with a fee market; all built-in contracts are open."""

    base_fee = GWEI
    default_fee = GWEI
    native = False

    def __init__(
        self, keys: Iterable[bytes] | None = None, balance: int = BALANCE, genesis_time: int | None = None
    ) -> None:
        """`keys` are private, 32 bytes each; every account holds `balance` wei at `genesis_time` (default: now)."""
        self._first_keys = tuple(keys) if keys is not None else tuple(default_keys())
        self._balance, self._genesis_time = balance, genesis_time
        self.reset_to_genesis()

    def reset_to_genesis(self) -> None:
        self._keys = {address_of(key): key for key in self._first_keys}
        moment = int(time.time()) if self._genesis_time is None else self._genesis_time
        birth = Birth(dict.fromkeys(self._keys, self._balance), moment, GAS_LIMIT, self.base_fee)
        self.chain = MemoryChain(ChainRules(CHAIN_ID, native=self.native), birth, PyEvm())

    def take_snapshot(self) -> tuple[Block, ...]:
        return self.chain.snapshot()

    def revert_to_snapshot(self, snapshot: tuple[Block, ...]) -> None:
        self.chain.revert(snapshot)

    def time_travel(self, to_timestamp: int) -> int:
        """Mine a block so that the pending one stands at `to_timestamp`."""
        self.chain.mine(to_timestamp - 1)
        return to_timestamp

    def mine_blocks(self, num_blocks: int = 1, coinbase: bytes = ZERO_ADDRESS) -> tuple[bytes, ...]:
        return tuple(self.chain.mine(proposer=coinbase).header.hash for _ in range(num_blocks))

    def get_accounts(self) -> tuple[bytes, ...]:
        return tuple(self._keys)

    def add_account(self, private_key: bytes) -> None:
        self._keys[address_of(private_key)] = private_key

    def get_block_by_number(self, block_number: int | str, full_transaction: bool = True) -> shapes.Shape:
        block = self._block(block_number)
        return shapes.block(block, full_transaction, self._is_pending(block))

    def get_block_by_hash(self, block_hash: bytes, full_transaction: bool = True) -> shapes.Shape:
        block = self.chain.block_of(block_hash)
        if block is None:
            raise BlockNotFound(f"No block found for block hash: 0x{block_hash.hex()}")
        return shapes.block(block, full_transaction, pending=False)

    def get_transaction_by_hash(self, transaction_hash: bytes) -> shapes.Shape:
        block, index = self._place(transaction_hash)
        return shapes.transaction(block, index, self._is_pending(block))

    def get_transaction_receipt(self, transaction_hash: bytes) -> shapes.Shape:
        block, index = self._place(transaction_hash)
        return shapes.receipt(block, index, self._is_pending(block))

    def get_fee_history(
        self, block_count: int = 1, newest_block: int | str = "latest", reward_percentiles: Iterable[float] = ()
    ) -> shapes.Shape:
        """Base fees and fullness of the blocks before the newest one, rising; no rewards (as eth-tester has it)."""
        if not 1 <= block_count <= MOST_HISTORY:
            raise ValidationError(f"block_count must be between 1 and {MOST_HISTORY}")
        newest = self._block("latest" if newest_block == "pending" else newest_block).header.number
        numbers = range(newest - 1, max(-1, newest - 1 - block_count), -1)
        headers = [self._block(number).header for number in numbers]
        return {
            "oldest_block": 1,
            "base_fee_per_gas": [header.base_fee for header in headers],
            "gas_used_ratio": [header.gas_used / header.gas_limit for header in headers],
            "reward": [],
        }

    def get_nonce(self, account: bytes, block_number: int | str = "latest") -> int:
        return self._state(block_number).account(account).nonce

    def get_balance(self, account: bytes, block_number: int | str = "latest") -> int:
        return self._state(block_number).account(account).balance

    def get_code(self, account: bytes, block_number: int | str = "latest") -> bytes:
        return self._state(block_number).code(account)

    def get_storage(self, account: bytes, slot: int, block_number: int | str = "latest") -> int:
        return self._state(block_number).storage(account, slot)

    def get_base_fee(self, block_number: int | str = "latest") -> int:
        return self._block(block_number).header.base_fee or 0

    def send_raw_transaction(self, raw_transaction: bytes) -> bytes:
        try:
            return self.chain.send(raw_transaction).hash
        except TransactionRefused as refusal:
            _raise_as_expected(refusal)

    def send_signed_transaction(self, transaction: Mapping[str, Any], block_number: int | str = "latest") -> bytes:
        filled = self._filled(transaction, block_number)
        return self.send_raw_transaction(wire.join(filled, transaction["v"], transaction["r"], transaction["s"]))

    def send_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        key = self._keys.get(transaction["from"])
        if key is None:
            raise ValidationError('No valid "from" key was provided in the transaction.')
        return self.send_raw_transaction(wire.sign(self._filled(transaction, "latest"), key, self.native))

    def estimate_gas(self, transaction: Mapping[str, Any], block_number: int | str = "latest") -> int:
        try:
            return self.chain.estimate(self._block(block_number).header, _request(transaction))
        except CallFailed as failure:
            raise TransactionFailed(_reason(failure)) from failure

    def call(self, transaction: Mapping[str, Any], block_number: int | str = "latest") -> bytes:
        try:
            return self.chain.call(self._block(block_number).header, _request(transaction))
        except CallFailed as failure:
            raise TransactionFailed(_reason(failure)) from failure

    def _block(self, number: int | str) -> Block:
        if number == "pending":
            return self.chain.pending
        height = self.chain.head.number if number in FINISHED else 0 if number == "earliest" else number
        block = self.chain.block(height) if isinstance(height, int) else None
        if block is None:
            raise BlockNotFound(f"No block found for block number: {number}")
        return block

    def _state(self, number: int | str) -> StateView:
        header: Header = self._block(number).header
        return self.chain.state(header)

    def _place(self, transaction_hash: bytes) -> tuple[Block, int]:
        place = self.chain.place(transaction_hash)
        if place is None:
            raise TransactionNotFound(f"No transaction found for transaction hash: 0x{transaction_hash.hex()}")
        return place

    def _is_pending(self, block: Block) -> bool:
        return block.header.number > self.chain.head.number

    def _filled(self, given: Mapping[str, Any], block_number: int | str) -> dict[str, Any]:
        """All fields of the wire form; who names no fee gets a type 2 at the default one."""
        fields = {"data": b"", "value": 0, "to": b"", "chain_id": CHAIN_ID, **given}
        if "nonce" not in fields:
            fields["nonce"] = self.get_nonce(fields["from"], block_number)
        if "gas_price" not in fields:
            if "max_fee_per_gas" not in fields:
                tip = fields.setdefault("max_priority_fee_per_gas", self.default_fee)
                offered = any(name in given for name in FEES)
                fields["max_fee_per_gas"] = tip + 2 * self.get_base_fee(block_number) if offered else self.default_fee
            fields.setdefault("max_priority_fee_per_gas", min(self.default_fee, fields["max_fee_per_gas"]))
            fields.setdefault("access_list", ())
        return fields


class FreeGasBackend(TideprintBackend):
    """The same with the rules of Tideprint's own chain but for permissions: base fee 0, slow built-in contracts closed,
    no transactions without replay protection."""

    base_fee = default_fee = 0
    native = True


def default_keys(count: int = ACCOUNTS) -> list[bytes]:
    """The private keys 1, 2, 3 ..."""
    return [number.to_bytes(32, "big") for number in range(1, count + 1)]


def address_of(private_key: bytes) -> bytes:
    """The 20-byte address of a private key."""
    return keccak(PublicKey.from_secret(private_key).format(compressed=False)[1:])[12:]


def _request(fields: Mapping[str, Any]) -> CallRequest:
    cap = fields.get("gas_price", fields.get("max_fee_per_gas", 0))
    return CallRequest(
        sender=fields["from"],
        to=fields.get("to", b""),
        value=fields.get("value", 0),
        data=fields.get("data", b""),
        gas=fields.get("gas"),
        access_list=fields.get("access_list", ()),
        max_fee=cap,
        max_priority_fee=fields.get("max_priority_fee_per_gas", cap),
        authorizations=tuple(
            Authorization(a["chain_id"], a["address"], a["nonce"], a["y_parity"], a["r"], a["s"])
            for a in fields.get("authorization_list", ())
        ),
    )


def _reason(failure: CallFailed) -> str:
    """The contract's text, or what it returned the way Python writes bytes: clients of eth-tester parse that."""
    if not isinstance(failure, CallReverted):
        return failure.message
    text = failure.reason and not failure.reason.startswith("panic code")
    return failure.reason if text else str(failure.data)


def _raise_as_expected(refusal: TransactionRefused) -> NoReturn:
    """In the exceptions that eth-tester's users catch."""
    if refusal.refused is Refused.TX_TYPE_UNSUPPORTED:
        raise UnrecognizedTransactionType(refusal.message) from refusal
    if isinstance(refusal.__cause__, RLPException):
        raise refusal.__cause__
    raise ValidationError(f"{refusal.code}: {refusal.message}") from refusal
