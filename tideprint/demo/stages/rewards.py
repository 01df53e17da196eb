"""Entitlements become blind-signed vouchers, vouchers tokens at fresh addresses, tokens pay for public services."""

from chain import writes
from protocol.errors import RefusalCode
from protocol.quantities import Address
from protocol.rules import Category
from protocol.vouchers import LOTS
from tideprint.demo.cast import REDEEMERS
from tideprint.demo.people import Wearer
from tideprint.demo.world import World

PRICE = 30
"""Health tokens for an hour of swimming."""


def collect(world: World) -> None:
    """Every wallet sends blinded messages; the oracle signs what it cannot read."""
    wearers = world.track(world.wearers, "wallets")
    collected = sum(w.wallet.collect(world.platform, series) for w in wearers for series in world.series)
    issued = sum(world.platform.issuer.issued(series.number) for series in world.series)
    world.claims.figures["vouchers_issued"] = issued
    world.claims.check("wallets hold exactly the vouchers issued", collected == issued > 0)
    walker = world.walkers[0]
    world.claims.check("asking again gives nothing more", not walker.wallet.collect(world.platform, world.series[-1]))
    with world.claims.refused("NOT_DATA_SUBJECT", "a stranger collects"):
        world.platform.due(bytes(32), world.series[0].number)


def redeem(world: World) -> None:
    """Full lots go to the chain, each to its own fresh address."""
    wearers = world.track(world.wearers, "wallets")
    redeemed = sum(w.wallet.redeem(world.ledger, series) for w in wearers for series in world.series)
    world.claims.figures["vouchers_redeemed"] = redeemed
    world.claims.figures["tokens_minted"] = world.ledger.total_supply()
    world.claims.check(
        "tokens minted = vouchers redeemed x denomination",
        world.ledger.total_supply() == redeemed * world.rules.denomination > 0,
    )
    addresses = [holding.account.address for w in world.wearers for holding in w.wallet.holdings(world.ledger)]
    world.claims.figures["fresh_addresses"] = len(addresses)
    world.claims.check("every lot has an address of its own", len(addresses) == len(set(addresses)) > 0)
    _double_spend(world, world.walkers[0])


def pay(world: World) -> None:
    """Tokens are good for public services, and for nothing else."""
    payer = richest(world)
    pool, desk, office = (Address(world.cast.redeemers[name].address) for name in REDEEMERS)
    before = world.ledger.balance_of(pool)
    payer.wallet.pay(world.ledger, pool, PRICE)
    world.claims.check(
        f"{PRICE} tokens pay for an hour of {Category.SPORT.lower()}", _got(world, pool) == before + PRICE
    )
    with world.claims.refused(RefusalCode.COPAY_FORBIDDEN, "tokens at a hospital desk"):
        payer.wallet.pay(world.ledger, desk, PRICE)
    with world.claims.refused(RefusalCode.CASH_OUT_FORBIDDEN, "tokens for cash"):
        payer.wallet.pay(world.ledger, office, PRICE)
    with world.claims.refused("WRITE_REVERTED", "tokens to a friend"):
        payer.wallet.pay(world.ledger, Address(world.walkers[1].wallet.keys.account().address), PRICE)
    world.ledger.write(writes.Burn(PRICE), world.cast.redeemers["swimming pool"])
    world.claims.check("the pool settles by burning", _got(world, pool) == before)


def richest(world: World) -> Wearer:
    """Who holds the most tokens."""
    return max(world.walkers, key=lambda wearer: sum(h.tokens for h in wearer.wallet.holdings(world.ledger)))


def _got(world: World, account: Address) -> int:
    return world.ledger.balance_of(account)


def _double_spend(world: World, wearer: Wearer) -> None:
    """The first lot of a wallet once more, sent by hand."""
    keys, series = wearer.wallet.keys, world.series[0]
    lots = wearer.wallet.purse.lots()
    if not lots:
        return
    vouchers = wearer.wallet.purse.lot(*lots[0])
    again = writes.Redeem(
        series.number,
        vouchers[0].recipient,
        tuple(writes.Word(voucher.serial) for voucher in vouchers),
        tuple(writes.RsaValue(voucher.signature) for voucher in vouchers),
    )
    assert len(vouchers) in LOTS
    with world.claims.refused("WRITE_REVERTED", "a voucher redeemed twice"):
        world.ledger.write(again, keys.recipient(*lots[0]))
