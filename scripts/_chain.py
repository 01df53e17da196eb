"""Sending many transactions at once: nonces in order, no wait between them, then one wait for all receipts."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import click
from eth_account.signers.local import LocalAccount

Request = Callable[[str, list[Any]], Any]
PATIENCE = 60.0
"""Seconds without any new receipt after which waiting ends."""


class Chain:
    """A node by JSON-RPC. `request` calls a method and returns its result."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.chain_id = int(request("eth_chainId", []), 16)
        self._nonces: dict[str, int] = {}
        self._sent: dict[str, dict[str, str]] = {}

    def nonce(self, address: str) -> int:
        """How many transactions the account has sent, those of this run included."""
        if address not in self._nonces:
            self._nonces[address] = int(self._request("eth_getTransactionCount", [address, "pending"]), 16)
        return self._nonces[address]

    def call(self, target: str, data: bytes) -> bytes:
        """Ask a contract without sending anything."""
        return bytes.fromhex(self._request("eth_call", [{"to": target, "data": "0x" + data.hex()}, "latest"])[2:])

    def send(self, sender: LocalAccount, target: str | None, data: bytes, gas: int) -> str:
        """Sign and send one transaction without fees; `target` None creates a contract. Returns its hash."""
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": self.chain_id,
            "nonce": self.nonce(sender.address),
            "maxFeePerGas": 0,
            "maxPriorityFeePerGas": 0,
            "gas": gas,
            "value": 0,
            "data": "0x" + data.hex(),
        }
        if target is not None:
            fields["to"] = target
        raw = bytes(sender.sign_transaction(fields).raw_transaction)
        sent: str = self._request("eth_sendRawTransaction", ["0x" + raw.hex()])
        self._nonces[sender.address] += 1
        call = {"from": sender.address, "data": fields["data"]}
        self._sent[sent] = call | ({"to": target} if target is not None else {})
        return sent

    def receipts(self, hashes: Sequence[str]) -> list[dict[str, Any]]:
        """Wait until all are in blocks; refuse a run in which one failed, with the contract's reason."""
        found = []
        for sent in hashes:
            receipt = self._receipt(sent)
            if int(receipt["status"], 16) != 1:
                raise click.ClickException(f"transaction {sent} failed: {self._reason(sent)}")
            found.append(receipt)
        return found

    def now(self) -> float:
        """The time the next block will have at least, UTC seconds: a node without work makes no blocks."""
        newest = int(self._request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)
        return max(newest, time.time())

    def wait_until(self, ready: int) -> None:
        """Wait until the next block has the time `ready` or a later one."""
        while (now := self.now()) < ready:
            time.sleep(min(1.0, max(0.05, ready - now)))

    def _receipt(self, sent: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            receipt: dict[str, Any] | None = self._request("eth_getTransactionReceipt", [sent])
            if receipt is not None:
                return receipt
            time.sleep(0.05)
        raise click.ClickException(f"no receipt for {sent} after {PATIENCE:.0f} s: is the node making blocks?")

    def _reason(self, sent: str) -> str:
        try:
            self._request("eth_call", [self._sent[sent], "latest"])
        except Exception as error:  # noqa: BLE001  whatever the node says is the reason
            return str(error)
        return "no reason known; it passes now"
