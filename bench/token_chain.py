"""A chain with the real Council and health token on which a hundred holders may pay a shop, on any ledger."""

from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from node.addresses import checksummed
from node.transactions import created_address
from tests.node.support import account, call_data, compiled_product, raw, sign

FOUNDER, SHOP = account("bench founder"), account("bench shop")
COUNCIL, TOKEN = created_address(raw(FOUNDER), 0), created_address(raw(FOUNDER), 1)
SETUP_GAS = 5_000_000
TRANSFER_GAS = 80_000
MOST_GAS = 10**12
"""The largest allowance: holders who send thousands of transfers an hour are what is measured."""
SPORT = 1
HOLDING = 1_000_000
TRANSFER = call_data("transfer(address,uint256)", SHOP.address, 1)


@dataclass(frozen=True, slots=True)
class Signing:
    """How transactions are signed for a ledger: its chain id and fees, where they differ from ours."""

    fields: dict[str, Any] = field(default_factory=dict)

    def setup(self, holders: list[LocalAccount]) -> list[bytes]:
        """The founder's transactions, in order: Council, token, four decisions, tokens for the holders."""
        creations = [
            council_creation(),
            compiled_product("HealthToken") + encode(["address"], [checksummed(COUNCIL)]),
        ]
        mints = [call_data("mint(address,uint256)", holder.address, HOLDING) for holder in holders]
        calls: list[tuple[bytes | None, bytes]] = [
            *((None, data) for data in creations),
            *((COUNCIL, data) for data in _decisions()),
            *((TOKEN, data) for data in mints),
        ]
        return [
            sign(FOUNDER, nonce, to, data=data, gas=SETUP_GAS, **self.fields) for nonce, (to, data) in enumerate(calls)
        ]

    def transfers(self, holder: LocalAccount, nonce: int, count: int) -> list[bytes]:
        """Payments of one token each to the shop."""
        nonces = range(nonce, nonce + count)
        return [sign(holder, one, TOKEN, data=TRANSFER, gas=TRANSFER_GAS, **self.fields) for one in nonces]


def holders(count: int) -> list[LocalAccount]:
    """Accounts that hold tokens."""
    return [account(f"bench holder {number}") for number in range(count)]


def in_rows(queues: list[list[bytes]]) -> list[bytes]:
    """The first transaction of everyone, the second of everyone, and so on."""
    return [one for row in zip(*queues, strict=True) for one in row]


def council_creation() -> bytes:
    """Initcode of a Council with the founder as its only member."""
    arguments = [[FOUNDER.address], 1, 0, FOUNDER.address]
    return compiled_product("Council") + encode(["address[]", "uint256", "uint256", "address"], arguments)


def decisions(*payloads: bytes) -> list[bytes]:
    """Calls of the Council that decide each of these calls of itself: proposed and executed."""
    steps = ("propose(address,bytes,bytes32)", "execute(address,bytes,bytes32)")
    return [call_data(step, checksummed(COUNCIL), payload, keccak(payload)) for payload in payloads for step in steps]


def open_target(target: bytes) -> list[bytes]:
    """Calls of the Council that let anyone call a contract as often as they like."""
    opened = call_data("set_target(address,bool)", checksummed(target), True)
    return decisions(opened, call_data("set_allowance(uint256)", MOST_GAS))


def role(name: bytes, account: str) -> bytes:
    """The call that gives a role."""
    return call_data("set_role(bytes32,address,bool)", keccak(name), account, True)


def _decisions() -> list[bytes]:
    """Let the founder mint, the shop be paid, and anyone call the token."""
    paid = call_data("set_redeemer(address,uint256)", SHOP.address, SPORT)
    return [*decisions(role(b"MINTER", FOUNDER.address), paid), *open_target(TOKEN)]
