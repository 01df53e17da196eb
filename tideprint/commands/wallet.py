"""`tideprint wallet`: what a holder does."""

import secrets
import time
from contextlib import ExitStack
from pathlib import Path

import click

from tideprint.commands.options import HOME, JSON, WALLET, show
from tideprint.places import Places

SERIES = click.option("--series", "number", type=int, required=True, help="Number of the series, e.g. 202611005.")
PAUSE_SECONDS = 60.0


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
@SERIES
@click.option("--recover", is_flag=True, help="Also what was collected before a restore from words or an old copy.")
@JSON
def collect(home: Path, name: str, number: int, recover: bool, as_json: bool) -> None:
    """Collect the vouchers that are due.

    Example: tideprint wallet collect --home DIR --wallet wearer-02 --series 202611005
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        platform = closing.enter_context(opening.platform(places))
        series = platform.ledger.series(number)
        collected = opened.recover(platform, series) if recover else opened.collect(platform, series)
    show(f"Wallet {name}", {"vouchers_collected": collected}, as_json)


@wallet.command()
@HOME
@WALLET
@SERIES
@click.option("--all", "everything", is_flag=True, help="Every lot that waits, with a random pause between two.")
@click.option(
    "--pause",
    type=click.FloatRange(min=0),
    default=PAUSE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="The longest pause of --all; every pause is drawn between nothing and this.",
)
@click.option("--singles", is_flag=True, help="Also what fills no lot of eight, one by one: for a series that closes.")
@JSON
def redeem(home: Path, name: str, number: int, everything: bool, pause: float, singles: bool, as_json: bool) -> None:
    """Turn one lot of vouchers, drawn at random, into tokens at a fresh address.

    One lot a call, at odd hours, says nothing about the other lots. --all costs privacy: lots that follow one another,
    and more so the shorter the pauses and the fewer others redeem, are taken for one wallet's. Singles of one lot are
    seen to belong together in any case; they better wait until their lot is full.

    Example: tideprint wallet redeem --home DIR --wallet wearer-02 --series 202611005
    """
    from tideprint import opening

    places = Places(home)
    with ExitStack() as closing:
        opened = opening.wallet(places, name, closing)
        ledger = opening.ledger(places)
        series = ledger.series(number)
        redeemed = opened.redeem(ledger, series, secrets.token_bytes, singles=singles)
        sent = int(redeemed > 0)
        while everything and opened.purse.waiting(series, singles=singles):
            time.sleep(secrets.SystemRandom().uniform(0, pause))
            redeemed += opened.redeem(ledger, series, secrets.token_bytes, singles=singles)
            sent += 1
        waiting = opened.purse.waiting(series)
    if sent > 1:
        click.echo(f"{sent} redemptions in a row: who reads the chain may take them for one wallet's.", err=True)
    show(f"Wallet {name}", {"vouchers_redeemed": redeemed, "redemptions": sent, "lots_waiting": waiting}, as_json)


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
        parts = opened.pay(opening.ledger(places), Address(to_checksum_address(redeemer)), tokens)
    if len(parts) > 1:
        click.echo("No address held enough: those that paid together are linked on the chain now.", err=True)
    show(f"Wallet {name}", {"tokens_paid": tokens, "addresses_used": len(parts)}, as_json)


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
