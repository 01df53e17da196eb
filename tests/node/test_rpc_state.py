"""Proofs, access lists, storage in bulk, fees and the configuration, on our own chain over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
import rlp
from eth_hash.auto import keccak
from trie import HexaryTrie

from node.addresses import checksummed
from tests.node.support import FOUNDER, NOBODY, Client, call_data, council_creation, creation, serving, sign


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("state")) as server:
        yield Client(server.url)


@pytest.fixture(scope="module")
def counter(node: Client) -> str:
    """A counter that stands at 5."""
    node.mined(council_creation())
    address = str(node.mined(sign(FOUNDER, 1, None, data=creation("counter"), gas=2_000_000))["contractAddress"])
    node.mined(sign(FOUNDER, 2, address, data=call_data("count(uint256)", 5), gas=100_000))
    return address


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def proven(root: str, key: bytes, nodes: list[str]) -> bytes:
    """What the nodes prove under a root; follows hashes only."""
    return bytes(HexaryTrie.get_from_proof(raw(root), keccak(key), [rlp.decode(raw(node)) for node in nodes]))


def test_a_proof_holds_under_the_state_root_of_its_block(node: Client, counter: str) -> None:
    block = node.ask("eth_getBlockByNumber", "latest", False)
    found = node.ask("eth_getProof", counter, ["0x0", "0x" + "00" * 31 + "07"], {"blockHash": block["hash"]})
    leaf = rlp.decode(proven(block["stateRoot"], raw(counter), found["accountProof"]))
    assert leaf[2:] == [raw(found["storageHash"]), raw(found["codeHash"])]
    assert raw(found["codeHash"]) == keccak(raw(node.ask("eth_getCode", counter)))
    first, absent = found["storageProof"]
    assert (first["key"], first["value"]) == ("0x0", "0x5")
    assert proven(found["storageHash"], bytes(32), first["proof"]) == rlp.encode(5)
    assert (absent["key"], absent["value"]) == ("0x" + "00" * 31 + "07", "0x0")
    assert proven(found["storageHash"], (7).to_bytes(32, "big"), absent["proof"]) == b""


def test_a_proof_that_an_account_is_not_there(node: Client, counter: str) -> None:
    block = node.ask("eth_getBlockByNumber", "latest", False)
    found = node.ask("eth_getProof", "0x" + "9c" * 20, ["0x1"], "latest")
    assert proven(block["stateRoot"], b"\x9c" * 20, found["accountProof"]) == b""
    assert (found["nonce"], found["balance"], found["storageProof"][0]["proof"]) == ("0x0", "0x0", [])


@pytest.mark.parametrize("keys", ["0x0", [1], ["0x" + "0" * 65], ["0x0"] * 1_025, [None]])
def test_slots_of_a_wrong_form(node: Client, keys: Any) -> None:
    assert node.error("eth_getProof", NOBODY, keys, "latest")["code"] == -32602


def test_storage_of_several_accounts(node: Client, counter: str) -> None:
    found = node.ask("eth_getStorageValues", {counter: ["0x0", "0x7"], NOBODY: ["0x1"]}, "latest")
    assert [int(value, 16) for value in found[counter]] == [5, 0]
    assert [int(value, 16) for value in found[NOBODY]] == [0]
    many = {f"0x{number:040x}": ["0x0"] * 1_000 for number in range(2)}
    for wrong in ({}, [], {"0x1": ["0x0"]}, {counter: "0x0"}, many):
        assert node.error("eth_getStorageValues", wrong, "latest")["code"] == -32602


def test_an_access_list_can_be_sent_and_costs_what_it_says(node: Client, counter: str) -> None:
    request = {"from": FOUNDER.address, "to": counter, "data": "0x" + call_data("count(uint256)", 1).hex()}
    found = node.ask("eth_createAccessList", request)
    assert found["accessList"] == [{"address": counter, "storageKeys": ["0x" + "00" * 32]}]
    nonce = int(node.ask("eth_getTransactionCount", FOUNDER.address, "latest"), 16)
    receipt = node.mined(
        sign(
            FOUNDER, nonce, counter, data=call_data("count(uint256)", 1), gas=100_000,
            accessList=[{"address": checksummed(raw(counter)), "storageKeys": ["0x" + "00" * 32]}],
        )
    )  # fmt: skip
    assert receipt["gasUsed"] == found["gasUsed"]


def test_fees_are_zero_for_ever(node: Client, counter: str) -> None:
    assert [node.ask(name) for name in ("eth_gasPrice", "eth_maxPriorityFeePerGas")] == ["0x0", "0x0"]
    history = node.ask("eth_feeHistory", "0x3", "latest", [10, 90])
    assert history["baseFeePerGas"] == ["0x0"] * 4
    assert history["reward"] == [["0x0", "0x0"]] * 3
    assert any(ratio > 0 for ratio in history["gasUsedRatio"])


def test_the_configuration_leaves_out_what_is_closed(node: Client) -> None:
    found = node.ask("eth_config")
    assert (found["next"], found["last"]) == (None, None)
    assert found["current"]["chainId"] == node.ask("eth_chainId")
    assert set(found["current"]["precompiles"]) == {
        "ECREC", "SHA256", "RIPEMD160", "ID", "MODEXP", "KZG_POINT_EVALUATION",
    }  # fmt: skip
    assert found["current"]["blobSchedule"] is None
    assert found["current"]["systemContracts"] == {}


def test_what_the_node_still_has(node: Client) -> None:
    found = node.ask("eth_capabilities")
    assert found["state"] == {"disabled": False, "oldestBlock": "0x0"}
    assert set(found) == {"head", "state", "tx", "logs", "receipts", "blocks", "stateproofs"}


def test_no_uncles_and_no_blocks_to_try_out(node: Client) -> None:
    assert node.ask("eth_getUncleCountByBlockNumber", "latest") == "0x0"
    assert node.ask("eth_getUncleByBlockNumberAndIndex", "latest", "0x0") is None
    head = node.ask("eth_getBlockByNumber", "latest", False)
    attributes = {
        "timestamp": hex(int(head["timestamp"], 16) + 1), "prevRandao": "0x" + "00" * 32,
        "suggestedFeeRecipient": NOBODY, "parentBeaconBlockRoot": "0x" + "00" * 32, "withdrawals": [],
    }  # fmt: skip
    assert node.error("testing_buildBlockV1", head["hash"], attributes, [])["code"] == -32601


def test_what_waits_of_one_account_and_in_a_line_each(node: Client, counter: str) -> None:
    nonce = int(node.ask("eth_getTransactionCount", FOUNDER.address, "pending"), 16)
    node.ask("eth_sendRawTransaction", "0x" + sign(FOUNDER, nonce + 1, NOBODY).hex())
    found = node.ask("txpool_contentFrom", FOUNDER.address)
    assert list(found["queued"]) == [str(nonce + 1)]
    assert node.ask("txpool_contentFrom", NOBODY) == {"pending": {}, "queued": {}}
    line = node.ask("txpool_inspect")["queued"][FOUNDER.address][str(nonce + 1)]
    assert line == f"{NOBODY}: 0 wei + 21000 gas × 0 wei"


def test_errors_have_the_codes_that_clients_know(node: Client, counter: str) -> None:
    failing = {"to": counter, "data": "0x" + call_data("count(uint256)", 0).hex()}
    reverted = node.error("eth_call", failing)
    assert (reverted["code"], reverted["data"][:10]) == (3, "0x08c379a0")
    used = node.error("eth_sendRawTransaction", "0x" + sign(FOUNDER, 1, NOBODY).hex())
    assert used["code"] == -32000
    assert used["message"].startswith("nonce too low")
    for unknown in ("0x" + "12" * 32, "0xfffff"):
        assert node.error("eth_getBalance", NOBODY, unknown)["code"] == -32000
    fees = {"gasPrice": "0x1", "maxFeePerGas": "0x1"}
    assert node.error("eth_call", {"to": NOBODY, **fees})["code"] == -32602
