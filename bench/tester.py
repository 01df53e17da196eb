"""The peer that people test contracts with: eth-tester on py-evm, in this process, a block per transaction, in memory.

It keeps no queue of nonces, so it cannot take many transactions of one sender into a block. No HTTP here: that is in
its favour.
"""

from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount

from bench.token_chain import FOUNDER, Signing
from tests.node.support import raw

WEI = 10**24
FEES = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9}


class Tester:
    """The same contracts and holders on eth-tester. Raises ImportError if it is not installed."""

    def __init__(self, holders: list[LocalAccount]) -> None:
        from eth_tester import EthereumTester, PyEVMBackend

        account = {"balance": WEI, "nonce": 0, "code": b"", "storage": {}}
        state = {raw(who): account for who in (FOUNDER, *holders)}
        genesis = PyEVMBackend.generate_genesis_params({"gas_limit": 30_000_000})
        backend = PyEVMBackend(genesis_parameters=genesis, genesis_state=state)
        self._chain: Any = EthereumTester(backend)
        self.signing = Signing({"chainId": backend.chain.chain_id, **FEES})
        self.check(self.send(self.signing.setup(holders)))

    def send(self, transactions: Sequence[bytes]) -> list[str]:
        """Send transactions, each mined at once; their hashes."""
        return [self._chain.send_raw_transaction("0x" + one.hex()) for one in transactions]

    def check(self, hashes: Sequence[str]) -> None:
        """Did all succeed?"""
        assert all(self._chain.get_transaction_receipt(one)["status"] == 1 for one in hashes)
