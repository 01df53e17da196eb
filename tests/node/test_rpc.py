"""JSON-RPC against a real server: what clients ask, in their order, and every error they may meet."""

from typing import Any

import pytest
import requests
import rlp
from eth_hash.auto import keccak
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError

from node.rpc.methods import METHODS
from node.server import Server
from tests.node.support import (
    FOUNDER,
    NOBODY,
    SECOND,
    STRANGER,
    Client,
    call_data,
    compiled,
    council_creation,
    creation,
    sign,
)


@pytest.fixture(scope="module")
def node(server: Server) -> Client:
    return Client(server.url)


@pytest.fixture(scope="module")
def web3(server: Server) -> Web3:
    return Web3(Web3.HTTPProvider(server.url))


@pytest.fixture(scope="module")
def council(web3: Web3) -> str:
    """The mini council, deployed with the calls that ape and web3.py make."""
    sent = web3.eth.send_raw_transaction(council_creation())
    receipt = web3.eth.wait_for_transaction_receipt(sent, timeout=20, poll_latency=0.1)
    assert receipt["status"] == 1
    address = receipt["contractAddress"]
    assert address is not None
    assert len(web3.eth.get_code(address)) > 0
    return address


@pytest.fixture(scope="module")
def counter(web3: Web3, council: str) -> Any:
    """The counter, deployed by web3.py with its own estimate and fees."""
    made = web3.eth.contract(abi=compiled("counter")["abi"], bytecode=compiled("counter")["bytecode"])
    form = made.constructor().build_transaction({"from": FOUNDER.address, "nonce": _nonce(web3)})
    assert form["maxFeePerGas"] == 0
    assert form["maxPriorityFeePerGas"] == 0
    signed = FOUNDER.sign_transaction(form)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction), 20, 0.1)
    return web3.eth.contract(address=receipt["contractAddress"], abi=compiled("counter")["abi"])


def _nonce(web3: Web3) -> int:
    return int(web3.eth.get_transaction_count(FOUNDER.address, "pending"))


def _count(web3: Web3, counter: Any, by: int) -> Any:
    form = counter.functions.count(by).build_transaction({"from": FOUNDER.address, "nonce": _nonce(web3)})
    sent = web3.eth.send_raw_transaction(FOUNDER.sign_transaction(form).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent, 20, 0.1)


def test_what_a_client_asks_when_it_connects(node: Client) -> None:
    """ape's first calls, and MetaMask's."""
    assert node.ask("web3_clientVersion").startswith("tideprint/")
    earliest = node.ask("eth_getBlockByNumber", "earliest", False)
    latest = node.ask("eth_getBlockByNumber", "latest", False)
    assert earliest["number"] == "0x0"
    assert latest["baseFeePerGas"] == "0x0"
    assert len(latest["extraData"]) <= 2 + 64
    assert int(node.ask("eth_chainId"), 16) == 20_210_310
    assert node.ask("net_version") == "20210310"
    assert node.ask("eth_gasPrice") == node.ask("eth_maxPriorityFeePerGas") == "0x0"
    assert node.ask("eth_feeHistory", "0x1", "latest", [])["baseFeePerGas"] == ["0x0", "0x0"]
    assert node.ask("eth_accounts") == []
    assert node.ask("eth_syncing") is False
    assert node.ask("net_listening") is True
    assert node.ask("net_peerCount") == "0x0"
    assert node.ask("web3_sha3", "0x") == "0x" + keccak(b"").hex()


def test_fee_history_has_a_reward_for_each_block_and_percentile(node: Client) -> None:
    history = node.ask("eth_feeHistory", 4, "latest", [10, 50])
    assert {len(row) for row in history["reward"]} == {2}
    assert len(history["reward"]) == len(history["gasUsedRatio"]) == len(history["baseFeePerGas"]) - 1


def test_contract_life_through_web3(web3: Web3, counter: Any) -> None:
    before = counter.functions.total().call()
    receipt = _count(web3, counter, 3)
    assert receipt["status"] == 1
    assert counter.functions.total().call() == before + 3
    (event,) = counter.events.Counted().process_receipt(receipt)
    assert event["args"]["who"] == FOUNDER.address
    number = receipt["blockNumber"]
    assert counter.functions.total().call(block_identifier=number - 1) == before
    (found,) = counter.events.Counted().get_logs(from_block=number, to_block=number)
    assert found["transactionHash"] == receipt["transactionHash"]
    storage = web3.eth.get_storage_at(counter.address, 0)
    assert int.from_bytes(storage, "big") == before + 3


def test_reasons_of_reverts(web3: Web3, counter: Any, node: Client) -> None:
    with pytest.raises(ContractLogicError, match="counter: nothing to count"):
        counter.functions.count(0).call({"from": FOUNDER.address})
    with pytest.raises(ContractLogicError, match="counter: nothing to count"):
        counter.functions.count(0).estimate_gas({"from": FOUNDER.address})
    error = node.error(
        "eth_call", {"to": counter.address, "data": "0x" + call_data("count(uint256)", 0).hex()}, "latest"
    )
    assert error["code"] == 3
    assert error["message"] == "execution reverted: counter: nothing to count"
    assert error["data"].startswith("0x08c379a0")


def test_call_without_from_and_gas_charges_nobody(node: Client, counter: Any) -> None:
    pay = "0x" + call_data("pay()").hex()
    assert node.ask("eth_call", {"to": counter.address, "data": pay, "value": hex(10**18)}, "latest") == "0x"
    price = {"to": counter.address, "input": "0x" + call_data("price()").hex(), "gasPrice": "0x0"}
    assert int(node.ask("eth_call", price), 16) == 0
    poor = {"from": STRANGER.address, "to": counter.address, "data": pay, "value": "0x1"}
    assert "insufficient funds" in node.error("eth_call", poor, "latest")["message"]
    assert node.ask("eth_call", {"to": NOBODY}, "latest") == "0x"


def test_an_estimate_counts_authorizations(node: Client) -> None:
    """EIP-7702: 25,000 gas each; r and s come with leading zeros from some libraries."""
    request: dict[str, Any] = {"from": FOUNDER.address, "to": NOBODY}
    grant = {"chainId": "0x1", "address": NOBODY, "nonce": "0x0", "yParity": "0x0", "r": "0x00ab", "s": "0x01"}
    assert int(node.ask("eth_estimateGas", request | {"authorizationList": [grant] * 2}), 16) >= 21_000 + 2 * 25_000
    for wrong in ("0x", [1], [grant | {"address": "0x12"}], [{}]):
        assert node.error("eth_estimateGas", request | {"authorizationList": wrong})["code"] == -32602


def test_estimates_suffice_and_are_tight(web3: Web3, counter: Any, node: Client) -> None:
    """Also through a nested call, where EIP-150 keeps back a 64th."""
    assert node.ask("eth_estimateGas", {"from": FOUNDER.address, "to": NOBODY}) == hex(21_000)
    data = "0x" + call_data("count_through(address,uint256)", counter.address, 5).hex()
    request = {"from": FOUNDER.address, "to": counter.address, "data": data}
    gas = int(node.ask("eth_estimateGas", request, "latest"), 16)
    assert node.ask("eth_call", request | {"gas": hex(gas)}, "latest") == "0x"
    assert "error" in node.answer("eth_call", request | {"gas": hex(gas * 9 // 10)}, "latest")
    burn = request | {"data": "0x" + call_data("burn(uint256)", 10_000).hex(), "gas": hex(100_000)}
    assert "allowance" in node.error("eth_estimateGas", burn)["message"]
    assert "allowance" in node.error("eth_estimateGas", request | {"gas": hex(21_000)})["message"]
    deploy = {"from": FOUNDER.address, "data": "0x" + creation("counter").hex()}
    assert int(node.ask("eth_estimateGas", deploy), 16) > 100_000


def test_out_of_gas_says_so(node: Client, counter: Any) -> None:
    burn = {"to": counter.address, "data": "0x" + call_data("burn(uint256)", 100_000).hex(), "gas": hex(100_000)}
    assert node.error("eth_call", burn, "latest")["message"].startswith("out of gas")
    assert node.error("eth_call", burn | {"gas": hex(20_000)})["message"].startswith("intrinsic gas too low")


def test_pending_then_mined_transaction(web3: Web3, counter: Any, node: Client) -> None:
    nonce = _nonce(web3)
    later = sign(FOUNDER, nonce + 1)
    first = sign(FOUNDER, nonce)
    waiting = node.ask("eth_sendRawTransaction", "0x" + later.hex())
    assert node.ask("eth_getTransactionByHash", waiting)["blockHash"] is None
    assert node.ask("eth_getTransactionReceipt", waiting) is None
    assert node.ask("eth_getRawTransactionByHash", waiting) == "0x" + later.hex()
    assert _nonce(web3) == nonce
    assert node.ask("txpool_status") == {"pending": "0x0", "queued": "0x1"}
    assert str(nonce + 1) in node.ask("txpool_content")["queued"][FOUNDER.address]
    node.ask("eth_sendRawTransaction", "0x" + first.hex())
    assert _nonce(web3) == nonce + 2
    receipt = web3.eth.wait_for_transaction_receipt(waiting, 20, 0.1)
    found = node.ask("eth_getTransactionByHash", waiting)
    assert int(found["blockNumber"], 16) == receipt["blockNumber"]
    assert int(node.ask("eth_getTransactionCount", FOUNDER.address, "latest"), 16) == nonce + 2
    assert int(node.ask("eth_getTransactionCount", FOUNDER.address, hex(receipt["blockNumber"] - 1)), 16) <= nonce
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction(HexBytes("0x" + "12" * 32))


def test_block_and_its_parts_agree(web3: Web3, counter: Any, node: Client) -> None:
    receipt = _count(web3, counter, 1)
    number, block_hash = hex(receipt["blockNumber"]), "0x" + receipt["blockHash"].hex()
    whole = node.ask("eth_getBlockByNumber", number, True)
    assert node.ask("eth_getBlockByHash", block_hash, True) == whole
    hashes = node.ask("eth_getBlockByHash", block_hash, False)["transactions"]
    assert hashes == [tx["hash"] for tx in whole["transactions"]]
    assert node.ask("eth_getBlockTransactionCountByNumber", number) == hex(len(hashes))
    assert node.ask("eth_getBlockTransactionCountByHash", block_hash) == hex(len(hashes))
    assert node.ask("eth_getTransactionByBlockNumberAndIndex", number, "0x0") == whole["transactions"][0]
    assert node.ask("eth_getTransactionByBlockHashAndIndex", block_hash, "0x0") == whole["transactions"][0]
    assert node.ask("eth_getTransactionByBlockHashAndIndex", block_hash, "0x63") is None
    raw = node.ask("eth_getRawTransactionByHash", whole["transactions"][0]["hash"])
    assert node.ask("eth_getRawTransactionByBlockNumberAndIndex", number, "0x0") == raw
    assert node.ask("eth_getRawTransactionByBlockHashAndIndex", block_hash, "0x0") == raw
    assert node.ask("eth_getRawTransactionByBlockNumberAndIndex", "0xfffffff", "0x0") is None
    assert node.ask("eth_getRawTransactionByBlockHashAndIndex", block_hash, "0x63") is None
    assert node.ask("eth_getUncleCountByBlockNumber", number) == "0x0"
    assert node.ask("eth_getUncleCountByBlockHash", block_hash) == "0x0"
    receipts = node.ask("eth_getBlockReceipts", number)
    assert receipts == [node.ask("eth_getTransactionReceipt", digest) for digest in hashes]
    header = node.ask("debug_getRawHeader", number)
    assert "0x" + keccak(bytes.fromhex(header[2:])).hex() == block_hash
    body = rlp.decode(bytes.fromhex(node.ask("debug_getRawBlock", number)[2:]))
    assert rlp.encode(body[0]).hex() == header[2:]
    assert len(body[1]) == len(node.ask("debug_getRawReceipts", number)) == len(hashes)
    assert node.ask("debug_getRawTransaction", hashes[0]) == "0x" + body[1][0].hex()


@pytest.mark.parametrize(
    "method", ["eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getBlockTransactionCountByNumber"]
)
def test_a_block_that_is_not_there_is_null(node: Client, method: str) -> None:
    assert node.ask(method, "0xfffffff") is None


def test_logs_by_address_topic_range_and_hash(web3: Web3, counter: Any, node: Client) -> None:
    receipt = _count(web3, counter, 2)
    number = receipt["blockNumber"]
    event = "0x" + keccak(b"Counted(address,uint256)").hex()
    who = "0x" + "00" * 12 + FOUNDER.address[2:].lower()
    base = {"fromBlock": hex(number), "toBlock": hex(number)}

    def found(**filters: object) -> int:
        return len(node.ask("eth_getLogs", base | filters))

    assert found() == found(address=counter.address) == found(address=[counter.address, NOBODY]) == 1
    assert found(topics=[event]) == found(topics=[None, who]) == found(topics=[[event, who], None]) == 1
    assert found(address=NOBODY) == found(topics=[who]) == found(topics=[event, who, event]) == 0
    assert len(node.ask("eth_getLogs", {"blockHash": "0x" + receipt["blockHash"].hex()})) == 1
    everything = node.ask("eth_getLogs", {"fromBlock": "earliest", "toBlock": "latest", "address": counter.address})
    assert [log["blockNumber"] for log in everything] == sorted((log["blockNumber"] for log in everything), key=len)
    assert node.error("eth_getLogs", {"fromBlock": "0x5", "toBlock": "0x1"})["code"] == -32602
    assert node.error("eth_getLogs", {"blockHash": "0x" + "00" * 32})["message"] == "unknown block"
    assert node.error("eth_getLogs", base | {"blockHash": "0x" + "00" * 32})["code"] == -32602


def test_polled_filters(web3: Web3, counter: Any, node: Client) -> None:
    logs = node.ask("eth_newFilter", {"address": counter.address})
    blocks = node.ask("eth_newBlockFilter")
    pending = node.ask("eth_newPendingTransactionFilter")
    receipt = _count(web3, counter, 4)
    assert [log["blockNumber"] for log in node.ask("eth_getFilterChanges", logs)] == [hex(receipt["blockNumber"])]
    assert node.ask("eth_getFilterChanges", logs) == []
    assert "0x" + receipt["blockHash"].hex() in node.ask("eth_getFilterChanges", blocks)
    assert node.ask("eth_getFilterChanges", pending) == ["0x" + receipt["transactionHash"].hex()]
    since = node.ask("eth_newFilter", {"address": counter.address, "fromBlock": hex(receipt["blockNumber"])})
    assert len(node.ask("eth_getFilterLogs", since)) == 1
    assert len(node.ask("eth_getFilterChanges", since)) == 1
    assert node.ask("eth_uninstallFilter", logs) is True
    assert node.ask("eth_uninstallFilter", logs) is False
    assert node.error("eth_getFilterChanges", logs)["message"] == "filter not found"
    assert node.error("eth_getFilterLogs", blocks)["message"] == "filter not found"


def test_sending_refused_in_words_that_clients_know(web3: Web3, council: str, node: Client) -> None:
    def sent(transaction: bytes) -> dict[str, Any]:
        return node.error("eth_sendRawTransaction", "0x" + transaction.hex())

    assert sent(sign(FOUNDER, 0))["message"].startswith("nonce too low")
    assert "invalid chain id" in sent(sign(FOUNDER, _nonce(web3), chainId=1))["message"]
    assert "exceeds block gas limit" in sent(sign(FOUNDER, _nonce(web3), gas=30_000_001))["message"]
    forbidden = sent(sign(STRANGER, 0))
    assert (forbidden["code"], forbidden["data"]) == (-32003, {"code": "SEND_FORBIDDEN"})
    deployed = sent(sign(SECOND, 0, None, data=creation("counter"), gas=2_000_000))
    assert (deployed["code"], deployed["data"]) == (-32003, {"code": "DEPLOY_FORBIDDEN"})
    ahead = sign(FOUNDER, _nonce(web3) + 5)
    node.ask("eth_sendRawTransaction", "0x" + ahead.hex())
    assert sent(ahead)["message"] == "already known"
    with pytest.raises(Web3RPCError, match="permission denied"):
        web3.eth.send_raw_transaction(sign(STRANGER, 0))


def test_protocol_errors(node: Client) -> None:
    unknown = node.error("trace_transaction", "0x" + "00" * 32)
    assert (unknown["code"], unknown["message"]) == (-32601, "Method trace_transaction not found")
    assert node.error("eth_getBalance")["code"] == -32602
    assert node.error("eth_getBalance", "0x12", "latest")["code"] == -32602
    assert node.error("eth_getBalance", NOBODY, "0x01")["code"] == -32602
    assert node.error("eth_chainId", 1)["code"] == -32602
    assert node.error("eth_getBalance", NOBODY, "0xfffffff")["message"] == "header not found"
    assert node.error("eth_subscribe", "newHeads")["code"] == -32601
    assert node.error("eth_call", {"to": NOBODY, "data": "0x01", "input": "0x02"})["code"] == -32602
    assert node.post([])["error"]["code"] == -32600
    assert node.post(5)["error"]["code"] == -32600
    assert node.post({"id": [], "method": "eth_chainId"})["error"]["code"] == -32600
    broken = requests.post(node.url, data="{", headers={"Content-Type": "application/json"}, timeout=5)
    assert broken.json()["error"]["code"] == -32700


def test_batches_keep_order_and_notifications_get_no_answer(node: Client) -> None:
    ask = {"jsonrpc": "2.0", "method": "eth_chainId"}
    replies = node.post([ask | {"id": "a"}, ask, {"jsonrpc": "2.0", "id": 2, "method": "no"}])
    assert [reply["id"] for reply in replies] == ["a", 2]
    empty = requests.post(node.url, json=ask, timeout=5)
    assert (empty.status_code, empty.content) == (200, b"")


def test_other_web_pages_are_kept_out(node: Client) -> None:
    plain = requests.post(node.url, data="{}", headers={"Content-Type": "text/plain"}, timeout=5)
    assert plain.status_code == 415
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://evil.example"}
    assert requests.get(node.url, headers=upgrade, timeout=5).status_code == 403


def test_health(node: Client) -> None:
    assert requests.get(node.url + "/liveness", timeout=5).json() == {"status": "UP"}
    ready = requests.get(node.url + "/readiness", timeout=5)
    assert (ready.status_code, ready.json()["status"]) == (200, "UP")
    assert requests.get(node.url, timeout=5).status_code == 200


def test_every_method_of_the_table_answers_or_refuses_by_form(node: Client) -> None:
    """No method may end in an internal error, whatever it is fed."""
    forms: tuple[list[Any], ...] = (
        [], ["0x0"], ["latest"], [{}], ["0x" + "00" * 32, "0x0"], [NOBODY, "latest"], [None], ["x"] * 9,
    )  # fmt: skip
    for name in METHODS:
        for params in forms:
            reply = node.answer(name, *params)
            assert reply.get("error", {}).get("code") != -32603, (name, params, reply)
