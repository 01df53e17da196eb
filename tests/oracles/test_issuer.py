"""Issuance: what was earned and no more, repeatable, and blind."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracles.issuer import Issuer
from oracles.ledger import IssuanceRefused, Ledger
from oracles.sealing import ErasableSeal
from oracles.series_keys import SeriesKeyError, SeriesKeys
from protocol.quantities import Address, Day, Serial, SubjectId
from protocol.vouchers import Series, Voucher, blind, unblind
from tests.oracles.core_support import DAY, TagKeys

SERIES = 202_611_005
CONTRACT = Address("0x00000000000000000000000000000000000000AA")
RECIPIENT = Address("0x00000000000000000000000000000000000000bB")
ANN, BEN = SubjectId(b"a" * 16), SubjectId(b"b" * 16)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SeriesKeys:
    keys = SeriesKeys(tmp_path_factory.mktemp("keys"), bytes(32))
    keys.create(SERIES)
    return keys


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger.db", ErasableSeal(TagKeys()))
    ledger.credit(ANN, DAY, 50, SERIES, 5)
    yield ledger
    ledger.close()


@pytest.fixture
def issuer(keys: SeriesKeys, ledger: Ledger) -> Issuer:
    return Issuer(keys, ledger)


def request() -> bytes:
    return secrets.token_bytes(16)


def test_a_collected_voucher_is_accepted_and_the_issuer_has_never_seen_it(issuer: Issuer, tmp_path: Path) -> None:
    series = Series(SERIES, issuer.modulus(SERIES), 20_210_310, CONTRACT, 5)
    n = int.from_bytes(series.modulus, "big")
    serials = [Serial(secrets.token_bytes(32)) for _ in range(3)]
    factors = [secrets.randbelow(n - 2) + 2 for _ in serials]
    messages = [series.message(serial, RECIPIENT) for serial in serials]
    blinded = [blind(message, factor, series.modulus) for message, factor in zip(messages, factors, strict=True)]
    answers = issuer.collect(ANN, SERIES, request(), blinded)
    vouchers = [
        Voucher(SERIES, serial, RECIPIENT, unblind(answer, factor, series.modulus))
        for serial, factor, answer in zip(serials, factors, answers, strict=True)
    ]
    assert all(series.verify(voucher) for voucher in vouchers)
    seen = {value.to_bytes(256, "big") for value in (*blinded, *answers)}
    redeemed = {voucher.signature for voucher in vouchers} | {message.to_bytes(256, "big") for message in messages}
    assert not seen & redeemed
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    for value in (*seen, *redeemed, *serials):
        assert value not in stored


def test_the_same_blinding_explains_every_voucher(issuer: Issuer) -> None:
    """For what the issuer saw and any other voucher there is a factor that links them: so nothing links them."""
    series = Series(SERIES, issuer.modulus(SERIES), 20_210_310, CONTRACT, 5)
    key = issuer._keys.key(SERIES)
    n = key.n
    mine, other = (series.message(Serial(secrets.token_bytes(32)), RECIPIENT) for _ in range(2))
    seen = blind(mine, secrets.randbelow(n - 2) + 2, series.modulus)
    factor = key.sign_blinded(seen * pow(other, -1, n) % n)
    assert blind(other, factor, series.modulus) == seen


def test_nobody_collects_more_than_was_earned(issuer: Issuer) -> None:
    assert issuer.collectable(ANN) == {SERIES: 10}
    for subject, count in ((ANN, 11), (BEN, 1)):
        with pytest.raises(IssuanceRefused, match="NOT_ENTITLED"):
            issuer.collect(subject, SERIES, request(), [5] * count)
    assert issuer.issued(SERIES) == 0
    issuer.collect(ANN, SERIES, request(), list(range(2, 10)))
    with pytest.raises(IssuanceRefused, match="NOT_ENTITLED"):
        issuer.collect(ANN, SERIES, request(), [2, 3, 4])
    issuer.collect(ANN, SERIES, request(), [2, 3])
    assert issuer.collectable(ANN) == {}
    assert issuer.issued(SERIES) == 10


def test_a_repeated_request_is_answered_alike_and_counted_once(issuer: Issuer) -> None:
    again = request()
    first = issuer.collect(ANN, SERIES, again, [2, 3, 4])
    assert issuer.collect(ANN, SERIES, again, [2, 3, 4]) == first
    assert issuer.issued(SERIES) == 3
    for changed in ([2, 3, 5], [4, 3, 2], [2, 3]):
        with pytest.raises(IssuanceRefused, match="REQUEST_CHANGED"):
            issuer.collect(ANN, SERIES, again, changed)
    assert issuer.issued(SERIES) == 3


def test_malformed_requests_are_refused_before_anything_counts(issuer: Issuer) -> None:
    n = int.from_bytes(issuer.modulus(SERIES), "big")
    for identifier, messages in (
        (b"short", [2]), (request(), []), (request(), [2] * 33), (request(), [0]), (request(), [n]), (request(), [-5]),
    ):  # fmt: skip
        with pytest.raises(IssuanceRefused, match="REQUEST_MALFORMED"):
            issuer.collect(ANN, SERIES, identifier, messages)
    with pytest.raises(SeriesKeyError, match="SERIES_UNKNOWN"):
        issuer.collect(ANN, 1, request(), [2])
    assert issuer.issued(SERIES) == 0


def test_a_closed_series_issues_no_more_and_its_key_can_be_destroyed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", ErasableSeal(TagKeys()))
    issuer = Issuer(SeriesKeys(tmp_path / "keys", bytes(32)), ledger)
    modulus = issuer.open_series(SERIES)
    assert issuer.open_series(SERIES) == modulus
    ledger.credit(ANN, DAY, 50, SERIES, 5)
    again = request()
    issuer.collect(ANN, SERIES, again, [2])
    with pytest.raises(IssuanceRefused, match="SERIES_OPEN"):
        issuer.destroy_key(SERIES)
    assert issuer.close_series(SERIES) == issuer.close_series(SERIES) == 1
    assert issuer.collectable(ANN) == {}
    with pytest.raises(IssuanceRefused, match="SERIES_CLOSED"):
        issuer.collect(ANN, SERIES, request(), [3])
    assert len(issuer.collect(ANN, SERIES, again, [2])) == 1
    assert ledger.credit(ANN, Day(DAY + 1), 7, SERIES, 5).vouchers == 0
    assert ledger.carried(ANN) == 7
    assert ledger.credit(ANN, Day(DAY + 2), 4, SERIES + 1_000, 5).vouchers == 2
    issuer.destroy_key(SERIES)
    with pytest.raises(SeriesKeyError, match="SERIES_DESTROYED"):
        issuer.collect(ANN, SERIES, again, [2])
    ledger.close()


def test_a_day_is_paid_once_and_the_rest_is_carried(ledger: Ledger) -> None:
    assert ledger.credit(BEN, DAY, 13, SERIES, 5).vouchers == 2
    assert ledger.carried(BEN) == 3
    again = ledger.credit(BEN, DAY, 13, SERIES, 5)
    assert (again.repeated, again.vouchers) == (True, 0)
    assert ledger.is_paid(BEN, DAY)
    assert ledger.credit(BEN, Day(DAY + 1), 2, SERIES, 5).vouchers == 1
    assert ledger.carried(BEN) == 0
    assert ledger.carried(SubjectId(b"c" * 16)) == 0
    assert ledger.credit(BEN, Day(DAY + 2), 0, SERIES, 5).vouchers == 0


def test_erasing_a_subject_keeps_the_totals_of_the_series_only(issuer: Issuer, tmp_path: Path) -> None:
    issuer.collect(ANN, SERIES, request(), [2, 3])
    assert issuer.holds(ANN)
    assert issuer.erase(ANN) == 4
    assert not issuer.holds(ANN)
    assert issuer.erase(ANN) == 0
    assert issuer.issued(SERIES) == 2
    assert bytes(ANN) not in b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    with pytest.raises(IssuanceRefused, match="NOT_ENTITLED"):
        issuer.collect(ANN, SERIES, request(), [2])
