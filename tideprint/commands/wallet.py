"""`tideprint wallet`: what a holder does."""

from contextlib import ExitStack
from pathlib import Path

import click

from tideprint.commands.options import HOME, JSON, WALLET, show
from tideprint.places import Places


@click.group()
def wallet() -> None:
    """Look at a wallet, collect and redeem vouchers, pay, ask to be forgotten."""


@wallet.command("show")
@HOME
@WALLET
@JSON
def show_wallet(home: Path, name: str, as_json: bool) -> None:
    """What the wallet holds.

    Example: tideprint wallet show --home DIR --wallet wearer-02
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        holdings = opened.holdings(opening.ledger(places))
        facts = {
            "vouchers_held": opened.purse.count(redeemed=False),
            "vouchers_redeemed": opened.purse.count(redeemed=True),
            "addresses_with_tokens": len(holdings),
            "tokens": sum(holding.tokens for holding in holdings),
        }
    show(f"Wallet {name}", facts, as_json)


@wallet.command()
@HOME
@WALLET
@click.option("--series", "number", type=int, required=True, help="Number of the series, e.g. 202611005.")
@JSON
def collect(home: Path, name: str, number: int, as_json: bool) -> None:
    """Collect the vouchers that are due.

    Example: tideprint wallet collect --home DIR --wallet wearer-02 --series 202611005
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        platform = closing.enter_context(opening.platform(places))
        collected = opened.collect(platform, platform.ledger.series(number))
    show(f"Wallet {name}", {"vouchers_collected": collected}, as_json)


@wallet.command()
@HOME
@WALLET
@click.option("--series", "number", type=int, required=True, help="Number of the series, e.g. 202611005.")
@click.option("--singles", is_flag=True, help="Also what fills no lot of eight, one by one.")
@JSON
def redeem(home: Path, name: str, number: int, singles: bool, as_json: bool) -> None:
    """Turn vouchers into tokens at fresh addresses.

    Example: tideprint wallet redeem --home DIR --wallet wearer-02 --series 202611005 --singles
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        ledger = opening.ledger(places)
        redeemed = opened.redeem(ledger, ledger.series(number), singles=singles)
    show(f"Wallet {name}", {"vouchers_redeemed": redeemed}, as_json)


@wallet.command()
@HOME
@WALLET
@click.option("--to", "redeemer", required=True, metavar="ADDRESS", help="An approved redeemer.")
@click.option("--tokens", type=click.IntRange(1), required=True)
@JSON
def pay(home: Path, name: str, redeemer: str, tokens: int, as_json: bool) -> None:
    """Pay a redeemer.

    Example: tideprint wallet pay --home DIR --wallet wearer-02 --to 0x... --tokens 30
    """
    from eth_utils.address import is_address, to_checksum_address

    from protocol.quantities import Address
    from tideprint import opening

    if not is_address(redeemer):
        raise click.BadParameter("not an address", param_hint="--to")
    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        opened.pay(opening.ledger(places), Address(to_checksum_address(redeemer)), tokens)
    show(f"Wallet {name}", {"tokens_paid": tokens}, as_json)


@wallet.command()
@HOME
@WALLET
@click.confirmation_option(prompt="Everything about you will be destroyed, for ever. Go on?")
@JSON
def erase(home: Path, name: str, as_json: bool) -> None:
    """Ask to be forgotten, and get the certificate.

    Example: tideprint wallet erase --home DIR --wallet wearer-02 --yes
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        platform = closing.enter_context(opening.platform(places))
        certificate = platform.erase(opened.keys.credential())
        public = platform.vault.certificates.public_key.hex()
    facts = {**certificate.body, "signature": certificate.signature.hex(), "public_key": public}
    facts["stores"] = (
        ", ".join(store["name"] for store in certificate.body["stores"]) if not as_json else facts["stores"]
    )
    show("Erasure certificate", facts, as_json)
