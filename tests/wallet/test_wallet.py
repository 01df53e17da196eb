from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st
from requests import Session

from chain import Deployment, Ledger, writes
from chain.errors import WriteReverted
from protocol.agreements import AgreementState
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Address
from protocol.typed_data import Consent, Domain, digest_of, signable
from tests.support import Consortium, account, address
from tests.wallet.support import Opened, first_of_all, redeem_all, vouchers_of
from wallet import Wallet, WalletError
from wallet.keys import new_words
from wallet.wallet import Holding, parts_of, sign, withdrawal

DAY = 86_400


@pytest.fixture
def ledger(consortium: Consortium) -> Ledger:
    return consortium.ledger


@pytest.fixture
def wallet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Wallet]:
    """A wallet of its own for every test: what lies on the chain stays there."""
    words = new_words(keccak(request.node.name.encode()))
    made = Wallet.restore(tmp_path / "wallet", words, "passphrase", iterations=2)
    yield made
    made.close()


@pytest.fixture
def rich(wallet: Wallet, ledger: Ledger, opened: Opened) -> tuple[Wallet, int]:
    """A wallet with tokens at two addresses, and how many there are at each."""
    series, issuer = next(opened)
    issuer.entitle(wallet.keys.credential(), series.number, 16)
    assert wallet.collect(issuer, series) == redeem_all(wallet.purse, ledger, series) == 16
    return wallet, 8 * series.denomination


# paying


def holdings_of(*tokens: int) -> list[Holding]:
    return [Holding(account(f"holding {place}"), amount) for place, amount in enumerate(tokens)]


@pytest.mark.parametrize(
    ("held", "tokens", "taken"),
    [
        ([40], 40, [40]),
        ([40, 80, 60], 50, [(2, 50)]),
        ([40, 80, 60], 60, [(2, 60)]),
        ([40, 40], 1, [(0, 1)]),
        ([40, 80, 60], 81, [(1, 80), (0, 1)]),
        ([40, 80, 60], 130, [(1, 80), (2, 50)]),
        ([10, 20, 30, 40], 100, [(3, 40), (2, 30), (1, 20), (0, 10)]),
    ],
)
def test_a_payment_takes_the_smallest_that_is_enough_or_as_few_as_possible(
    held: list[int], tokens: int, taken: list[Any]
) -> None:
    holdings = holdings_of(*held)
    parts = parts_of(holdings, tokens)
    expected = [part if isinstance(part, tuple) else (0, part) for part in taken]
    assert parts == [Holding(holdings[place].account, amount) for place, amount in expected]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.data())
def test_no_payment_takes_more_addresses_than_it_needs(held: list[int], data: st.DataObject) -> None:
    tokens = data.draw(st.integers(1, sum(held)))
    holdings = holdings_of(*held)
    parts = parts_of(holdings, tokens)
    fewest = next(n for n in range(1, len(held) + 1) if sum(sorted(held)[-n:]) >= tokens)
    assert sum(part.tokens for part in parts) == tokens
    assert len(parts) == len({part.account.address for part in parts}) == fewest
    whole = {holding.account.address: holding.tokens for holding in holdings}
    assert all(part.tokens == whole[part.account.address] for part in parts[:-1])
    if fewest == 1:
        assert whole[parts[0].account.address] == min(amount for amount in held if amount >= tokens)


def test_a_payment_touches_one_address_as_long_as_one_is_enough(rich: tuple[Wallet, int], ledger: Ledger) -> None:
    wallet, each = rich
    before = ledger.balance_of(address("SPORT"))
    assert [part.tokens for part in wallet.pay(ledger, address("SPORT"), 3)] == [3]
    assert sorted(holding.tokens for holding in wallet.holdings(ledger)) == [each - 3, each]
    assert [part.tokens for part in wallet.pay(ledger, address("SPORT"), each)] == [each]
    assert [holding.tokens for holding in wallet.holdings(ledger)] == [each - 3]
    assert [part.tokens for part in wallet.pay(ledger, address("SPORT"), each - 3)] == [each - 3]
    assert wallet.holdings(ledger) == []
    ledger.write(writes.Burn(2 * each), account("SPORT"))
    assert ledger.balance_of(address("SPORT")) == before


def test_a_payment_takes_two_where_one_is_not_enough(rich: tuple[Wallet, int], ledger: Ledger) -> None:
    wallet, each = rich
    before = ledger.balance_of(address("SPORT"))
    assert [part.tokens for part in wallet.pay(ledger, address("SPORT"), each + 3)] == [each, 3]
    assert ledger.balance_of(address("SPORT")) == before + each + 3
    assert [holding.tokens for holding in wallet.holdings(ledger)] == [each - 3]
    ledger.write(writes.Burn(each + 3), account("SPORT"))


def test_the_node_is_not_asked_for_an_address_of_the_wallet(
    rich: tuple[Wallet, int], consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    wallet, each = rich
    fresh = Ledger(consortium.url, Deployment.load(consortium.file))
    asked: list[str] = []
    post = Session.post

    def watched(self: Session, url: Any, data: Any = None, **named: Any) -> Any:
        asked.append(bytes(data).decode().lower())
        return post(self, url, data=data, **named)

    monkeypatch.setattr(Session, "post", watched)
    holdings = wallet.holdings(fresh)
    assert [holding.tokens for holding in holdings] == [each, each]
    assert any("eth_getlogs" in question for question in asked)
    for holding in holdings:
        assert not any(holding.account.address[2:].lower() in question for question in asked)


@pytest.mark.parametrize("code", [RefusalCode.COPAY_FORBIDDEN, RefusalCode.CASH_OUT_FORBIDDEN])
def test_what_tokens_are_not_for_is_refused_by_name(
    rich: tuple[Wallet, int], ledger: Ledger, code: RefusalCode
) -> None:
    wallet, each = rich
    marked = {RefusalCode.COPAY_FORBIDDEN: "CO_PAYMENT", RefusalCode.CASH_OUT_FORBIDDEN: "CASH_OUT"}
    with pytest.raises(Refusal) as refused:
        wallet.pay(ledger, address(marked[code]), each)
    assert refused.value.refusal is code
    assert sum(holding.tokens for holding in wallet.holdings(ledger)) == 2 * each


def test_nobody_else_is_paid(rich: tuple[Wallet, int], ledger: Ledger) -> None:
    wallet, each = rich
    for receiver in (address("friend"), wallet.keys.account().address, address("ORACLE")):
        with pytest.raises(WriteReverted, match="token: not a redeemer"):
            wallet.pay(ledger, Address(receiver), 1)
    assert sum(holding.tokens for holding in wallet.holdings(ledger)) == 2 * each


def test_more_than_there_is_cannot_be_paid(rich: tuple[Wallet, int], ledger: Ledger) -> None:
    wallet, each = rich
    for tokens in (2 * each + 1, 0, -1):
        with pytest.raises(WalletError, match="TOKENS_SHORT"):
            wallet.pay(ledger, address("SPORT"), tokens)
    assert [holding.tokens for holding in wallet.holdings(ledger)] == [each, each]


def test_an_empty_wallet_pays_nothing(wallet: Wallet, ledger: Ledger) -> None:
    assert wallet.holdings(ledger) == []
    with pytest.raises(WalletError, match="TOKENS_SHORT"):
        wallet.pay(ledger, address("SPORT"), 1)


def test_a_voucher_for_one_is_none_for_another(wallet: Wallet, ledger: Ledger, opened: Opened) -> None:
    """Seen in flight and sent by a thief with the thief's address, it is refused."""
    known, issuer = next(opened)
    issuer.entitle(wallet.keys.credential(), known.number, 1)
    wallet.collect(issuer, known)
    (voucher,) = vouchers_of(wallet.purse, known)
    serials, signatures = (writes.Word(voucher.serial),), (writes.RsaValue(voucher.signature),)
    with pytest.raises(WriteReverted, match="voucher: signature"):
        ledger.write(writes.Redeem(known.number, address("thief"), serials, signatures), account("thief"))
    ledger.write(writes.Redeem(known.number, voucher.recipient, serials, signatures), account("thief"))
    assert ledger.balance_of(voucher.recipient) == known.denomination
    assert wallet.redeem(ledger, known, first_of_all, singles=True) == 1
    assert ledger.redeemed(known.number) == 1


# consenting


def consent_of(wallet: Wallet, ledger: Ledger, relation: int = 1, days: int = 30) -> tuple[Consent, LocalAccount]:
    signer = wallet.new_signer(relation, ledger)
    starts = ledger.time()
    reference = keccak(signer.address.encode())
    return Consent(reference, Address(signer.address), starts, starts + days * DAY), signer


def test_one_time_signers_never_repeat(tmp_path: Path, ledger: Ledger) -> None:
    words = new_words(bytes(range(32)))
    wallet = Wallet.restore(tmp_path, words, "passphrase", iterations=2)
    signers = [wallet.new_signer(relation, ledger).address for relation in (1, 1, 2, 1)]
    wallet.close()
    wallet = Wallet.open(tmp_path, "passphrase")
    signers += [wallet.new_signer(relation, ledger).address for relation in (1, 2, 3)]
    wallet.close()
    assert len(set(signers)) == 7


def test_a_signer_the_chain_knows_is_skipped(wallet: Wallet, ledger: Ledger, tmp_path: Path) -> None:
    """A purse restored from the words counts from the beginning."""
    words = new_words(keccak(b"restored"))
    with_purse = Wallet.restore(tmp_path / "first", words, "passphrase", iterations=2)
    for _ in range(2):
        consent, signer = consent_of(with_purse, ledger)
        ledger.write(writes.GiveConsent.of(consent, sign(signer, ledger.domain, consent)), account("courier"))
    without = Wallet.restore(tmp_path / "second", words, "passphrase", iterations=2)
    assert without.new_signer(1, ledger).address == with_purse.new_signer(1, ledger).address
    assert without.new_signer(2, ledger).address == with_purse.keys.signer(2, 0).address
    with_purse.close()
    without.close()


def test_a_consent_is_given_and_withdrawn(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    id = digest_of(ledger.domain, consent)
    assert ledger.state_of(id) is AgreementState.NONE
    ledger.write(writes.GiveConsent.of(consent, sign(signer, ledger.domain, consent)), account("courier"))
    assert ledger.state_of(id) is AgreementState.ACTIVE
    deadline = ledger.time() + DAY
    end = withdrawal(signer, ledger.domain, consent, deadline)
    ledger.write(writes.RevokeConsent.of(consent, deadline, end), account("courier"))
    assert ledger.state_of(id) is AgreementState.REVOKED
    with pytest.raises(WriteReverted, match="consent: ended"):
        ledger.write(writes.RevokeConsent.of(consent, deadline, end), account("courier"))


def test_a_withdrawal_needs_the_signers_own_words(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    ledger.write(writes.GiveConsent.of(consent, sign(signer, ledger.domain, consent)), account("courier"))
    deadline = ledger.time() + DAY
    strange = withdrawal(wallet.new_signer(1, ledger), ledger.domain, consent, deadline)
    moved = withdrawal(signer, ledger.domain, consent, deadline + 1)
    for signature in (strange, moved):
        with pytest.raises(WriteReverted, match="consent: signature"):
            ledger.write(writes.RevokeConsent.of(consent, deadline, signature), account("courier"))
    past = ledger.time() - 1
    late = withdrawal(signer, ledger.domain, consent, past)
    with pytest.raises(WriteReverted, match="consent: late"):
        ledger.write(writes.RevokeConsent.of(consent, past, late), account("courier"))
    assert ledger.state_of(digest_of(ledger.domain, consent)) is AgreementState.ACTIVE


def test_the_signer_itself_withdraws_without_a_signature(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    ledger.write(writes.GiveConsent.of(consent, sign(signer, ledger.domain, consent)), account("courier"))
    ledger.write(writes.RevokeConsent.of(consent, 0, b""), signer)
    assert ledger.state_of(digest_of(ledger.domain, consent)) is AgreementState.REVOKED


def test_a_consent_for_another_chain_or_with_a_changed_field_is_refused(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    elsewhere = Domain(ledger.domain.name, 1, ledger.domain.contract)
    longer = Consent(consent.reference, consent.signer, consent.starts, consent.expires + DAY)
    for written, signature in (
        (consent, sign(signer, elsewhere, consent)),
        (longer, sign(signer, ledger.domain, consent)),
        (consent, sign(account("thief"), ledger.domain, consent)),
    ):
        with pytest.raises(WriteReverted, match="consent: signature"):
            ledger.write(writes.GiveConsent.of(written, signature), account("courier"))


def test_a_signer_serves_one_consent_only(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    ledger.write(writes.GiveConsent.of(consent, sign(signer, ledger.domain, consent)), account("courier"))
    second = Consent(keccak(b"second"), consent.signer, consent.starts, consent.expires)
    with pytest.raises(WriteReverted, match="consent: signer used"):
        ledger.write(writes.GiveConsent.of(second, sign(signer, ledger.domain, second)), account("courier"))


def test_a_signature_recovers_to_its_signer(wallet: Wallet, ledger: Ledger) -> None:
    consent, signer = consent_of(wallet, ledger)
    signature = sign(signer, ledger.domain, consent)
    assert len(signature) == 65
    assert Account.recover_message(signable(ledger.domain, consent), signature=signature) == signer.address
