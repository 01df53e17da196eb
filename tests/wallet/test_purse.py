import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chain import ChainError, Ledger
from chain.errors import WriteReverted
from protocol.errors import TideprintError
from protocol.quantities import Address
from protocol.vouchers import Series, Voucher
from tests.support import Consortium, VoucherIssuer
from tests.wallet.support import Crash, KnowingIssuer, Opened, OpenPurse, first_of_all, redeem_all, vouchers_of
from wallet import Issuer, Purse, WalletError
from wallet import purse as purse_module
from wallet.keys import Keys, new_words
from wallet.purse import LOT, REQUEST

KEYS = Keys(new_words(bytes(range(32))))


@pytest.fixture
def purse(tmp_path: Path) -> Iterator[OpenPurse]:
    opened = OpenPurse(tmp_path / "purse.db", KEYS)
    yield opened
    opened.purse.close()


@pytest.fixture
def issuer(issuer_key: VoucherIssuer) -> VoucherIssuer:
    """The session's key, with nobody entitled to anything."""
    issuer_key.entitled.clear()
    issuer_key.asked.clear()
    issuer_key.answers.clear()
    return issuer_key


@pytest.fixture
def series(issuer: VoucherIssuer) -> Series:
    return Series(202611005, issuer.modulus, 20210310, Address("0x" + "c0" * 20), 5)


def owe(issuer: VoucherIssuer, series: Series, count: int) -> None:
    issuer.entitle(KEYS.credential(), series.number, count)


# collecting


@pytest.mark.parametrize("count", [0, 1, LOT, REQUEST, REQUEST + 3])
def test_all_that_is_due_is_collected_once(purse: OpenPurse, issuer: VoucherIssuer, series: Series, count: int) -> None:
    owe(issuer, series, count)
    assert purse.purse.collect(issuer, series) == count
    assert purse.purse.collect(issuer, series) == 0
    assert purse.purse.count(redeemed=False) == count
    assert purse.purse.count(redeemed=True) == 0
    assert len(issuer.answers) == -(-count // REQUEST)


def test_every_voucher_verifies_and_eight_in_a_row_share_a_recipient(
    purse: OpenPurse, issuer: VoucherIssuer, series: Series
) -> None:
    owe(issuer, series, 20)
    purse.purse.collect(issuer, series)
    vouchers = vouchers_of(purse.purse, series)
    assert len({voucher.serial for voucher in vouchers}) == 20
    assert all(series.verify(voucher) for voucher in vouchers)
    recipients = [voucher.recipient for voucher in vouchers]
    assert [recipients.count(recipient) for recipient in dict.fromkeys(recipients)] == [8, 8, 4]


def test_the_issuer_sees_nothing_it_could_find_again(purse: OpenPurse, issuer: VoucherIssuer, series: Series) -> None:
    """What is signed blindly shares no value with what is redeemed."""
    owe(issuer, series, 3)
    seen: list[int] = []
    sign = issuer.sign

    def watched(credential: bytes, number: int, request: bytes, blinded: Any) -> list[int]:
        seen.extend(blinded)
        answer = sign(credential, number, request, blinded)
        seen.extend(answer)
        return answer

    issuer.sign = watched  # type: ignore[method-assign, assignment]
    purse.purse.collect(issuer, series)
    del issuer.sign
    shown = vouchers_of(purse.purse, series)
    redeemed = {series.message(voucher.serial, voucher.recipient) for voucher in shown}
    redeemed |= {int.from_bytes(voucher.signature, "big") for voucher in shown}
    assert len(seen) == 6
    assert redeemed.isdisjoint(seen)


STEPS = ["_reserve", "before sign", "after sign", "unblind", "_transaction"]


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_while_collecting_loses_and_doubles_nothing(
    purse: OpenPurse, issuer: VoucherIssuer, series: Series, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(issuer, series, 10)
    with Crash(monkeypatch) as crash:
        if step.endswith("sign"):
            crash.at(issuer, "sign", after=step.startswith("after"))
        elif step == "unblind":
            crash.at(purse_module, "unblind", skip=4)
        else:
            crash.at(Purse, step, after=step == "_reserve", skip=int(step == "_transaction"))
        with pytest.raises(Crash.Now):
            purse.purse.collect(issuer, series)
    purse.reopen()
    assert purse.purse.count(redeemed=False) == 0
    assert purse.purse.collect(issuer, series) == 10
    assert purse.purse.count(redeemed=False) == 10
    assert issuer.due(KEYS.credential(), series.number) == 0
    assert sum(len(answer) for answer in issuer.answers.values()) == 10


Forgery = Callable[[list[int]], list[int]]


@pytest.mark.parametrize(
    "forge",
    [
        lambda signed: [*signed[:-1], signed[-1] + 1],
        lambda signed: [signed[1], signed[0], *signed[2:]],
        lambda signed: [0 for _ in signed],
        lambda signed: signed[:-1],
        lambda signed: [*signed, 1],
        lambda signed: [],
    ],
    ids=["one wrong", "two swapped", "zeros", "one missing", "one more", "none"],
)
def test_an_invalid_signature_leaves_the_request_open(
    purse: OpenPurse, issuer: VoucherIssuer, series: Series, forge: Forgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(issuer, series, 5)
    honest = issuer.sign
    with monkeypatch.context() as cheated:
        cheated.setattr(issuer, "sign", lambda *question: forge(honest(*question)))
        with pytest.raises(WalletError, match="VOUCHER_INVALID"):
            purse.purse.collect(issuer, series)
    assert purse.purse.count(redeemed=False) == 0
    assert purse.purse.collect(issuer, series) == 5


def test_a_key_per_wearer_is_noticed(purse: OpenPurse, issuer: VoucherIssuer, series: Series) -> None:
    """The series comes from the chain; what another key signs never gets into the purse."""
    owe(issuer, series, 1)
    honest = VoucherIssuer()
    with pytest.raises(WalletError, match="VOUCHER_INVALID"):
        purse.purse.collect(issuer, Series(series.number, honest.modulus, 20210310, series.contract, 5))


def test_a_write_that_fails_leaves_the_purse_usable(purse: OpenPurse) -> None:
    rows = [(1, 0, b""), (1, 0, b"")]
    with pytest.raises(sqlite3.IntegrityError), purse.purse._transaction() as db:
        db.executemany("INSERT INTO voucher(series, place, request) VALUES(?, ?, ?)", rows)
    with purse.purse._transaction() as db:
        assert db.execute("SELECT count(*) FROM voucher").fetchone() == (0,)


# redeeming, on the chain


def test_full_lots_are_redeemed_and_the_rest_waits(purse: OpenPurse, consortium: Consortium, opened: Opened) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 2 * LOT + 3)
    purse.purse.collect(issuer, series)
    assert redeem_all(purse.purse, ledger, series) == 2 * LOT
    assert ledger.redeemed(series.number) == 2 * LOT == purse.purse.count(redeemed=True)
    assert purse.purse.lots() == [(series.number, 0), (series.number, 1)]
    assert [tokens_at(ledger, series, lot) for lot in range(3)] == [8 * series.denomination] * 2 + [0]
    assert [len(purse.purse.lot(series.number, lot)) for lot in range(3)] == [LOT, LOT, 0]
    assert all(series.verify(voucher) for voucher in purse.purse.lot(series.number, 1))
    assert redeem_all(purse.purse, ledger, series) == 0
    assert redeem_all(purse.purse, ledger, series, singles=True) == 3
    assert tokens_at(ledger, series, 2) == 3 * series.denomination
    assert purse.purse.count(redeemed=False) == 0
    assert redeem_all(purse.purse, ledger, series, singles=True) == 0


def test_one_call_sends_one_lot(purse: OpenPurse, consortium: Consortium, opened: Opened) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 2 * LOT + 2)
    purse.purse.collect(issuer, series)
    left = [(2, 4)]
    while any(left[-1]):
        assert purse.purse.redeem(ledger, series, first_of_all, singles=True) in (1, LOT)
        left.append((purse.purse.waiting(series), purse.purse.waiting(series, singles=True)))
    assert left == [(2, 4), (1, 3), (0, 2), (0, 1), (0, 0)]
    assert purse.purse.redeem(ledger, series, first_of_all, singles=True) == 0
    assert ledger.redeemed(series.number) == 2 * LOT + 2


def test_the_draw_decides_which_lot_is_sent(purse: OpenPurse, consortium: Consortium, opened: Opened) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 4 * LOT)
    purse.purse.collect(issuer, series)
    assert purse.purse.redeem(ledger, series, lambda size: (2).to_bytes(size, "big")) == LOT
    assert purse.purse.lots() == [(series.number, 2)]
    assert purse.purse.redeem(ledger, series, lambda size: (5).to_bytes(size, "big")) == LOT
    assert purse.purse.lots() == [(series.number, 2), (series.number, 3)]


def test_a_lot_on_its_way_is_not_sent_again(purse: OpenPurse, consortium: Consortium, opened: Opened) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 2 * LOT)
    purse.purse.collect(issuer, series)
    first, second = (purse.purse.send(ledger, series, first_of_all) for _ in range(2))
    assert first is not None
    assert second is not None
    assert {voucher.recipient for _, voucher in first.lot}.isdisjoint(voucher.recipient for _, voucher in second.lot)
    assert purse.purse.waiting(series) == 0
    assert purse.purse.send(ledger, series, first_of_all) is None
    assert purse.purse.count(redeemed=True) == 0
    assert purse.purse.settle(ledger, second) == purse.purse.settle(ledger, first) == LOT
    assert ledger.redeemed(series.number) == 2 * LOT == purse.purse.count(redeemed=True)


def tokens_at(ledger: Ledger, series: Series, lot: int) -> int:
    return ledger.balance_of(Address(KEYS.recipient(series.number, lot).address))


REDEEMING = ["submit before", "submit after", "wait before", "wait after"]


@pytest.mark.parametrize("step", REDEEMING)
def test_a_crash_while_redeeming_loses_and_doubles_nothing(
    purse: OpenPurse, consortium: Consortium, opened: Opened, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, _, moment = step.partition(" ")
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 2 * LOT)
    purse.purse.collect(issuer, series)
    with Crash(monkeypatch) as crash:
        crash.at(Ledger, call, after=moment == "after", skip=1)
        with pytest.raises(Crash.Now):
            redeem_all(purse.purse, ledger, series)
    purse.reopen()
    again = redeem_all(purse.purse, ledger, series)
    assert again == LOT
    assert ledger.redeemed(series.number) == 2 * LOT == purse.purse.count(redeemed=True)
    assert [tokens_at(ledger, series, lot) for lot in range(2)] == [8 * series.denomination] * 2


def test_a_crash_among_single_vouchers_takes_none_of_the_rest_along(
    purse: OpenPurse, consortium: Consortium, opened: Opened
) -> None:
    """Five singles are on the chain and not marked, then three more fill their lot; the three keep their worth."""
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, 5)
    purse.purse.collect(issuer, series)
    sent = [purse.purse.send(ledger, series, first_of_all, singles=True) for _ in range(5)]
    for one in sent:
        assert one is not None
        assert one.pending is not None
        ledger.wait(one.pending)
    purse.reopen()
    owe(issuer, series, 3)
    assert purse.purse.collect(issuer, series) == 3
    redeem_all(purse.purse, ledger, series)
    redeem_all(purse.purse, ledger, series, singles=True)
    assert ledger.redeemed(series.number) == 8 == purse.purse.count(redeemed=True)
    assert tokens_at(ledger, series, 0) == 8 * series.denomination


def test_a_lot_sent_twice_counts_once(
    purse: OpenPurse, consortium: Consortium, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second redemption fails only in its block, because the first was not in one when it was sent."""
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, LOT)
    purse.purse.collect(issuer, series)
    submit = Ledger.submit

    def twice(self: Ledger, *arguments: Any) -> Any:
        pending = submit(self, *arguments)
        self.wait(pending)
        monkeypatch.setattr(Ledger, "wait", overtaken)
        return pending

    def overtaken(self: Ledger, pending: Any) -> Any:
        raise WriteReverted("voucher: spent")

    monkeypatch.setattr(Ledger, "submit", twice)
    assert redeem_all(purse.purse, ledger, series) == LOT
    assert ledger.redeemed(series.number) == LOT == purse.purse.count(redeemed=True)


def test_a_refused_lot_stays_in_the_purse(
    purse: OpenPurse, consortium: Consortium, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, LOT)
    purse.purse.collect(issuer, series)

    def refuse(*_: Any) -> Any:
        raise WriteReverted("token: paused")

    for submit in (refuse, lambda *_: object()):
        assert purse.purse.waiting(series) == 1
        with monkeypatch.context() as stopped:
            stopped.setattr(Ledger, "submit", submit)
            stopped.setattr(Ledger, "wait", refuse)
            with pytest.raises(WriteReverted, match="paused"):
                redeem_all(purse.purse, ledger, series)
        assert purse.purse.count(redeemed=False) == LOT
    assert redeem_all(purse.purse, ledger, series) == LOT


def test_a_lost_node_loses_no_voucher(
    purse: OpenPurse, consortium: Consortium, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    owe(issuer, series, LOT)
    purse.purse.collect(issuer, series)
    with monkeypatch.context() as slow:
        slow.setattr("chain.ledger.WAIT_SECONDS", 0)
        with pytest.raises(ChainError, match="WRITE_TIMEOUT"):
            redeem_all(purse.purse, ledger, series)
    assert redeem_all(purse.purse, ledger, series) == LOT
    assert ledger.redeemed(series.number) == LOT


# a purse that was lost, or is an old copy


@pytest.fixture
def knowing(issuer: VoucherIssuer) -> KnowingIssuer:
    return KnowingIssuer(issuer, KEYS.credential())


def collected(folder: Path, issuer: Issuer, series: Series, *, again: bool = False) -> list[Voucher]:
    """What a purse holds that starts from nothing but the keys."""
    opened = OpenPurse(folder / "purse.db", KEYS)
    (opened.purse.recover if again else opened.purse.collect)(issuer, series)
    held = vouchers_of(opened.purse, series)
    opened.purse.close()
    return held


@pytest.mark.parametrize("before", [1, 5, 8, REQUEST - 1, REQUEST, REQUEST + 7])
@pytest.mark.parametrize("after", [1, 6, REQUEST])
def test_after_a_loss_collecting_brings_the_old_vouchers_too(
    tmp_path: Path,
    purse: OpenPurse,
    issuer: VoucherIssuer,
    knowing: KnowingIssuer,
    series: Series,
    before: int,
    after: int,
) -> None:
    owe(issuer, series, before)
    purse.purse.collect(knowing, series)
    old = vouchers_of(purse.purse, series)
    owe(issuer, series, after)
    (tmp_path / "new").mkdir()
    held = collected(tmp_path / "new", knowing, series)
    assert held[:before] == old
    assert len(held) == before + after
    assert issuer.due(KEYS.credential(), series.number) == 0
    assert sum(len(answer) for answer in issuer.answers.values()) == before + after


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("requests", [[], [1], [9, 1, REQUEST]])
def test_what_was_collected_before_comes_back_when_nothing_is_due(
    tmp_path: Path,
    purse: OpenPurse,
    issuer: VoucherIssuer,
    knowing: KnowingIssuer,
    series: Series,
    requests: list[int],
    closed: bool,
) -> None:
    for count in requests:
        owe(issuer, series, count)
        purse.purse.collect(knowing, series)
    knowing.closed = closed
    (tmp_path / "new").mkdir()
    assert collected(tmp_path / "new", knowing, series) == []
    assert collected(tmp_path / "new", knowing, series, again=True) == vouchers_of(purse.purse, series)
    assert purse.purse.recover(knowing, series) == 0
    assert len(vouchers_of(purse.purse, series)) == sum(requests)


def test_an_old_copy_goes_on_where_the_lost_purse_was(
    tmp_path: Path, purse: OpenPurse, issuer: VoucherIssuer, knowing: KnowingIssuer, series: Series
) -> None:
    """The copy even has a request open, for another number than was asked for in the end."""
    owe(issuer, series, 3)
    purse.purse.collect(knowing, series)
    (tmp_path / "new").mkdir()
    copy = OpenPurse(tmp_path / "new" / "purse.db", KEYS)
    copy.purse.collect(knowing, series)
    copy.purse.recover(knowing, series)
    copy.purse._reserve(series.number, 12)
    owe(issuer, series, 7)
    purse.purse.collect(knowing, series)
    owe(issuer, series, 2)
    assert copy.purse.collect(knowing, series) == 9
    held = vouchers_of(copy.purse, series)
    copy.purse.close()
    assert purse.purse.recover(knowing, series) == 2
    assert held == vouchers_of(purse.purse, series)
    assert len(held) == 12


def test_an_issuer_that_knows_no_form_of_a_request_signs_nothing(
    purse: OpenPurse, issuer: VoucherIssuer, knowing: KnowingIssuer, series: Series
) -> None:
    owe(issuer, series, 4)
    issuer.asked[purse.purse._request(series.number, 0)] = [1]
    with pytest.raises(WalletError, match="VOUCHER_INVALID"):
        purse.purse.collect(knowing, series)
    assert knowing.calls == REQUEST
    assert purse.purse.count(redeemed=False) == 0
    assert issuer.due(KEYS.credential(), series.number) == 4


def test_another_refusal_ends_a_recovery(
    purse: OpenPurse, issuer: VoucherIssuer, knowing: KnowingIssuer, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stranger(*_: Any) -> Any:
        raise TideprintError("NOT_DATA_SUBJECT", "no such wearer")

    monkeypatch.setattr(knowing, "sign", stranger)
    with pytest.raises(TideprintError, match="NOT_DATA_SUBJECT"):
        purse.purse.recover(knowing, series)


def test_recovered_vouchers_that_were_redeemed_are_not_redeemed_twice(
    tmp_path: Path, purse: OpenPurse, consortium: Consortium, opened: Opened
) -> None:
    ledger, (series, issuer) = consortium.ledger, next(opened)
    knowing = KnowingIssuer(issuer, KEYS.credential())
    owe(issuer, series, 2 * LOT)
    purse.purse.collect(knowing, series)
    purse.purse.redeem(ledger, series, first_of_all)
    (tmp_path / "new").mkdir()
    restored = OpenPurse(tmp_path / "new" / "purse.db", KEYS).purse
    assert restored.recover(knowing, series) == 2 * LOT
    assert restored.recipients() == [(series.number, 0), (series.number, 1)]
    assert restored.lots() == []
    assert redeem_all(restored, ledger, series) == 2 * LOT
    restored.close()
    assert ledger.redeemed(series.number) == 2 * LOT


# one-time signers


def test_uses_of_a_relation_never_repeat_across_restarts(purse: OpenPurse) -> None:
    uses = []
    for _ in range(3):
        uses += [purse.purse.next_use(7), purse.purse.next_use(7)]
        purse.reopen()
    assert uses == [0, 1, 2, 3, 4, 5]
    assert purse.purse.next_use(8) == 0
