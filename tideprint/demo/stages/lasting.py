"""The node is killed in the middle of its work and started again: everything committed is still there."""

from chain import Ledger, writes
from protocol.agreements import AgreementState
from tideprint.demo.stages.sharing import Agreement
from tideprint.demo.world import World


def restart(world: World, agreed: Agreement) -> None:
    """Kill -9 with a transaction under way, restart, compare."""
    before = _facts(world, world.ledger, agreed)
    height = world.ledger.height()
    block = bytes(world.ledger.web3.eth.get_block(height)["hash"])
    world.ledger.submit(writes.Burn(0), world.cast.redeemers["swimming pool"])
    world.node.kill()
    world.node.start()
    after = Ledger(world.places.url(), world.ledger.deployment)
    world.claims.check(f"after kill -9 all {height + 1} blocks are there", after.height() >= height)
    same = bytes(after.web3.eth.get_block(height)["hash"]) == block
    world.claims.check("the newest block is the same", same)
    world.claims.check("tokens, anchors and agreements are unchanged", _facts(world, after, agreed) == before)
    after.write(writes.Burn(0), world.cast.redeemers["swimming pool"])
    world.claims.check("the chain goes on", after.height() > height)


def _facts(world: World, ledger: Ledger, agreed: Agreement) -> list[object]:
    return [
        ledger.total_supply(),
        [ledger.redeemed(series.number) for series in world.series],
        ledger.rules(),
        ledger.state_of(agreed.contract.id),
        ledger.state_of(agreed.consent.id) is AgreementState.REVOKED,
    ]
