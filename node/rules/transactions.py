"""Checks of one transaction: first those that need nothing but the chain's constants, then those against its sender.

Fees: gas is free and the base fee is zero for ever. A wallet may offer a tip, which is then really paid to the
proposer, so the sender must hold value + gas limit x fee cap; an account that holds nothing sends with both fee
fields zero.
"""

from node.errors import Refused, TransactionRefused
from node.execution import Account
from node.precompiles import CLOSED
from node.transactions import MAX_NONCE, Transaction, least_gas

MAX_INITCODE_BYTES = 49_152
"""EIP-3860."""
EMPTY_CODE = bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
DELEGATION_PREFIX = bytes.fromhex("ef0100")
"""EIP-7702: code of an account that delegates; such an account may still send (EIP-3607 as amended)."""


def check_form(tx: Transaction, chain_id: int, gas_limit: int, native: bool = True) -> None:
    """Everything that no state changes; `native` is our own chain. Raises TransactionRefused."""
    if tx.chain_id != chain_id and (tx.protected or native):
        raise TransactionRefused(
            Refused.CHAIN_ID_WRONG, f"invalid chain id: have {tx.chain_id}, want {chain_id}", "set the wallet's network"
        )
    if native and tx.to in CLOSED:
        raise TransactionRefused(
            Refused.PRECOMPILE_CLOSED, f"the built-in contract 0x{tx.to.hex()} is closed on this chain"
        )
    if tx.is_creation and len(tx.data) > MAX_INITCODE_BYTES:
        raise TransactionRefused(
            Refused.INITCODE_TOO_LARGE, f"max initcode size exceeded: {len(tx.data)} > {MAX_INITCODE_BYTES}"
        )
    if tx.gas > gas_limit:
        raise TransactionRefused(
            Refused.GAS_OVER_BLOCK_LIMIT, f"exceeds block gas limit: have {tx.gas}, limit {gas_limit}", "lower the gas"
        )
    needed = least_gas(tx.data, tx.is_creation, tx.access_list, len(tx.authorizations))
    if tx.gas < needed:
        raise TransactionRefused(
            Refused.INTRINSIC_GAS, f"intrinsic gas too low: gas {tx.gas}, minimum needed {needed}", "raise the gas"
        )
    if tx.max_priority_fee > tx.max_fee:
        raise TransactionRefused(Refused.TIP_ABOVE_CAP, "max priority fee per gas higher than max fee per gas")
    if tx.nonce > MAX_NONCE:
        raise TransactionRefused(Refused.NONCE_TOO_HIGH, "nonce has max value")


def check_sender(tx: Transaction, account: Account, code: bytes) -> None:
    """The sender can pay and is no contract; its nonce is not below the account's. Raises TransactionRefused."""
    if tx.nonce < account.nonce:
        raise TransactionRefused(
            Refused.NONCE_TOO_LOW, f"nonce too low: next nonce {account.nonce}, tx nonce {tx.nonce}"
        )
    if code and not code.startswith(DELEGATION_PREFIX):
        raise TransactionRefused(Refused.SENDER_HAS_CODE, "sender not an eoa: its address has code")
    if account.balance < tx.upfront_cost:
        raise TransactionRefused(
            Refused.INSUFFICIENT_FUNDS,
            f"insufficient funds for gas * price + value: have {account.balance}, want {tx.upfront_cost}",
            "gas is free here: send with maxFeePerGas and maxPriorityFeePerGas 0"
            if account.balance >= tx.value
            else "lower the value",
        )


def check_next(tx: Transaction, account: Account) -> None:
    """The nonce is exactly the next one, as a block demands. Raises TransactionRefused."""
    if tx.nonce > account.nonce:
        raise TransactionRefused(
            Refused.NONCE_TOO_HIGH, f"nonce too high: next nonce {account.nonce}, tx nonce {tx.nonce}"
        )
