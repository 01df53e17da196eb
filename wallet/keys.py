"""Keys of a wallet, all derived from 24 words (BIP-39, BIP-32; accounts as in BIP-44).

    m/44'/60'/0'/0/0        the wearer's own account
    m/44'/60'/1'/r/i        signers of agreements: relation r, use i; one address per record on chain
    m/44'/60'/2'/s/i        recipients of voucher lots: series s, lot i

Serials and blinding factors of vouchers are HMAC-SHA256 values of the BIP-39 seed under labels of their own, so that
the words and a copy of the purse bring every voucher back.
"""

import hmac
import json
import os
from hashlib import shake_256
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.hdaccount.mnemonic import Mnemonic, get_wordlist
from eth_account.signers.local import LocalAccount
from eth_account.types import Language

from protocol.quantities import Serial
from wallet.errors import WalletError

ENTROPY_SIZE = 32
WORD_COUNT = 24
_WORDS = Mnemonic(Language.ENGLISH)
_BITS_PER_WORD = 11


class Keys:
    """What a mnemonic unlocks. The seed stays in this object."""

    def __init__(self, words: str) -> None:
        """Take 24 words, however they are spaced or capitalized. Raises `MNEMONIC_INVALID`."""
        words = _plain(words)
        if len(words.split()) != WORD_COUNT or not _WORDS.is_mnemonic_valid(words):
            raise WalletError("MNEMONIC_INVALID", "these are not the words of a wallet", "check order and spelling")
        self._seed = seed_from_mnemonic(words, "")
        self._accounts: dict[str, LocalAccount] = {}

    def account(self) -> LocalAccount:
        """The wearer's own account."""
        return self._derive("0'/0/0")

    def signer(self, relation: int, use: int) -> LocalAccount:
        """A one-time signer of a consent or contract."""
        return self._derive(f"1'/{relation}/{use}")

    def recipient(self, series: int, lot: int) -> LocalAccount:
        """The fresh account that receives a lot of vouchers."""
        return self._derive(f"2'/{series}/{lot}")

    def serial(self, series: int, index: int) -> Serial:
        """The serial of a voucher, 32 bytes."""
        return Serial(self._secret(f"voucher serial {series} {index}"))

    def blinding_factor(self, series: int, index: int, modulus: bytes) -> int:
        """A factor uniform below the modulus up to a bias of 2^-128 (RFC 9474, section 4.2 asks for uniform)."""
        stretched = shake_256(self._secret(f"voucher factor {series} {index}")).digest(len(modulus) + 16)
        return int.from_bytes(stretched, "big") % int.from_bytes(modulus, "big")

    def credential(self) -> bytes:
        """What the wearer shows the oracle and the vault to be known again, 32 bytes; they keep its hash only."""
        return self._secret("credential")

    def _secret(self, label: str) -> bytes:
        return hmac.digest(self._seed, b"tideprint/wallet/1 " + label.encode(), "sha256")

    def _derive(self, path: str) -> LocalAccount:
        if path not in self._accounts:
            self._accounts[path] = Account.from_key(key_from_seed(self._seed, f"m/44'/60'/{path}"))
        return self._accounts[path]


def new_words(entropy: bytes) -> str:
    """24 words for 32 random bytes."""
    if len(entropy) != ENTROPY_SIZE:
        raise WalletError("MNEMONIC_INVALID", f"{len(entropy)} bytes of entropy instead of {ENTROPY_SIZE}")
    return _WORDS.to_mnemonic(entropy)


def entropy_of(words: str) -> bytes:
    """The 32 bytes behind 24 words (BIP-39): eleven bits a word, the last eight are a checksum."""
    places = {word: place for place, word in enumerate(get_wordlist(Language.ENGLISH.value))}
    number = 0
    for word in _plain(words).split():
        number = number << _BITS_PER_WORD | places[word]
    return (number >> 8).to_bytes(ENTROPY_SIZE, "big")


def save(path: Path, words: str, passphrase: str, *, iterations: int | None = None) -> None:
    """Write the words' entropy as a keystore (Web3 Secret Storage V3), mode 0600. Raises `WALLET_EXISTS`."""
    keystore = Account.encrypt(entropy_of(words), passphrase, iterations=iterations)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WalletError("WALLET_EXISTS", "there is a wallet here already", "choose another directory") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump(keystore, file)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, passphrase: str) -> str:
    """The words of a keystore. Raises `WALLET_MISSING` or `PASSPHRASE_WRONG`."""
    try:
        entropy = Account.decrypt(json.loads(path.read_text()), passphrase)
    except FileNotFoundError:
        raise WalletError("WALLET_MISSING", "there is no wallet here", "create one, or restore it") from None
    except (ValueError, KeyError, TypeError):
        raise WalletError("PASSPHRASE_WRONG", "the keystore does not open", "check passphrase and file") from None
    return new_words(bytes(entropy))


def _plain(words: str) -> str:
    return " ".join(words.lower().split())
