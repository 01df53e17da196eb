"""What stands on the chain before web3.py's tests: its own contracts, one plain transaction and one with an event."""

from dataclasses import dataclass
from typing import Any

from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3._utils.contract_sources.contract_data._custom_contract_data import EMITTER_ENUM
from web3._utils.contract_sources.contract_data.emitter_contract import EMITTER_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.math_contract import MATH_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.offchain_lookup import OFFCHAIN_LOOKUP_DATA
from web3._utils.contract_sources.contract_data.panic_errors_contract import PANIC_ERRORS_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.revert_contract import REVERT_CONTRACT_DATA
from web3._utils.contract_sources.contract_data.storage_contract import STORAGE_CONTRACT_DATA
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.middleware.base import Web3MiddlewareBuilder

from tests.clients.support import MEMBER, PATIENCE, Running

CHAIN_ID = 131277322940537
"""Wired into some of the cases."""
INTERVAL = 2
"""Seconds: cases about what is not mined yet need a while in which it is not."""
CONTRACTS: dict[str, Any] = {
    "math": MATH_CONTRACT_DATA,
    "emitter": EMITTER_CONTRACT_DATA,
    "revert": REVERT_CONTRACT_DATA,
    "offchain_lookup": OFFCHAIN_LOOKUP_DATA,
    "panic_errors": PANIC_ERRORS_CONTRACT_DATA,
    "storage": STORAGE_CONTRACT_DATA,
}


class Wallet(Web3MiddlewareBuilder):
    """Names the client's own account where the node, which holds no keys, names none, as a wallet in a browser does."""

    def response_processor(self, method: str, response: Any) -> Any:
        return {**response, "result": [MEMBER.address]} if method == "eth_accounts" else response

    async def async_response_processor(self, method: str, response: Any) -> Any:
        return self.response_processor(method, response)


def equip(web3: Any) -> Any:
    """Let a client sign with the member's key."""
    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(MEMBER), layer=0)
    web3.middleware_onion.add(Wallet)
    web3.eth.default_account = MEMBER.address
    return web3


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the contracts are, and the hashes of the transactions that cases look at."""

    addresses: dict[str, str]
    math_creation: HexBytes
    plain: HexBytes
    with_log: HexBytes

    def contract(self, web3: Any, name: str) -> Any:
        """A contract of the stage for a client."""
        return web3.eth.contract(address=self.addresses[name], abi=CONTRACTS[name]["abi"])


def set_up(running: Running) -> Stage:
    """Build the stage in three blocks. The plain transaction pays a tip, for cases that look for a price."""
    web3 = equip(Web3(HTTPProvider(running.url)))
    sender = {"from": MEMBER.address}
    hashes = {name: web3.eth.contract(**data).constructor().transact(sender) for name, data in CONTRACTS.items()}
    receipts = {name: web3.eth.wait_for_transaction_receipt(sent, PATIENCE, 0.1) for name, sent in hashes.items()}
    addresses = {name: receipt["contractAddress"] for name, receipt in receipts.items()}
    emitter = web3.eth.contract(address=addresses["emitter"], abi=CONTRACTS["emitter"]["abi"])
    call = emitter.functions.logDouble(which=EMITTER_ENUM["LogDoubleWithIndex"], arg0=12345, arg1=54321)
    with_log = call.transact(sender)
    tip = {"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}
    web3.eth.wait_for_transaction_receipt(with_log, PATIENCE, 0.1)
    plain = web3.eth.send_transaction({**sender, **tip, "to": MEMBER.address, "value": 1, "gas": 21_000})
    web3.eth.wait_for_transaction_receipt(plain, PATIENCE, 0.1)
    return Stage(addresses, hashes["math"], plain, with_log)
