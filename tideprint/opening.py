"""Opens what a directory holds: platform, wallets, accounts. Passphrases come from the environment or a file."""

import json
import os
from contextlib import ExitStack

import click
from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain import Deployment, Ledger
from protocol.errors import TideprintError
from protocol.rules import RuleSet
from tideprint.places import Places
from tideprint.platform import Platform
from wallet import Wallet

PASSPHRASE = "TIDEPRINT_PASSPHRASE"  # noqa: S105  the variable's name


def passphrase(places: Places) -> str:
    """From the environment, or the file a demonstration leaves. Raises `PASSPHRASE_MISSING`."""
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE]
    if places.passphrase.exists():
        return places.passphrase.read_text().strip()
    raise TideprintError("PASSPHRASE_MISSING", "nothing says how to open the keys", f"set {PASSPHRASE}")


def ledger(places: Places) -> Ledger:
    """The chain through the node of this directory. Raises `NODE_NOT_STARTED`, `NODE_UNREACHABLE`."""
    return Ledger(places.url(), Deployment.load(places.deployment))


def account(places: Places, name: str) -> LocalAccount:
    """An account of the consortium by its keystore's name. Raises `ACCOUNT_MISSING`, `PASSPHRASE_WRONG`."""
    path = places.keystore / f"{name}.json"
    try:
        opened: LocalAccount = Account.from_key(Account.decrypt(json.loads(path.read_text()), passphrase(places)))
    except FileNotFoundError:
        raise TideprintError("ACCOUNT_MISSING", f"there is no account {name} here", f"look in {path.parent}") from None
    except ValueError:
        raise TideprintError(
            "PASSPHRASE_WRONG", f"the keystore of {name} does not open", f"check {PASSPHRASE}"
        ) from None
    return opened


def platform(places: Places) -> Platform:
    """Vault, gate and oracle of this directory, on its chain; warns where an erased root secret may stay readable."""
    accounts = account(places, "oracle"), account(places, "custodian")
    opened = Platform(places, ledger(places), *accounts, RuleSet(), create=False, allow_remnants=True)
    found = opened.vault.status().root_slot
    if found.keeps_remnants:
        click.echo(f"warning: the root slot lies on {found.file_system}: {found.reason}", err=True)
    return opened


def wallet(places: Places, name: str, closing: ExitStack) -> Wallet:
    """A wallet by its folder's name. Raises `WALLET_MISSING`, `PASSPHRASE_WRONG`."""
    opened = Wallet.open(places.wallets / name, passphrase(places))
    closing.callback(opened.close)
    return opened
