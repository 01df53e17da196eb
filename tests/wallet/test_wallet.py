from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from chain import Ledger, writes
from chain.errors import WriteReverted
from protocol.agreements import AgreementState
from protocol.errors import Refusal, RefusalCode
from protocol.quantities import Address
from protocol.typed_data import Consent, Domain, digest_of, signable
from tests.support import Consortium, account, address
from tests.wallet.support import Opened
from wallet import Wallet, WalletError
from wallet.keys import new_words
from wallet.wallet import sign, withdrawal

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
    assert wallet.collect(issuer, series) == wallet.redeem(ledger, series) == 16
    return wallet, 8 * series.denomination


# paying


def test_a_payment_takes_from_as_many_addresses_as_it_needs(rich: tuple[Wallet, int], ledger: Ledger) -> None:
    wallet, each = rich
    before = ledger.balance_of(address("SPORT"))
    wallet.pay(ledger, address("SPORT"), each + 3)
    assert ledger.balance_of(address("SPORT")) == before + each + 3
    assert [holding.tokens for holding in wallet.holdings(ledger)] == [each - 3]
    wallet.pay(ledger, address("SPORT"), each - 3)
    assert wallet.holdings(ledger) == []
    ledger.write(writes.Burn(2 * each), account("SPORT"))
    assert ledger.balance_of(address("SPORT")) == before


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
    ((_, voucher),) = wallet.purse._lots(known, True)[0]
    serials, signatures = (writes.Word(voucher.serial),), (writes.RsaValue(voucher.signature),)
    with pytest.raises(WriteReverted, match="voucher: signature"):
        ledger.write(writes.Redeem(known.number, address("thief"), serials, signatures), account("thief"))
    ledger.write(writes.Redeem(known.number, voucher.recipient, serials, signatures), account("thief"))
    assert ledger.balance_of(voucher.recipient) == known.denomination
    assert wallet.redeem(ledger, known, singles=True) == 1
    assert ledger.redeemed(known.number) == 1


# consenting


def consent_of(wallet: Wallet, ledger: Ledger, relation: int = 1, days: int = 30) -> tuple[Consent, LocalAccount]:
    signer = wallet.new_signer(relation)
    starts = ledger.time()
    reference = keccak(signer.address.encode())
    return Consent(reference, Address(signer.address), starts, starts + days * DAY), signer


def test_one_time_signers_never_repeat(tmp_path: Path) -> None:
    words = new_words(bytes(range(32)))
    wallet = Wallet.restore(tmp_path, words, "passphrase", iterations=2)
    signers = [wallet.new_signer(relation).address for relation in (1, 1, 2, 1)]
    wallet.close()
    wallet = Wallet.open(tmp_path, "passphrase")
    signers += [wallet.new_signer(relation).address for relation in (1, 2, 3)]
    wallet.close()
    assert len(set(signers)) == 7


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
    strange = withdrawal(wallet.new_signer(1), ledger.domain, consent, deadline)
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
