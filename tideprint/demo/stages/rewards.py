"""Entitlements become blind-signed vouchers, vouchers tokens at fresh addresses, tokens pay for public services."""

from contextlib import closing
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

from hexbytes import HexBytes

from chain import writes
from protocol.errors import RefusalCode
from protocol.quantities import Address
from protocol.rules import Category
from protocol.vouchers import LOTS, Series
from tideprint.demo.cast import REDEEMERS
from tideprint.demo.people import Wearer
from tideprint.demo.world import World
from wallet import Purse

PRICE = 10
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
    _lose_purse(world, walker)
    with world.claims.refused("NOT_DATA_SUBJECT", "a stranger collects"):
        world.platform.due(bytes(32), world.series[0].number)


def _lose_purse(world: World, wearer: Wearer) -> None:
    """The wallet's keys with an empty purse: everything comes back, and nothing is counted twice."""
    issued = [world.platform.issuer.issued(series.number) for series in world.series]
    with TemporaryDirectory() as folder, closing(Purse(Path(folder) / "purse.db", wearer.wallet.keys)) as purse:
        recovered = sum(purse.recover(world.platform, series) for series in world.series)
    world.claims.check(
        f"a lost purse: the words bring back all {recovered} vouchers, and the oracle counts none of them twice",
        recovered == wearer.wallet.purse.count(redeemed=False) > 0
        and issued == [world.platform.issuer.issued(series.number) for series in world.series],
    )


def redeem(world: World) -> None:
    """Full lots go to the chain, each to its own fresh address, one of every wallet at a time."""
    before = world.ledger.height()
    redeemed, alone_from = _redeem_in_rounds(world)
    world.claims.figures["vouchers_redeemed"] = redeemed
    world.claims.figures["tokens_minted"] = world.ledger.total_supply()
    world.claims.check(
        "tokens minted = vouchers redeemed x denomination",
        world.ledger.total_supply() == redeemed * world.rules.denomination > 0,
    )
    addresses = [holding.account.address for w in world.wearers for holding in w.wallet.holdings(world.ledger)]
    world.claims.figures["fresh_addresses"] = len(addresses)
    world.claims.check("every lot has an address of its own", len(addresses) == len(set(addresses)) > 0)
    _check_mixing(world, before, alone_from)
    _double_spend(world, next(wearer for wearer in world.walkers if wearer.wallet.purse.lots()))


def _redeem_in_rounds(world: World) -> tuple[int, int]:
    """In every round each wallet sends one lot, in a new order; then all are settled. Returns how many vouchers were
    redeemed, and the height at which less than two wallets still had lots waiting."""
    draw = SystemRandom()
    redeemed, alone_from = 0, world.ledger.height()
    while waiting := [(w.wallet.purse, left) for w in world.wearers if (left := _waiting(world, w))]:
        draw.shuffle(waiting)
        on_the_way = [(purse, purse.send(world.ledger, draw.choice(left), world.random)) for purse, left in waiting]
        redeemed += sum(purse.settle(world.ledger, sent) for purse, sent in on_the_way if sent is not None)
        if len(waiting) > 1:
            alone_from = world.ledger.height()
    return redeemed, alone_from


def _waiting(world: World, wearer: Wearer) -> list[Series]:
    """The series of which a wallet has full lots."""
    return [series for series in world.series if wearer.wallet.purse.waiting(series)]


def _check_mixing(world: World, before: int, alone_from: int) -> None:
    """Does the chain show which lots are one wallet's? Senders are compared with what the wallets know to be theirs."""
    owner = {
        str(wearer.wallet.keys.recipient(*lot).address): wearer.name
        for wearer in world.wearers
        for lot in wearer.wallet.purse.lots()
    }
    blocks = [
        [owner[sender] for sender in _redeemers_in(world, number)] for number in range(before + 1, alone_from + 1)
    ]
    blocks = [block for block in blocks if block]
    mixed = sum(len(set(block)) > 1 for block in blocks)
    world.claims.figures["blocks_with_lots_of_several_wallets"] = mixed
    world.claims.figures["blocks_with_one_lot"] = sum(len(block) == 1 for block in blocks)
    world.claims.check(
        f"while several wallets had lots waiting, no block held two lots of one wallet ({mixed} of {len(blocks)} "
        "blocks held several wallets', the others a single lot)",
        (mixed > 0 or not blocks) and all(len(block) == len(set(block)) for block in blocks),
    )


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
    with world.claims.refused("WRITE_REVERTED", "tokens to a friend", "token: not a redeemer"):
        payer.wallet.pay(world.ledger, Address(world.walkers[1].wallet.keys.account().address), PRICE)
    world.ledger.write(writes.Burn(PRICE), world.cast.redeemers["swimming pool"])
    world.claims.check("the pool settles by burning", _got(world, pool) == before)


def richest(world: World) -> Wearer:
    """Who holds the most tokens."""
    return max(world.walkers, key=lambda wearer: sum(h.tokens for h in wearer.wallet.holdings(world.ledger)))


def _got(world: World, account: Address) -> int:
    return world.ledger.balance_of(account)


def _redeemers_in(world: World, number: int) -> list[str]:
    """Who sent what a block holds for the voucher mint, one entry for each transaction."""
    mint = world.ledger.deployment.address_of("VoucherMint")
    hashes = world.ledger.web3.eth.get_block(number)["transactions"]
    sent = [world.ledger.web3.eth.get_transaction(HexBytes(found)) for found in hashes]  # type: ignore[arg-type]
    return [str(one["from"]) for one in sent if str(one.get("to")) == mint]


def _double_spend(world: World, wearer: Wearer) -> None:
    """The first lot of a wallet once more, sent by hand."""
    number, lot = wearer.wallet.purse.lots()[0]
    vouchers = wearer.wallet.purse.lot(number, lot)
    again = writes.Redeem(
        number,
        vouchers[0].recipient,
        tuple(writes.Word(voucher.serial) for voucher in vouchers),
        tuple(writes.RsaValue(voucher.signature) for voucher in vouchers),
    )
    assert len(vouchers) in LOTS
    with world.claims.refused("WRITE_REVERTED", "a voucher redeemed twice", "voucher: spent"):
        world.ledger.write(again, wearer.wallet.keys.recipient(number, lot))
