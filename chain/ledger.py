"""A client of one node: sends the writes of the closed list, waits for them, and reads what the contracts say."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import requests
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract as Web3Contract
from web3.exceptions import BadFunctionCallOutput, ContractLogicError, TransactionNotFound, Web3RPCError
from web3.types import FilterParams, LogReceipt, TxParams, TxReceipt

from chain import writes
from chain.deployment import Deployment
from chain.errors import ChainError, WriteReverted, refusal_of
from protocol.agreements import AgreementState
from protocol.errors import Refusal, TideprintError
from protocol.quantities import Address, Reference
from protocol.references import Kind
from protocol.typed_data import CONSENT_DOMAIN, Domain
from protocol.vouchers import Series

POLL_SECONDS = 0.1
WAIT_SECONDS = 60.0
REQUEST_SECONDS = 20
LOG_BLOCKS = 10_000
"""The most blocks whose events are asked for at once."""
_TRANSFER = Web3.keccak(text="Transfer(address,address,uint256)")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Pending:
    """A write on its way."""

    hash: bytes
    write: writes.Write


class Ledger:
    """One chain as seen through one node. `url` is the node's JSON-RPC address."""

    def __init__(self, url: str, deployment: Deployment, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": REQUEST_SECONDS}))
        self.deployment = deployment
        self._pause = pause
        self._contracts: dict[str, Web3Contract] = {
            name: self.web3.eth.contract(address=Web3.to_checksum_address(found.address), abi=found.abi)
            for name, found in deployment.contracts.items()
        }
        self._balances: Counter[Address] = Counter()
        self._read_blocks = 0
        served = _reach(lambda: self.web3.eth.chain_id)
        if served != deployment.chain_id:
            raise ChainError(
                "CHAIN_MISMATCH", f"the node serves chain {served}, not {deployment.chain_id}", "check the node's URL"
            )

    # writing

    def submit(self, write: writes.Write, account: LocalAccount) -> Pending:
        """Sign and send without waiting. Raises a `Refusal` or `WriteReverted` if the contract would say no."""
        writes.check(write)
        function = self._contracts[write.CONTRACT].functions[write.FUNCTION](*self._arguments(write))
        draft: TxParams = {"from": account.address, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0}  # type: ignore[typeddict-item]
        gas = _reach(lambda: int(function.estimate_gas({"from": account.address})))
        nonce = _reach(lambda: int(self.web3.eth.get_transaction_count(account.address, "pending")))
        draft |= {"nonce": nonce, "gas": gas, "chainId": self.deployment.chain_id}  # type: ignore[typeddict-item]
        signed = account.sign_transaction(dict(function.build_transaction(draft)))  # type: ignore[arg-type]
        sent = _reach(lambda: self.web3.eth.send_raw_transaction(signed.raw_transaction))
        return Pending(bytes(sent), write)

    def wait(self, pending: Pending) -> TxReceipt:
        """Wait until the write is in a block. Raises `WRITE_TIMEOUT` or, if it failed there, the contract's refusal."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            receipt = _reach(lambda: self._receipt(pending.hash))
            if receipt is not None:
                if receipt["status"] != 1:
                    raise self._failure_of(pending.hash)
                return receipt
            self._pause(POLL_SECONDS)
        raise ChainError("WRITE_TIMEOUT", f"not in a block after {WAIT_SECONDS:.0f} s", "is the node sealing?")

    def write(self, write: writes.Write, account: LocalAccount) -> TxReceipt:
        """Send and wait."""
        return self.wait(self.submit(write, account))

    def write_all(self, items: Sequence[tuple[writes.Write, LocalAccount]]) -> list[TxReceipt]:
        """Send all, then wait for all: as many as fit share a block."""
        return [self.wait(pending) for pending in [self.submit(write, account) for write, account in items]]

    def decide(self, decision: writes.Decision, members: Sequence[LocalAccount], salt: bytes) -> TxReceipt:
        """Carry a decision through the council: the first member proposes, the others approve, the first executes.

        Works where the council's delay is zero; otherwise `execute` reverts with `council: not ready`."""
        writes.check(decision)
        word = writes.Word(salt)
        self.write(writes.Propose(decision, word), members[0])
        proposal = writes.Word(self._call("Council", "id_of", *self._encoded(decision), word))
        self.write_all([(writes.Approve(proposal), member) for member in members[1:]])
        return self.write(writes.Execute(decision, word), members[0])

    def _arguments(self, write: writes.Write) -> list[Any]:
        """The arguments as the contract takes them; a decision becomes its target and encoded call."""
        if isinstance(write, writes.Propose | writes.Execute):
            return [*self._encoded(write.decision), write.salt]
        return write.arguments()

    def _encoded(self, decision: writes.Decision) -> tuple[Address, bytes]:
        call = self._contracts[decision.CONTRACT].encode_abi(decision.FUNCTION, decision.arguments())
        return self.deployment.address_of(decision.CONTRACT), bytes.fromhex(call[2:])

    # reading

    @property
    def domain(self) -> Domain:
        """What wallets sign consents and contracts under."""
        return Domain(CONSENT_DOMAIN, self.deployment.chain_id, self.deployment.address_of("ConsentRegistry"))

    def state_of(self, agreement: bytes) -> AgreementState:
        """The state of a consent or contract now."""
        return AgreementState(self._call("ConsentRegistry", "state_of", agreement))

    def anchor_of(self, kind: Kind, root: bytes) -> int:
        """The number of the anchor that holds this root under this kind; 0 if none."""
        return int(self._call("ReferenceRegistry", "anchor_of_kind", int(kind), root))

    def anchors(self) -> list[tuple[Any, ...]]:
        """Every anchor in order: (kind, epoch, count, time, root, rules)."""
        count = int(self._call("ReferenceRegistry", "count"))
        return [tuple(self._call("ReferenceRegistry", "anchors", number)) for number in range(1, count + 1)]

    def verify(self, anchor: int, reference: Reference, proof: Sequence[bytes]) -> bool:
        """Does the chain agree that an anchor holds a reference value?"""
        return bool(self._call("ReferenceRegistry", "verify", anchor, reference, list(proof)))

    def rules(self) -> bytes:
        """The hash of the rule set in force."""
        return bytes(self._call("Council", "rules"))

    def balance_of(self, account: Address) -> int:
        """Health tokens of an account."""
        return int(self._call("HealthToken", "balanceOf", account))

    def balances(self) -> dict[Address, int]:
        """Health tokens of everybody who holds some, from the token's Transfer events.

        The node does not learn whose balance is wanted. Blocks read once are not read again."""
        height = self.height()
        while self._read_blocks <= height:
            last = min(self._read_blocks + LOG_BLOCKS - 1, height)
            for entry in self._transfers(self._read_blocks, last):
                sender, receiver = (Address(Web3.to_checksum_address(topic[12:])) for topic in entry["topics"][1:])
                amount = int.from_bytes(entry["data"], "big")
                self._balances[sender] -= amount
                self._balances[receiver] += amount
            self._read_blocks = last + 1
        return {holder: tokens for holder, tokens in self._balances.items() if tokens > 0 and int(holder, 16)}

    def total_supply(self) -> int:
        """Health tokens in existence."""
        return int(self._call("HealthToken", "totalSupply"))

    def series(self, number: int) -> Series:
        """A voucher series as the chain has it. Raises `SERIES_UNKNOWN`."""
        modulus = bytes(self._call("VoucherMint", "modulus_of", number))
        if not modulus:
            raise ChainError(
                "SERIES_UNKNOWN", f"series {number} was never opened", "the council opens a series a month"
            )
        denomination = int(self._call("VoucherMint", "series_of", number)[1])
        contract = self.deployment.address_of("VoucherMint")
        return Series(number, modulus, self.deployment.chain_id, contract, denomination)

    def redeemed(self, number: int) -> int:
        """Vouchers of a series that were redeemed."""
        return int(self._call("VoucherMint", "series_of", number)[2])

    def is_spent(self, series: int, serial: bytes) -> bool:
        """Was a voucher redeemed?"""
        return bool(self._call("VoucherMint", "is_spent", series, serial))

    def is_used(self, signer: Address) -> bool:
        """Did this one-time address sign an agreement on the chain?"""
        return bool(self._call("ConsentRegistry", "is_used", signer))

    def height(self) -> int:
        """The number of the newest block."""
        return _reach(lambda: int(self.web3.eth.block_number))

    def time(self) -> int:
        """UTC seconds of the newest block."""
        return _reach(lambda: int(self.web3.eth.get_block("latest")["timestamp"]))

    def _transfers(self, first: int, last: int) -> list[LogReceipt]:
        """Events of the token in these blocks; in halves if the node finds them too many."""
        token = Web3.to_checksum_address(self.deployment.address_of("HealthToken"))
        wanted: FilterParams = {"address": token, "topics": [_TRANSFER], "fromBlock": first, "toBlock": last}
        try:
            return _reach(lambda: self.web3.eth.get_logs(wanted))
        except ChainError as error:
            if error.code != "NODE_REFUSED" or first == last:
                raise
            middle = (first + last) // 2
            return self._transfers(first, middle) + self._transfers(middle + 1, last)

    def _call(self, contract: str, function: str, *arguments: Any) -> Any:
        return _reach(lambda: self._contracts[contract].functions[function](*arguments).call())

    def _receipt(self, sent: bytes) -> TxReceipt | None:
        try:
            return self.web3.eth.get_transaction_receipt(sent)  # type: ignore[arg-type]
        except TransactionNotFound:
            return None

    def _failure_of(self, sent: bytes) -> TideprintError:
        """Run a failed transaction again on the block it was in, or before it, to hear the contract's words."""
        failed = _reach(lambda: self.web3.eth.get_transaction(sent))  # type: ignore[arg-type]
        again: TxParams = {"from": failed["from"], "to": failed["to"], "data": failed["input"], "gas": failed["gas"]}
        for block in (failed["blockNumber"] - 1, failed["blockNumber"]):
            try:
                _reach(lambda at=block: self.web3.eth.call(again, at))  # type: ignore[misc]
            except (Refusal, WriteReverted) as refusal:
                return refusal
        return WriteReverted("failed in its block, passes now")


def _reach(call: Callable[[], Answer]) -> Answer:
    """Ask the node; a contract's no becomes its refusal, a lost node `NODE_UNREACHABLE`."""
    try:
        return call()
    except ContractLogicError as error:
        raise refusal_of(_reason_in(error)) from None
    except Web3RPCError as error:
        raise ChainError("NODE_REFUSED", _message_in(error), "nothing was written") from None
    except BadFunctionCallOutput:
        raise ChainError("DEPLOYMENT_INVALID", "a contract is not where the file says", "deploy again") from None
    except requests.RequestException:
        raise ChainError("NODE_UNREACHABLE", "the node does not answer", "start it, or check its URL") from None


def _reason_in(error: ContractLogicError) -> str:
    return str(error.message or "").removeprefix("execution reverted").removeprefix(": ") or "no reason given"


def _message_in(error: Web3RPCError) -> str:
    response = error.rpc_response or {}
    return str(response.get("error", {}).get("message", error.message))
