"""What a caller may pretend before a call runs: other accounts, and another block around it. Nothing of it is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from node.blocks import Withdrawal


@dataclass(frozen=True, slots=True)
class AccountOverride:
    """One account as it shall be; None leaves a part as it is. Balance in wei, storage by slot.

    `state` replaces the whole storage, `state_diff` single slots; only one of them may be given. `precompile_to` moves
    the built-in contract at this account to another address.
    """

    nonce: int | None = None
    balance: int | None = None
    code: bytes | None = None
    state: Mapping[int, int] | None = None
    state_diff: Mapping[int, int] | None = None
    precompile_to: bytes | None = None


@dataclass(frozen=True, slots=True)
class BlockOverride:
    """A block as it shall be; None leaves a part as it is. Times are UTC seconds, fees wei.

    `beacon_root` and `withdrawals` are for simulated blocks only: a call has no block that could carry them.
    """

    number: int | None = None
    time: int | None = None
    gas_limit: int | None = None
    fee_recipient: bytes | None = None
    prev_randao: bytes | None = None
    difficulty: int | None = None
    base_fee: int | None = None
    blob_base_fee: int | None = None
    beacon_root: bytes | None = None
    withdrawals: tuple[Withdrawal, ...] | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """Accounts by address, and the block."""

    accounts: Mapping[bytes, AccountOverride] = field(default_factory=dict)
    block: BlockOverride = field(default_factory=BlockOverride)


NO_OVERRIDES = Overrides()
