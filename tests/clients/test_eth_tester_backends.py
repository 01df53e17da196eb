"""The two backends in use: web3's tester provider deploys and calls a contract; what each chain's rules refuse."""

import subprocess
import sys
from typing import Any

import pytest
from eth_account import Account
from eth_tester import EthereumTester
from eth_tester.exceptions import TransactionFailed, ValidationError
from web3 import EthereumTesterProvider, Web3
from web3.exceptions import ContractLogicError

from node.development.chain import MemoryChain
from node.development.eth_tester import BALANCE, FreeGasBackend, TideprintBackend, default_keys
from tests.clients.support import ROOT, artifact

pytestmark = pytest.mark.filterwarnings("ignore")
MODULE = "node.development.eth_tester"
BACKENDS = [TideprintBackend, FreeGasBackend]
START = 1_700_000_000


def provider(backend: Any) -> Web3:
    return Web3(EthereumTesterProvider(EthereumTester(backend)))


@pytest.mark.parametrize("name", ["TideprintBackend", "FreeGasBackend"])
def test_the_environment_variable_chooses_it_and_web3_deploys(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ETHEREUM_TESTER_CHAIN_BACKEND", f"{MODULE}.{name}")
    web3 = Web3(EthereumTesterProvider())
    assert type(web3.provider.ethereum_tester.backend).__name__ == name  # type: ignore[attr-defined]
    web3.eth.default_account = web3.eth.accounts[0]
    counter = web3.eth.contract(**artifact("counter"))
    receipt = web3.eth.wait_for_transaction_receipt(counter.constructor().transact())
    deployed = counter(receipt["contractAddress"])
    sent = web3.eth.wait_for_transaction_receipt(deployed.functions.count(5).transact())
    assert deployed.functions.total().call() == 5
    assert [event["args"]["total"] for event in deployed.events.Counted().get_logs(from_block=0)] == [5]
    assert sent["status"] == 1
    with pytest.raises((ContractLogicError, TransactionFailed), match="nothing to count"):
        deployed.functions.count(0).call()
    assert deployed.functions.total().call(block_identifier=receipt["blockNumber"]) == 0


def test_the_node_does_not_need_eth_tester() -> None:
    code = (
        "import sys; sys.modules['eth_tester'] = None\n"
        "import node.server, node.cli, node.development, node.development.chain, node.development.wire\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_free_gas_costs_nothing_and_a_market_does() -> None:
    spent = {}
    for kind in BACKENDS:
        web3 = provider(kind())
        first, second = web3.eth.accounts[:2]
        web3.eth.send_transaction({"from": first, "to": second, "value": 7, "gas": 21_000})
        spent[kind] = BALANCE - web3.eth.get_balance(first)
        assert web3.eth.get_balance(second) == BALANCE + 7
    assert spent[FreeGasBackend] == 7
    assert spent[TideprintBackend] == 7 + 21_000 * 10**9


def test_free_gas_stays_free_over_full_blocks() -> None:
    backend = FreeGasBackend()
    web3 = provider(backend)
    sent = web3.eth.send_transaction({"from": web3.eth.accounts[0], "gas": 29_000_000, "data": "0xfe"})
    header = web3.eth.get_block(web3.eth.wait_for_transaction_receipt(sent)["blockNumber"])
    assert header["gasUsed"] == 29_000_000
    assert web3.eth.get_block("pending")["baseFeePerGas"] == 0


@pytest.mark.parametrize(("kind", "accepted"), [(TideprintBackend, True), (FreeGasBackend, False)])
def test_only_the_chain_of_others_takes_what_may_be_replayed(kind: Any, accepted: bool) -> None:
    backend = kind()
    key = default_keys()[0]
    unprotected = Account.from_key(key).sign_transaction(
        {"nonce": 0, "gas": 21_000, "gasPrice": 10**9, "to": "0x" + "22" * 20, "value": 0, "data": b""}
    )
    raw = bytes(unprotected.raw_transaction)
    if accepted:
        assert backend.send_raw_transaction(raw) == bytes(unprotected.hash)
    else:
        with pytest.raises(ValidationError, match="CHAIN_ID_WRONG"):
            backend.send_raw_transaction(raw)


@pytest.mark.parametrize(("kind", "open_"), [(TideprintBackend, True), (FreeGasBackend, False)])
def test_slow_built_in_contracts_are_closed_where_gas_is_free(kind: Any, open_: bool) -> None:
    web3 = provider(kind())
    call = {"from": web3.eth.accounts[0], "to": "0x" + "00" * 19 + "06", "data": "0x" + "00" * 128}
    if open_:
        assert bytes(web3.eth.call(call)) == bytes(64)
    else:
        with pytest.raises(TransactionFailed, match="closed"):
            web3.eth.call(call)


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_type_of_transaction_is_signed_as_wallets_do(kind: Any) -> None:
    """The wire form is eth-account's, byte for byte."""
    backend = kind(genesis_time=START)
    sender, other = backend.get_accounts()[:2]
    account = Account.from_key(default_keys()[0])
    fee = 2 * 10**9
    accesses = [{"address": "0x" + "33" * 20, "storageKeys": ["0x" + "00" * 31 + "05"]}]
    plain = {"gas": 60_000, "to": other, "value": 1, "data": b"\1"}
    wire_accesses = ((b"\x33" * 20, (5,)),)
    chain = {"chainId": backend.chain.rules.chain_id}
    pairs = [
        ({"gas_price": fee, "access_list": wire_accesses}, {"gasPrice": fee, "accessList": accesses, "type": 1}),
        (
            {"max_fee_per_gas": fee, "max_priority_fee_per_gas": 1, "access_list": wire_accesses},
            {"maxFeePerGas": fee, "maxPriorityFeePerGas": 1, "accessList": accesses, "type": 2},
        ),
    ]
    if kind is FreeGasBackend:
        pairs.append(({"gas_price": fee}, {"gasPrice": fee}))
    for nonce, (ours, theirs) in enumerate(pairs):
        sent = backend.send_transaction({"from": sender, **plain, **ours})
        backend.mine_blocks()
        signed = account.sign_transaction({"nonce": nonce, **plain, **chain, **theirs})
        assert sent == bytes(signed.hash)


def test_code_is_set_on_an_account() -> None:
    """EIP-7702, from fields to its effect."""
    backend = TideprintBackend()
    chain, key = backend.chain.rules.chain_id, default_keys()[1]
    sender, owner = backend.get_accounts()[:2]
    grant = Account.from_key(key).sign_authorization({"chainId": chain, "address": "0x" + "44" * 20, "nonce": 0})
    fields = {
        "chain_id": chain, "address": b"\x44" * 20, "nonce": 0, "y_parity": grant.y_parity, "r": grant.r, "s": grant.s,
    }  # fmt: skip
    backend.send_transaction(
        {
            "from": sender, "to": sender, "gas": 100_000, "authorization_list": [fields],
            "max_fee_per_gas": 2 * 10**9, "max_priority_fee_per_gas": 1,
        }
    )  # fmt: skip
    backend.mine_blocks()
    assert backend.get_code(owner) == bytes.fromhex("ef0100") + b"\x44" * 20
    full = backend.get_block_by_number("latest")["transactions"][0]
    assert full["authorization_list"] == [fields]


def test_a_block_is_executed_for_the_proposer_and_time_it_names() -> None:
    backend = FreeGasBackend(genesis_time=START)
    sender, miner = backend.get_accounts()[0], b"\x55" * 20
    backend.send_transaction(
        {"from": sender, "to": sender, "gas": 21_000, "max_fee_per_gas": 3, "max_priority_fee_per_gas": 3}
    )
    backend.mine_blocks(1, miner)
    assert backend.get_balance(miner) == 3 * 21_000
    assert backend.get_block_by_number("latest")["coinbase"] == miner
    with pytest.raises(ValidationError, match="NONCE_TOO_LOW"):
        backend.send_transaction({"from": sender, "to": sender, "gas": 21_000, "nonce": 0})
    with pytest.raises(ValidationError, match="GAS_OVER_BLOCK_LIMIT"):
        backend.send_transaction({"from": sender, "to": sender, "gas": 10**9})
    with pytest.raises(ValidationError, match="from"):
        backend.send_transaction({"from": b"\x66" * 20, "to": sender, "gas": 21_000})


def test_two_chains_with_the_same_past_are_the_same_chain() -> None:
    def grown() -> MemoryChain:
        backend = TideprintBackend(genesis_time=START)
        sender = backend.get_accounts()[0]
        backend.send_transaction({"from": sender, "to": b"\x77" * 20, "value": 9, "gas": 21_000})
        backend.mine_blocks(3)
        return backend.chain

    assert grown().head.hash == grown().head.hash


def test_a_snapshot_may_lie_ahead_and_drops_what_is_pending() -> None:
    backend = TideprintBackend()
    sender, other = backend.get_accounts()[0], b"\x88" * 20
    early = backend.take_snapshot()
    backend.send_transaction({"from": sender, "to": other, "value": 9, "gas": 21_000})
    backend.mine_blocks()
    late = backend.take_snapshot()
    backend.revert_to_snapshot(early)
    assert backend.get_balance(other) == 0
    backend.revert_to_snapshot(late)
    backend.send_transaction({"from": sender, "to": other, "value": 1, "gas": 21_000})
    assert backend.get_balance(other, "pending") == 10
    backend.revert_to_snapshot(late)
    assert backend.get_balance(other, "pending") == 9
