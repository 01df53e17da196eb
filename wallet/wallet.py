"""A wallet in a directory: `keystore.json` holds the words, `purse.db` the vouchers. Both are private to the user."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eth_account.signers.local import LocalAccount

from chain import Ledger, writes
from protocol.quantities import Address
from protocol.typed_data import Consent, Contract, Domain, Message, Revoke, digest_of, signable
from protocol.vouchers import Series
from wallet import keys
from wallet.errors import WalletError
from wallet.purse import Issuer, Purse, Random

KEYSTORE = "keystore.json"
PURSE = "purse.db"


@dataclass(frozen=True, slots=True)
class Holding:
    """Tokens at one address of the wallet."""

    account: LocalAccount
    tokens: int


class Wallet:
    """One holder. Use `create`, `restore` or `open`."""

    def __init__(self, directory: Path, unlocked: keys.Keys) -> None:
        self.keys = unlocked
        self.purse = Purse(directory / PURSE, unlocked)

    @classmethod
    def create(cls, directory: Path, passphrase: str, random: Random, *, iterations: int | None = None) -> "Wallet":
        """Make a wallet with fresh words. `random(n)` gives n random bytes; `iterations` is the keystore's work factor.

        Raises `WALLET_EXISTS`."""
        return cls.restore(directory, keys.new_words(random(keys.ENTROPY_SIZE)), passphrase, iterations=iterations)

    @classmethod
    def restore(cls, directory: Path, words: str, passphrase: str, *, iterations: int | None = None) -> "Wallet":
        """Make a wallet from its words. Raises `WALLET_EXISTS` or `MNEMONIC_INVALID`."""
        unlocked = keys.Keys(words)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys.save(directory / KEYSTORE, words, passphrase, iterations=iterations)
        return cls(directory, unlocked)

    @classmethod
    def open(cls, directory: Path, passphrase: str) -> "Wallet":
        """Open a wallet. Raises `WALLET_MISSING` or `PASSPHRASE_WRONG`."""
        return cls(directory, keys.Keys(keys.load(directory / KEYSTORE, passphrase)))

    def close(self) -> None:
        """Close the wallet's files."""
        self.purse.close()

    def collect(self, issuer: Issuer, series: Series) -> int:
        """Collect the vouchers that are due; returns how many came."""
        return self.purse.collect(issuer, series)

    def recover(self, issuer: Issuer, series: Series) -> int:
        """Collect what is due and what these words collected before; after a restore. Returns how many came."""
        return self.purse.recover(issuer, series)

    def redeem(self, ledger: Ledger, series: Series, random: Random, *, singles: bool = False) -> int:
        """Redeem one lot, drawn at random (`Purse.send`); returns how many vouchers, 0 if none waits."""
        return self.purse.redeem(ledger, series, random, singles=singles)

    def holdings(self, ledger: Ledger) -> list[Holding]:
        """Every address of the wallet that holds tokens. The node is asked for everybody's balances."""
        balances = ledger.balances()
        accounts = [self.keys.recipient(series, lot) for series, lot in self.purse.recipients()]
        found = [Holding(account, balances.get(Address(account.address), 0)) for account in accounts]
        return [holding for holding in found if holding.tokens]

    def pay(self, ledger: Ledger, redeemer: Address, tokens: int) -> list[Holding]:
        """Pay a redeemer, from one address if one holds enough, else from as few as possible.

        Returns what was taken from where. Addresses that pay together are linked by it, and what stays at an address
        is linked to what it paid. Raises `TOKENS_SHORT`, or the token's refusal."""
        parts = parts_of(self.holdings(ledger), tokens)
        ledger.write_all([(writes.Transfer(redeemer, part.tokens), part.account) for part in parts])
        return parts

    def new_signer(self, relation: int, ledger: Ledger) -> LocalAccount:
        """An address for one record on chain, never used before and never again.

        What the chain marks as used is skipped: a purse restored from the words has forgotten it."""
        while ledger.is_used(Address((signer := self.keys.signer(relation, self.purse.next_use(relation))).address)):
            pass
        return signer


def parts_of(holdings: Sequence[Holding], tokens: int) -> list[Holding]:
    """What to take from where: the smallest holding that is enough; if none is, the largest ones whole until one of the
    rest is enough for the rest. Raises `TOKENS_SHORT`."""
    left = sorted(holdings, key=lambda holding: holding.tokens)
    if tokens <= 0 or sum(holding.tokens for holding in left) < tokens:
        raise WalletError("TOKENS_SHORT", f"the wallet does not hold {tokens} tokens", "redeem vouchers first")
    parts = []
    while left[-1].tokens < tokens:
        parts.append(left.pop())
        tokens -= parts[-1].tokens
    last = next(holding for holding in left if holding.tokens >= tokens)
    return [*parts, Holding(last.account, tokens)]


def sign(account: LocalAccount, domain: Domain, message: Message) -> bytes:
    """An EIP-712 signature, 65 bytes r ‖ s ‖ v."""
    return bytes(account.sign_message(signable(domain, message)).signature)


def withdrawal(account: LocalAccount, domain: Domain, agreement: Consent | Contract, deadline: int) -> bytes:
    """The signature that ends a consent or contract; good until `deadline` (UTC seconds)."""
    return sign(account, domain, Revoke(digest_of(domain, agreement), deadline))
