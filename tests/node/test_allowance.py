"""The allowance of accounts without a role: the counts alone, at the door, in a proposal, in a decided block."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import PERMISSION_CODES, TransactionRefused
from node.proposals import Slot
from node.rules.allowance import SWEPT, TABLE, Allowances
from node.transactions import Transaction, decode
from tests.node.support import (
    FOUNDER,
    NOBODY,
    STRANGER,
    Chain,
    Client,
    account,
    call_data,
    chain,
    compiled_product,
    council_creation,
    genesis,
    raw,
    serving,
    sign,
)

HOUR = 3_600
TEMPLATE = decode(sign(STRANGER, 0, NOBODY, gas=21_000))


@dataclass
class Table:
    """The counts of a store, in memory."""

    rows: dict[bytes, bytes] = field(default_factory=dict)

    def extra(self, name: str, key: bytes) -> bytes | None:
        assert name == TABLE
        return self.rows.get(key)

    def first_extras(self, name: str, limit: int) -> list[bytes]:
        assert name == TABLE
        return sorted(self.rows)[:limit]

    def write(self, changes: dict[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            if value is None:
                del self.rows[key]
            else:
                self.rows[key] = value


@dataclass
class Word:
    """The Council's word, as permissions tell it."""

    open_allowance: int
    trusted: frozenset[bytes] = frozenset()

    def is_trusted(self, sender: bytes) -> bool:
        return sender in self.trusted


def asking(sender: int, gas: int) -> Transaction:
    return replace(TEMPLATE, sender=bytes([sender]) * 20, gas=gas)


def allowed(counts: Allowances, tx: Transaction, word: Any, waiting: int = 0) -> bool:
    try:
        counts.check(tx, word, waiting)
    except TransactionRefused:
        return False
    return True


def test_the_last_unit_may_be_spent_and_no_more() -> None:
    word, counts = Word(100), Allowances(HOUR, 7_200, Table())
    assert allowed(counts, asking(1, 100), word)
    assert not allowed(counts, asking(1, 101), word)
    counts.charge(bytes([1]) * 20, 60)
    assert allowed(counts, asking(1, 40), word)
    assert not allowed(counts, asking(1, 41), word)
    assert not allowed(counts, asking(1, 31), word, waiting=10)
    assert allowed(counts, asking(2, 100), word)
    assert not allowed(counts, asking(2, 1), Word(0))
    assert allowed(counts, asking(1, 10**9), Word(0, frozenset({bytes([1]) * 20})))


@pytest.mark.parametrize(
    ("allowance", "used", "gas", "message", "hint"),
    [
        (100, 60, 50, "has 40 gas left of 100 until", "lower the gas, or wait until"),
        (100, 60, 101, "asks for 101", "lower the gas, or ask the Council for a role"),
        (100, 100, 50, "has 0 gas left of 100 until 1970-01-01 03:00:00 UTC", "wait until 1970-01-01 03:00:00 UTC, or"),
        (0, 0, 50, "has 0 gas left of 0", "ask the Council for a role"),
        (10, 60, 5, "has 0 gas left of 10", "wait until"),
    ],
)
def test_a_refusal_says_what_is_left_and_what_helps(
    allowance: int, used: int, gas: int, message: str, hint: str
) -> None:
    counts = Allowances(HOUR, 10_799, Table())
    counts.charge(bytes([1]) * 20, used)
    with pytest.raises(TransactionRefused) as caught:
        counts.check(asking(1, gas), Word(allowance))  # type: ignore[arg-type]
    assert message in caught.value.message
    assert caught.value.hint.startswith(hint)
    assert caught.value.refused in PERMISSION_CODES


def test_a_window_ends_at_the_full_hour() -> None:
    table = Table()
    last = Allowances(HOUR, 7_199, table)
    last.charge(bytes([1]) * 20, 5)
    table.write(last.changes())
    assert last.ends == 7_200
    assert Allowances(HOUR, 3_600, table).used(bytes([1]) * 20) == 5
    assert Allowances(HOUR, 7_200, table).used(bytes([1]) * 20) == 0
    assert Allowances(60, 7_199, Table()).ends == 7_200


BLOCKS = st.lists(
    st.tuples(st.integers(0, 400), st.lists(st.tuples(st.integers(0, 5), st.integers(1, 50)), max_size=8)), max_size=30
)


@settings(max_examples=200, deadline=None)
@given(BLOCKS)
def test_counts_are_the_sums_of_the_window_and_old_ones_go(blocks: list[tuple[int, list[tuple[int, int]]]]) -> None:
    """Against sums over all blocks of the window; what is left of passed windows is soon forgotten."""
    table, now, history = Table(), 1_000, list[tuple[int, int, int]]()
    for step, spent in blocks:
        now += step + 1
        counts = Allowances(100, now, table)
        for sender, gas in spent:
            counts.charge(bytes([sender]) * 20, gas)
            history.append((now // 100, sender, gas))
        changes = counts.changes()
        assert changes == counts.changes()
        table.write(changes)
        for sender in range(6):
            expected = sum(gas for window, who, gas in history if (window, who) == (now // 100, sender))
            assert Allowances(100, now, table).used(bytes([sender]) * 20) == expected
        assert {int.from_bytes(key[:8], "big") for key in table.rows} <= {now // 100}


def test_no_block_pays_for_the_end_of_a_window_alone() -> None:
    table = Table()
    crowd = Allowances(100, 100, table)
    for number in range(1_000):
        crowd.charge(number.to_bytes(20, "big"), 1)
    table.write(crowd.changes())
    assert len(table.rows) == 1_000
    forgotten = []
    for _ in range(20):
        changes = Allowances(100, 200, table).changes()
        forgotten.append(len(changes))
        table.write(changes)
    assert max(forgotten) == SWEPT
    assert not table.rows
    busy = Allowances(100, 300, table)
    busy.charge(bytes(20), 1)
    assert len(busy.changes()) == 1


# a chain


def opened(made: Chain, allowance: int) -> int:
    """A target open to everybody, under an allowance; the founder's next nonce."""
    council = made.application.genesis.council
    for nonce, data in (
        (1, call_data("set_target(address,bool)", NOBODY, True)),
        (2, call_data("set_allowance(uint256)", allowance)),
    ):
        made.seal(sign(FOUNDER, nonce, council, data=data, gas=100_000))
    return 3


def test_at_the_door_in_a_proposal_and_in_a_decided_block(governed: Chain) -> None:
    opened(governed, 50_000)
    application = governed.application
    governed.seal(sign(STRANGER, 0, gas=50_000))
    for gas, code in ((29_000, ""), (29_001, "ALLOWANCE_SPENT")):
        assert governed.refusal(sign(STRANGER, 1, gas=gas)) == code
    greedy = sign(STRANGER, 1, gas=29_001)
    verdict = application.process_proposal(governed.next(greedy))
    assert [refusal.code for refusal in verdict.refusals] == ["ALLOWANCE_SPENT"]
    finalized = application.finalize_block(governed.next(greedy, sign(FOUNDER, 3)))
    assert [result.code for result in finalized.results] == [2, 0]
    assert len(application.commit().transactions) == 1
    assert application.account(raw(STRANGER)).nonce == 1
    both = [sign(STRANGER, nonce, gas=21_000) for nonce in (1, 2)]
    prepared = application.prepare_proposal(governed.next().slot, both)
    assert prepared.proposal.transactions == (both[0],)
    assert [refusal.code for _, refusal in prepared.refused] == ["ALLOWANCE_SPENT"]


def test_the_next_window_begins_anew(governed: Chain) -> None:
    opened(governed, 21_000)
    governed.seal(sign(STRANGER, 0))
    assert governed.proposal_refusal(sign(STRANGER, 1)) == "ALLOWANCE_SPENT"
    head = governed.application.head.time
    following = head // HOUR * HOUR + HOUR
    assert not governed.application.process_proposal(
        replace(governed.next(sign(STRANGER, 1)), slot=Slot(governed.application.head.number + 1, following - 1))
    ).accepted
    governed.seal(sign(STRANGER, 1), time=following)
    assert governed.refusal(sign(STRANGER, 2)) == "ALLOWANCE_SPENT"
    rows = governed.store.first_extras(TABLE, 10)
    assert [int.from_bytes(key[:8], "big") for key in rows] == [following // HOUR]


def test_members_are_counted_and_not_bound(governed: Chain) -> None:
    nonce = opened(governed, 30_000)
    governed.seal(*(sign(FOUNDER, nonce + more) for more in range(3)))
    council = governed.application.genesis.council
    dismissal = call_data("set_sender(address,bool)", FOUNDER.address, False)
    governed.seal(sign(FOUNDER, nonce + 3, council, data=dismissal, gas=100_000))
    assert governed.refusal(sign(FOUNDER, nonce + 4)) == "ALLOWANCE_SPENT"
    used = governed.store.extra(TABLE, (governed.application.head.time // HOUR).to_bytes(8, "big") + raw(FOUNDER))
    assert int.from_bytes(used or b"", "big") > 30_000


def test_a_role_given_or_taken_and_an_allowance_changed_count_from_the_next_transaction(governed: Chain) -> None:
    nonce, council = opened(governed, 21_000), governed.application.genesis.council
    steps = [
        sign(STRANGER, 0),
        sign(STRANGER, 1),
        sign(FOUNDER, nonce, council, data=call_data("set_sender(address,bool)", STRANGER.address, True), gas=100_000),
        sign(STRANGER, 1),
        sign(FOUNDER, nonce + 1, council, data=call_data("set_sender(address,bool)", STRANGER.address, False),
             gas=100_000),
        sign(STRANGER, 2),
        sign(FOUNDER, nonce + 2, council, data=call_data("set_allowance(uint256)", 63_000), gas=100_000),
        sign(STRANGER, 2),
    ]  # fmt: skip
    finalized = governed.application.finalize_block(governed.next(*steps))
    assert [result.code for result in finalized.results] == [0, 2, 0, 0, 0, 2, 0, 0]


def test_what_is_charged_is_what_was_used_even_by_what_failed(governed: Chain) -> None:
    nonce = opened(governed, 1_000_000)
    counter = governed.seal(sign(FOUNDER, nonce, None, data=bytes.fromhex("60fe5f5360015ff3"), gas=100_000))
    broken, council = counter.receipts[0].contract, governed.application.genesis.council
    opening = call_data("set_target(address,bool)", "0x" + broken.hex(), True)
    governed.seal(sign(FOUNDER, nonce + 1, council, data=opening, gas=100_000))
    block = governed.seal(sign(STRANGER, 0, broken, gas=600_000))
    assert (block.receipts[0].status, block.receipts[0].gas_used) == (0, 600_000)
    assert governed.refusal(sign(STRANGER, 1, gas=400_000)) == ""
    assert governed.refusal(sign(STRANGER, 1, gas=400_001)) == "ALLOWANCE_SPENT"


def test_zero_closes(governed: Chain) -> None:
    opened(governed, 0)
    assert governed.refusal(sign(STRANGER, 0)) == "ALLOWANCE_SPENT"
    assert governed.refusal(sign(FOUNDER, 3)) == ""


def test_the_product_council_allows_ten_million_and_decides_otherwise(tmp_path: Path) -> None:
    arguments = encode(["address[]", "uint256", "uint256", "address"], [[FOUNDER.address], 1, 0, FOUNDER.address])
    with chain(tmp_path / "real") as made:
        council = made.application.genesis.council
        made.seal(sign(FOUNDER, 0, None, data=compiled_product("Council") + arguments, gas=5_000_000))
        nonce = 1
        for payload in (
            call_data("set_target(address,bool)", NOBODY, True),
            call_data("set_allowance(uint256)", 3_000_000),
        ):
            assert made.refusal(sign(STRANGER, 0, gas=3_750_000)) == ("SEND_FORBIDDEN" if nonce == 1 else "")
            for step in ("propose", "execute"):
                data = call_data(f"{step}(address,bytes,bytes32)", "0x" + council.hex(), payload, bytes(32))
                made.seal(sign(FOUNDER, nonce, council, data=data, gas=1_000_000))
                nonce += 1
        assert made.refusal(sign(STRANGER, 0, gas=3_000_001)) == "ALLOWANCE_SPENT"
        assert made.refusal(sign(account("other"), 0, gas=3_000_000)) == ""


def test_a_council_that_knows_no_allowance_allows_none(young: Chain) -> None:
    """Code that lets everybody send everywhere but to 0x0, and fails without an argument."""
    code = bytes.fromhex("6024361060125760243515155f5260205ff35b5f5ffd")
    creation = bytes.fromhex("75") + code + bytes.fromhex("5f526016600af3")
    young.seal(sign(FOUNDER, 0, None, data=creation, gas=200_000))
    assert young.refusal(sign(STRANGER, 0)) == "ALLOWANCE_SPENT"


def test_what_waits_counts_at_the_door(tmp_path: Path) -> None:
    """Mined or waiting, the second transaction leaves nothing for the third; a member's go on."""
    born = replace(genesis(), window=86_400)
    with serving(tmp_path, born) as server:
        client, council = Client(server.url), born.council
        client.mined(council_creation())
        for nonce, data in (
            (1, call_data("set_target(address,bool)", NOBODY, True)),
            (2, call_data("set_allowance(uint256)", 50_000)),
        ):
            client.mined(sign(FOUNDER, nonce, council, data=data, gas=100_000))
        for nonce in range(2):
            client.ask("eth_sendRawTransaction", "0x" + sign(STRANGER, nonce).hex())
        error = client.error("eth_sendRawTransaction", "0x" + sign(STRANGER, 2).hex())
        assert (error["code"], error["data"]) == (-32003, {"code": "ALLOWANCE_SPENT"})
        assert "has 8000 gas left of 50000 until" in error["message"]
        for nonce in range(3, 6):
            client.ask("eth_sendRawTransaction", "0x" + sign(FOUNDER, nonce).hex())
