"""Pretending: calls and estimates see other accounts and another block, and nothing of it stays."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from node.blocks import Withdrawal
from node.errors import CallFailed, CallReverted
from node.evm import PyEvm
from node.execution import CallRequest
from node.overrides import AccountOverride, BlockOverride, Overrides
from node.precompiles import CLOSED
from node.reader import Reader
from node.rpc import overrides as parse
from node.rpc.errors import Code, RpcError
from tests.node.scenes import REVERTS, STORES, Scene, assembled
from tests.node.support import FOUNDER, STRANGER, Chain, chain, raw

SHOWS = "0 MSTORE 32 0 RETURN"
PLACE, OTHER = b"\xaa" * 20, b"\xbb" * 20
IDENTITY, HASHING = (4).to_bytes(20, "big"), (2).to_bytes(20, "big")


@dataclass
class Pretender:
    """Calls on one chain; `stored` is a contract with 42 in slot 0 and 9 in slot 9."""

    chain: Chain
    reader: Reader
    stored: bytes

    def call(self, to: bytes, overrides: Overrides, data: bytes = b"", **fields: Any) -> bytes:
        request = CallRequest(fields.pop("sender", None), to, fields.pop("value", 0), data, **fields)
        return self.reader.call(self.chain.application.head, request, overrides)

    def number(self, code: str, block: BlockOverride, **fields: Any) -> int:
        """What a piece of code leaves on the stack."""
        accounts = {PLACE: AccountOverride(code=assembled(f"{code} {SHOWS}"))}
        return int.from_bytes(self.call(PLACE, Overrides(accounts, block), **fields), "big")

    def refusal(self, overrides: Overrides, to: bytes = PLACE) -> CallFailed:
        with pytest.raises(CallFailed) as refused:
            self.call(to, overrides)
        return refused.value


@pytest.fixture(scope="module")
def pretender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretender]:
    with chain(tmp_path_factory.mktemp("pretended")) as made:
        scene = Scene()
        stored = scene.deploy("9 9 SSTORE 42 0 SSTORE")
        scene.send(stored, b"\x01")
        for transaction in scene.transactions:
            made.seal(transaction)
        yield Pretender(made, Reader(made.application, made.store, PyEvm()), stored)


def accounts(**parts: Any) -> Overrides:
    return Overrides({PLACE: AccountOverride(**parts)})


def test_code_and_balance_are_what_the_caller_says(pretender: Pretender) -> None:
    assert int.from_bytes(pretender.call(PLACE, accounts(code=assembled(f"SELFBALANCE {SHOWS}"), balance=77))) == 77


def test_a_sender_may_pretend_to_be_rich(pretender: Pretender) -> None:
    poor = raw(STRANGER)
    request = {"sender": poor, "value": 10**30}
    with pytest.raises(CallFailed, match="insufficient funds"):
        pretender.call(OTHER, Overrides(), **request)
    assert pretender.call(OTHER, Overrides({poor: AccountOverride(balance=10**30)}), **request) == b""


def test_a_nonce_decides_where_a_contract_is_created(pretender: Pretender) -> None:
    makes = assembled(f"0 0 0 CREATE {SHOWS}")
    first, later = (pretender.call(PLACE, accounts(code=makes, nonce=nonce)) for nonce in (1, 500))
    assert first != later


def test_a_difference_keeps_the_other_slots_and_a_state_does_not(pretender: Pretender) -> None:
    reads = assembled(f"0 SLOAD 9 SLOAD 100 MUL ADD {SHOWS}")

    def seen(**parts: Any) -> int:
        overrides = Overrides({pretender.stored: AccountOverride(code=reads, **parts)})
        return int.from_bytes(pretender.call(pretender.stored, overrides), "big")

    assert seen() == 942
    assert seen(state_diff={0: 7}) == 907
    assert seen(state={0: 7}) == 7
    assert seen(state={}) == 0
    assert seen(state_diff={9: 0}) == 42


def test_a_pretended_slot_counts_as_held_before(pretender: Pretender) -> None:
    """A slot that held something costs less to write than one that did not."""
    writes = accounts(code=assembled("5 0 SSTORE"))
    fresh = pretender.reader.estimate(pretender.chain.application.head, CallRequest(None, PLACE, 0, b""), writes)
    used = accounts(code=assembled("5 0 SSTORE"), state_diff={0: 1})
    held = pretender.reader.estimate(pretender.chain.application.head, CallRequest(None, PLACE, 0, b""), used)
    assert 15_000 < fresh - held < 20_000


@pytest.mark.parametrize(
    ("code", "block", "seen"),
    [
        ("NUMBER", BlockOverride(number=10**9), 10**9),
        ("TIMESTAMP", BlockOverride(time=2**62), 2**62),
        ("GASLIMIT", BlockOverride(gas_limit=12_345_678), 12_345_678),
        ("COINBASE", BlockOverride(fee_recipient=OTHER), int.from_bytes(OTHER)),
        ("DIFFICULTY", BlockOverride(prev_randao=b"\x09" * 32), int.from_bytes(b"\x09" * 32)),
        ("=4a", BlockOverride(blob_base_fee=31), 31),
        ("=4a", BlockOverride(blob_base_fee=0), 0),
        ("=48", BlockOverride(), 0),
    ],
)
def test_a_block_is_what_the_caller_says(pretender: Pretender, code: str, block: BlockOverride, seen: int) -> None:
    assert pretender.number(code, block) == seen


def test_a_base_fee_is_seen_by_who_offers_as_much(pretender: Pretender) -> None:
    block = BlockOverride(base_fee=5)
    assert pretender.number("=48", block) == 0
    assert pretender.number("=48", block, max_fee=9, max_priority_fee=1) == 5
    with pytest.raises(CallFailed, match="less than block base fee"):
        pretender.number("=48", block, max_fee=4)


def test_a_height_names_the_same_block_from_everywhere(pretender: Pretender) -> None:
    head = pretender.chain.application.head
    parent = int.from_bytes(head.parent_hash)
    first = int.from_bytes(pretender.chain.store.header(0).hash)  # type: ignore[union-attr]
    assert pretender.number(f"{head.number - 1} BLOCKHASH", BlockOverride()) == parent
    for number in (head.number + 1, head.number + 200):
        assert pretender.number(f"{head.number - 1} BLOCKHASH", BlockOverride(number=number)) == parent
        assert pretender.number(f"{head.number} BLOCKHASH", BlockOverride(number=number)) == 0
    assert pretender.number("0 BLOCKHASH", BlockOverride(number=1)) == first
    assert pretender.number("0 BLOCKHASH", BlockOverride(number=10**18)) == 0
    assert pretender.number("0x0de0b6b3a763ffff BLOCKHASH", BlockOverride(number=10**18)) == 0


def test_a_built_in_contract_moves(pretender: Pretender) -> None:
    moved = Overrides({IDENTITY: AccountOverride(precompile_to=PLACE)})
    assert pretender.call(PLACE, moved, b"hello") == b"hello"
    assert pretender.call(IDENTITY, moved, b"hello") == b""
    with_code = Overrides({IDENTITY: AccountOverride(precompile_to=PLACE, code=assembled(f"3 {SHOWS}"))})
    assert int.from_bytes(pretender.call(IDENTITY, with_code, b"hello")) == 3


def test_code_takes_the_place_of_a_built_in_contract_even_of_a_closed_one(pretender: Pretender) -> None:
    closed = min(CLOSED)
    assert pretender.refusal(Overrides(), closed).code == "PRECOMPILE_CLOSED"
    opened = Overrides({closed: AccountOverride(code=assembled(f"3 {SHOWS}"))})
    assert int.from_bytes(pretender.call(closed, opened)) == 3


def test_a_closed_built_in_contract_stays_closed_wherever_it_moves(pretender: Pretender) -> None:
    moved = Overrides({min(CLOSED): AccountOverride(precompile_to=PLACE)})
    assert "PRECOMPILE_CLOSED" in str(pretender.refusal(moved))


def test_a_contract_may_pretend_to_have_no_code(pretender: Pretender) -> None:
    code = assembled(f"0x{pretender.stored.hex()} EXTCODESIZE {SHOWS}")
    bare = Overrides({PLACE: AccountOverride(code=code), pretender.stored: AccountOverride(code=b"")})
    assert int.from_bytes(pretender.call(PLACE, accounts(code=code))) > 0
    assert int.from_bytes(pretender.call(PLACE, bare)) == 0


def test_nothing_is_kept(pretender: Pretender) -> None:
    head = pretender.chain.application.head
    pretender.call(PLACE, Overrides({PLACE: AccountOverride(1, 2, assembled(STORES), {0: 9})}))
    account = pretender.reader.state(head).account(PLACE)
    assert (account.nonce, account.balance, account.code_hash) == (0, 0, keccak(b""))
    assert pretender.reader.state(head).storage(PLACE, 0) == 0
    assert pretender.reader.state(head).storage(pretender.stored, 0) == 42


def test_pretended_contracts_revert_with_their_reason(pretender: Pretender) -> None:
    with pytest.raises(CallReverted, match="nope"):
        pretender.call(PLACE, accounts(code=assembled(REVERTS)))


def test_a_pretended_gas_limit_gives_no_more_gas_than_the_real_one(pretender: Pretender) -> None:
    real = pretender.chain.application.head.gas_limit
    assert pretender.number("GAS", BlockOverride(gas_limit=2**63)) < real
    assert pretender.number("GAS", BlockOverride(gas_limit=100_000)) < 100_000
    assert pretender.number("GAS", BlockOverride(gas_limit=2**63), gas=2**63) < real


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (Overrides({PLACE: AccountOverride(precompile_to=OTHER)}), "is not a precompile"),
        (
            Overrides({IDENTITY: AccountOverride(precompile_to=PLACE), PLACE: AccountOverride(nonce=1)}),
            "is already overridden",
        ),
        (Overrides({IDENTITY: AccountOverride(precompile_to=IDENTITY)}), "is already overridden"),
        (Overrides({PLACE: AccountOverride(state={}, state_diff={})}), "both 'state' and 'stateDiff'"),
        (Overrides(block=BlockOverride(beacon_root=bytes(32))), "beaconRoot"),
        (Overrides(block=BlockOverride(withdrawals=(Withdrawal(0, 0, PLACE, 1),))), "withdrawals"),
    ],
)
def test_what_contradicts_itself_is_refused(pretender: Pretender, overrides: Overrides, says: str) -> None:
    refused = pretender.refusal(overrides)
    assert refused.code == "OVERRIDE_INVALID"
    assert says in str(refused)


def test_two_built_in_contracts_may_move_to_one_place_and_the_later_stays(pretender: Pretender) -> None:
    both = Overrides({HASHING: AccountOverride(precompile_to=PLACE), IDENTITY: AccountOverride(precompile_to=PLACE)})
    assert pretender.call(PLACE, both, b"hello") == b"hello"


def test_balances_beyond_a_word_end_in_an_answer(pretender: Pretender) -> None:
    full = AccountOverride(balance=2**256 - 1)
    with pytest.raises(CallFailed):
        pretender.call(PLACE, Overrides({PLACE: full, raw(FOUNDER): full}), sender=raw(FOUNDER), value=1)


@given(
    balance=st.integers(0, 2**256 - 1),
    nonce=st.integers(0, 2**64 - 1),
    slots=st.dictionaries(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1), max_size=4),
)
@settings(max_examples=30, deadline=None)
def test_any_account_reads_as_it_was_given(
    pretender: Pretender, balance: int, nonce: int, slots: dict[int, int]
) -> None:
    for slot, value in (slots | {12: 0}).items():
        code = assembled(f"0x{slot:064x} SLOAD SELFBALANCE XOR {SHOWS}")
        found = pretender.call(PLACE, accounts(nonce=nonce, balance=balance, code=code, state=slots))
        assert int.from_bytes(found) == balance ^ value


HOSTILE = [
    [], 3, "0x", {"0x12": {}}, {"0x" + "aa" * 20: 7}, {"0x" + "aa" * 20: {"balance": -1}},
    {"0x" + "aa" * 20: {"balance": "0x" + "f" * 65}}, {"0x" + "aa" * 20: {"nonce": "0x10000000000000000"}},
    {"0x" + "aa" * 20: {"code": "0x0"}}, {"0x" + "aa" * 20: {"code": [["0x"]]}}, {"0x" + "aa" * 20: {"state": []}},
    {"0x" + "aa" * 20: {"state": {"0x" + "0" * 65: "0x1"}}}, {"0x" + "aa" * 20: {"stateDiff": {"0x1": None}}},
    {"0x" + "aa" * 20: {"state": {}, "stateDiff": {}}}, {"0x" + "aa" * 20: {"movePrecompileToAddress": "0x1"}},
    {"0x" + "aa" * 20: {}, "0x" + "AA" * 20: {}},
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE, ids=str)
def test_malformed_accounts_are_named(value: object) -> None:
    with pytest.raises(RpcError, match="stateOverrides") as refused:
        parse.accounts(value)
    assert refused.value.code == Code.INVALID_PARAMS


@pytest.mark.parametrize(
    "value",
    [
        [], "latest", {"number": "0x01"}, {"number": -5}, {"number": 1.5}, {"time": "0x8000000000000000"},
        {"gasLimit": "0x10000000000000000"}, {"feeRecipient": "0x12"}, {"prevRandao": "0x12"}, {"withdrawals": {}},
        {"withdrawals": [[]]}, {"withdrawals": [{"index": "0x1"}]}, {"baseFeePerGas": "0x" + "1" * 65},
    ],
    ids=str,
)  # fmt: skip
def test_malformed_blocks_are_named(value: object) -> None:
    with pytest.raises(RpcError, match="blockOverrides") as refused:
        parse.block(value)
    assert refused.value.code == Code.INVALID_PARAMS


def test_older_names_of_fields_are_understood() -> None:
    block = parse.block({"coinbase": "0x" + "bb" * 20, "random": "0x" + "01" * 32, "nobody": 3})
    assert block == BlockOverride(fee_recipient=OTHER, prev_randao=b"\x01" * 32)
    assert parse.block(None) == BlockOverride()
    assert parse.accounts(None) == {}
