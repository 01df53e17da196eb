"""Decisions of the board, many at once: all proposals, then all approvals, then all executions."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import decode, encode
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from scripts._artifacts import call_data
from scripts._chain import Chain

PROPOSE_GAS = 400_000
APPROVE_GAS = 200_000
EXECUTE_GAS = 3_000_000


@dataclass(frozen=True, slots=True)
class Decision:
    """A call the board decides on. The salt tells equal calls apart."""

    target: str
    payload: bytes
    gas: int = EXECUTE_GAS
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the Council knows of a decision. `ready` 0: below the threshold."""

    id: bytes
    known: bool
    approvals: int
    """A bit per seat."""
    ready: int
    done: bool


class Board:
    """The Council on a chain."""

    def __init__(self, chain: Chain, address: str, abi: list[dict[str, Any]]) -> None:
        self.chain, self.address, self._abi = chain, address, abi

    def propose(self, member: LocalAccount, decisions: Sequence[Decision]) -> None:
        """Put decisions before the board; who proposes approves."""
        data = [call_data(self._abi, "propose", d.target, d.payload, d.salt) for d in decisions]
        self._send([member], data, [PROPOSE_GAS] * len(data))

    def approve(self, members: Sequence[LocalAccount], decisions: Sequence[Decision]) -> None:
        """Each member approves every decision."""
        epoch = self.number("board_epoch")
        data = [call_data(self._abi, "approve", proposal_id(epoch, decision)) for decision in decisions]
        self._send(members, data, [APPROVE_GAS] * len(data))

    def execute(self, sender: LocalAccount, decisions: Sequence[Decision]) -> None:
        """Carry the decisions out in their order."""
        data = [call_data(self._abi, "execute", d.target, d.payload, d.salt) for d in decisions]
        self._send([sender], data, [decision.gas for decision in decisions])

    def state(self, decision: Decision) -> Proposal:
        """Where a decision stands."""
        id = proposal_id(self.number("board_epoch"), decision)
        answer = self.chain.call(self.address, call_data(self._abi, "proposals", id))
        epoch, approvals, ready, done = decode(["uint256", "uint256", "uint256", "bool"], answer)
        return Proposal(id, epoch != 0, approvals, ready, done)

    def number(self, view: str, *arguments: Any) -> int:
        """The answer of a view that returns one number."""
        return int.from_bytes(self.chain.call(self.address, call_data(self._abi, view, *arguments)), "big")

    def _send(self, senders: Sequence[LocalAccount], data: Sequence[bytes], gas: Sequence[int]) -> None:
        sent = [
            self.chain.send(sender, self.address, item, limit)
            for sender in senders
            for item, limit in zip(data, gas, strict=True)
        ]
        self.chain.receipts(sent)


def proposal_id(epoch: int, decision: Decision) -> bytes:
    """The id the Council gives a decision."""
    types = ["uint256", "address", "bytes32", "bytes32"]
    return keccak(encode(types, [epoch, decision.target, keccak(decision.payload), decision.salt]))
