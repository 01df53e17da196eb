"""Everybody's balance from the token's events, so that no node learns whose is wanted."""

from typing import Any

import pytest
from web3.exceptions import Web3RPCError

from chain import ChainError, Deployment, Ledger, writes
from protocol.quantities import Address, Serial
from protocol.vouchers import Series, blind, unblind
from tests.support import Consortium, VoucherIssuer, account, address

NUMBER = 202_512_007


@pytest.fixture(scope="module")
def holders(consortium: Consortium) -> list[Address]:
    """Three holders of a voucher each; the first has paid two tokens, the second all it had."""
    issuer = VoucherIssuer()
    consortium.open_series({NUMBER: issuer.modulus})
    ledger = consortium.ledger
    names = [f"balances {place}" for place in range(3)]
    ledger.write_all([(redeeming(ledger.series(NUMBER), issuer, name), account(name)) for name in names])
    paid = [
        (writes.Transfer(address("SPORT"), amount), account(name)) for name, amount in zip(names, (2, 7), strict=False)
    ]
    ledger.write_all(paid)
    ledger.write(writes.Burn(4), account("SPORT"))
    return [address(name) for name in names]


def redeeming(series: Series, issuer: VoucherIssuer, name: str) -> writes.Redeem:
    serial = Serial(name.encode().ljust(32))
    signed = issuer.raw_sign(blind(series.message(serial, address(name)), 3, series.modulus))
    signature = writes.RsaValue(unblind(signed, 3, series.modulus))
    return writes.Redeem(series.number, address(name), (writes.Word(serial),), (signature,))


def fresh(consortium: Consortium) -> Ledger:
    return Ledger(consortium.url, Deployment.load(consortium.file))


def test_events_and_contract_agree(consortium: Consortium, holders: list[Address]) -> None:
    ledger = fresh(consortium)
    found = ledger.balances()
    assert [found.get(holder, 0) for holder in holders] == [5, 0, 7]
    assert all(ledger.balance_of(holder) == tokens > 0 for holder, tokens in found.items())
    assert sum(found.values()) == ledger.total_supply()


def test_what_was_read_is_not_read_again(
    consortium: Consortium, holders: list[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = fresh(consortium)
    before = ledger.balances()
    asked: list[int] = []
    transfers = ledger._transfers

    def watched(first: int, last: int) -> Any:
        asked.append(first)
        return transfers(first, last)

    monkeypatch.setattr(ledger, "_transfers", watched)
    ledger.write(writes.Transfer(address("SPORT"), 1), account("balances 2"))
    after = ledger.balances()
    assert after[holders[2]] == ledger.balance_of(holders[2]) == before[holders[2]] - 1
    assert min(asked) > 1


def test_ranges_that_are_too_much_for_the_node_are_halved(
    consortium: Consortium, holders: list[Address], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fresh(consortium).balances()
    monkeypatch.setattr("chain.ledger.LOG_BLOCKS", 16)
    ledger = fresh(consortium)
    get_logs = ledger.web3.eth.get_logs

    def limited(wanted: Any) -> Any:
        if wanted["toBlock"] - wanted["fromBlock"] > 2:
            raise Web3RPCError("more than 3 blocks; ask for a smaller range")
        return get_logs(wanted)

    monkeypatch.setattr(ledger.web3.eth, "get_logs", limited)
    assert ledger.balances() == whole


def test_a_node_that_refuses_a_single_block_is_told(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = fresh(consortium)

    def refusing(wanted: Any) -> Any:
        raise Web3RPCError("no logs here")

    monkeypatch.setattr(ledger.web3.eth, "get_logs", refusing)
    with pytest.raises(ChainError, match="NODE_REFUSED"):
        ledger.balances()
