import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet import Wallet, WalletError
from wallet.keys import ENTROPY_SIZE, Keys, entropy_of, load, new_words, save

ZERO_WORDS = "abandon " * 23 + "art"
"""The published BIP-39 words of 32 zero bytes."""
WORDS = new_words(bytes(range(32)))
ENTROPY = st.binary(min_size=ENTROPY_SIZE, max_size=ENTROPY_SIZE)
MODULUS = b"\xff" * 256
ITERATIONS = 2
Change = Callable[[str], str]


@given(ENTROPY)
def test_words_and_entropy_are_the_same_thing(entropy: bytes) -> None:
    words = new_words(entropy)
    assert len(words.split()) == 24
    assert entropy_of(words) == entropy


def test_the_derivation_never_changes() -> None:
    """What these words opened once they must open for ever: tokens lie there."""
    assert new_words(bytes(32)) == ZERO_WORDS
    keys = Keys(ZERO_WORDS)
    assert keys.account().address == "0xF278cF59F82eDcf871d630F28EcC8056f25C1cdb"
    assert keys.signer(1, 2).address == "0xf92472ed3bB6Bc20F73484aa80E8A62f409bCd72"
    assert keys.recipient(202611005, 3).address == "0x0f33909922c7485cA9DD473397e33B192a8Cb329"
    assert keys.serial(202611005, 4).hex() == "90ccdb7b3b8d79ca2bd190265a729e3947858f062a326ccbef7041cdb7563bef"
    assert keys.credential().hex() == "5ab63b324572bfbb63c282f2cdd670e85415e33b1e5622cbe46d2e71addaea23"
    assert keys.blinding_factor(202611005, 5, MODULUS) % 2**64 == 11783960949182915909


def test_every_key_is_for_one_use() -> None:
    keys = Keys(ZERO_WORDS)
    pairs = [(first, second) for first in range(3) for second in range(3)]
    addresses = [keys.account().address]
    addresses += [maker(*pair).address for maker in (keys.signer, keys.recipient) for pair in pairs]
    assert len(set(addresses)) == len(addresses)
    secrets = [keys.serial(*pair) for pair in pairs] + [keys.credential()]
    assert len(set(secrets)) == len(secrets)
    assert {len(secret) for secret in secrets} == {32}
    factors = [keys.blinding_factor(*pair, MODULUS) for pair in pairs]
    assert len(set(factors)) == len(factors)
    assert all(1 < factor < int.from_bytes(MODULUS, "big") for factor in factors)


def test_other_words_are_another_wallet() -> None:
    one, other = Keys(ZERO_WORDS), Keys(new_words(bytes(31) + b"\x01"))
    assert one.account().address != other.account().address
    assert one.serial(1, 1) != other.serial(1, 1)
    assert one.credential() != other.credential()


@pytest.mark.parametrize(
    "spelling",
    [str.upper, str.title, lambda words: f"  {words}\n", lambda words: words.replace(" ", "\n  ")],
    ids=["capitals", "title", "ends", "lines"],
)
def test_words_open_the_same_wallet_however_they_are_typed(spelling: Change) -> None:
    typed = spelling(ZERO_WORDS)
    assert Keys(typed).account().address == Keys(ZERO_WORDS).account().address
    assert entropy_of(typed) == bytes(32)


@pytest.mark.parametrize(
    "change",
    [
        lambda words: "",
        lambda words: " ".join(words.split()[:23]),
        lambda words: words + " art",
        lambda words: " ".join(reversed(words.split())),
        lambda words: words.replace("art", "able"),
        lambda words: words.replace("art", "walking"),
        lambda words: " ".join(words.split()[:12]),
    ],
    ids=["none", "23", "25", "order", "checksum", "no word of the list", "12"],
)
def test_wrong_words_are_refused(change: Change) -> None:
    with pytest.raises(WalletError, match="MNEMONIC_INVALID") as refused:
        Keys(change(ZERO_WORDS))
    assert "abandon" not in str(refused.value)


def test_another_amount_of_entropy_is_refused() -> None:
    for size in (0, 16, 31, 33):
        with pytest.raises(WalletError, match="MNEMONIC_INVALID"):
            new_words(bytes(size))


def test_a_keystore_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    save(path, WORDS, "right", iterations=ITERATIONS)
    assert load(path, "right") == WORDS
    assert path.stat().st_mode & 0o777 == 0o600
    assert "amount" not in path.read_text()
    for passphrase in ("wrong", "", "Right"):
        with pytest.raises(WalletError, match="PASSPHRASE_WRONG"):
            load(path, passphrase)


def test_a_keystore_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    save(path, WORDS, "first", iterations=ITERATIONS)
    with pytest.raises(WalletError, match="WALLET_EXISTS"):
        save(path, new_words(os.urandom(32)), "second", iterations=ITERATIONS)
    assert load(path, "first") == WORDS


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"version": 3}', '{"version": 3, "crypto": 5}'])
def test_a_damaged_keystore_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "keystore.json").write_text(content)
    with pytest.raises(WalletError, match="PASSPHRASE_WRONG"):
        load(tmp_path / "keystore.json", "any")


def test_a_wallet_is_created_opened_and_restored(tmp_path: Path) -> None:
    made = Wallet.create(tmp_path / "one", "passphrase", lambda size: bytes(range(size)), iterations=ITERATIONS)
    opened = Wallet.open(tmp_path / "one", "passphrase")
    words = new_words(bytes(range(32)))
    restored = Wallet.restore(tmp_path / "two", words, "another", iterations=ITERATIONS)
    addresses = {wallet.keys.account().address for wallet in (made, opened, restored)}
    assert len(addresses) == 1
    for wallet in (made, opened, restored):
        wallet.close()
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_cannot_be_opened_or_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(WalletError, match="WALLET_MISSING"):
        Wallet.open(tmp_path, "any")
    with pytest.raises(WalletError, match="MNEMONIC_INVALID"):
        Wallet.restore(tmp_path / "new", "not the words", "any")
    assert not (tmp_path / "new").exists()
    Wallet.restore(tmp_path, WORDS, "any", iterations=ITERATIONS).close()
    with pytest.raises(WalletError, match="WALLET_EXISTS"):
        Wallet.create(tmp_path, "any", os.urandom, iterations=ITERATIONS)
