"""A node comes up, `ape run deploy` founds the consortium, the vault and the oracle open beside it."""

from eth_hash.auto import keccak

from chain import Ledger, writes
from protocol.calendar import month_of
from protocol.quantities import Address
from protocol.vouchers import series_number
from tideprint.demo.cast import CHAIN_ID, write_plan
from tideprint.demo.world import World
from tideprint.deploying import deploy
from tideprint.platform import Platform

SERIES_CAP = 100_000


def start_node(world: World) -> None:
    """A fresh chain whose first founder will deploy."""
    founder = next(iter(world.cast.members.values())).address
    world.node.init([founder], CHAIN_ID)
    world.node.start()
    status = world.node.status()
    world.claims.check(
        "a fresh node serves the chain of its genesis", status["chain_id"] == CHAIN_ID and status["ready"]
    )


def found(world: World) -> None:
    """Deploy with ape, then open the rooms."""
    write_plan(world.cast, world.places, world.rules, world.passphrase)
    deployment = deploy(world.places, world.passphrase)
    world.ledger = Ledger(world.places.url(), deployment)
    world.claims.check("five contracts deployed by `ape run deploy`", len(deployment.contracts) == 5)
    world.claims.check("the council holds the hash of the rule set", world.ledger.rules() == world.rules.hash())
    world.platform = Platform(
        world.places,
        world.ledger,
        world.cast.oracle,
        world.cast.custodian,
        world.rules,
        create=True,
        allow_remnants=True,  # shown in the table: a demonstration runs wherever it is started
        clock=world.clock,
    )
    finding = world.platform.vault.status().root_slot
    remnants = "MAY KEEP REMNANTS of overwritten secrets" if finding.keeps_remnants else "overwrites in place"
    world.claims.figures["root_slot_on"] = f"{finding.file_system}: {remnants}"
    usurper = world.cast.redeemers["swimming pool"]
    coup = writes.SetRole(writes.Word(keccak(b"ORACLE")), Address(usurper.address), True)
    with world.claims.refused("WRITE_REVERTED", "a stranger proposes to the council", "council: not a member"):
        world.ledger.write(writes.Propose(coup, writes.Word(world.random(32))), usurper)


def open_series(world: World) -> None:
    """A voucher series for each month of the replay, by decision of the council."""
    for month in sorted({month_of(day) for day in world.replayed}):
        number = series_number(month, world.rules.denomination)
        modulus = writes.RsaValue(world.platform.issuer.open_series(number))
        opening = writes.OpenSeries(number, modulus, SERIES_CAP, world.rules.denomination)
        world.ledger.decide(opening, world.cast.board, world.random(32))
        world.series.append(world.ledger.series(number))
    world.claims.check(
        "the chain holds the issuer's key of every series",
        all(series.modulus == world.platform.issuer.modulus(series.number) for series in world.series),
    )
