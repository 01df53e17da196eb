"""The node is killed in the middle of its work and started again: everything committed is still there."""

from chain import Ledger, writes
from protocol.agreements import AgreementState
from tideprint.demo.stages.sharing import Agreement
from tideprint.demo.world import World


def restart(world: World, agreed: Agreement) -> None:
    """Kill -9 with a transaction under way, restart, compare."""
    before = _facts(world, world.ledger, agreed)
    blocks = _blocks(world.ledger, world.ledger.height())
    world.ledger.submit(writes.Burn(0), world.cast.redeemers["swimming pool"])
    world.node.kill()
    world.node.start()
    after = Ledger(world.places.url(), world.ledger.deployment)
    world.claims.check(
        f"after kill -9 all {len(blocks)} blocks are there, the same",
        after.height() + 1 >= len(blocks) and _blocks(after, len(blocks) - 1) == blocks,
    )
    world.claims.check("tokens, anchors and agreements are unchanged", _facts(world, after, agreed) == before)
    after.write(writes.Burn(0), world.cast.redeemers["swimming pool"])
    world.claims.check("the chain goes on", after.height() >= len(blocks))


def _blocks(ledger: Ledger, height: int) -> list[bytes]:
    """The hashes of all blocks up to a height."""
    return [bytes(ledger.web3.eth.get_block(number)["hash"]) for number in range(height + 1)]


def _facts(world: World, ledger: Ledger, agreed: Agreement) -> list[object]:
    return [
        ledger.total_supply(),
        ledger.anchors(),
        [ledger.redeemed(series.number) for series in world.series],
        ledger.rules(),
        ledger.state_of(agreed.contract.id),
        ledger.state_of(agreed.consent.id) is AgreementState.REVOKED,
    ]
