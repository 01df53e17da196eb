from oracles.links import ShoeLink, proof_holds, read_boot_clock, wipe_holds
from oracles.shoes import DirectLink
from protocol.minutes import SignedMinute, public_key_of
from tests.oracles.shoes.support import NOON_MS, walked_pair


async def test_a_direct_link_hands_over_what_the_shoe_holds() -> None:
    shoe = walked_pair(5).left
    link: ShoeLink = DirectLink(shoe, lambda: NOON_MS + 300_000)
    identity = await link.identity()
    key, nonce = public_key_of(identity.public_key), bytes(range(32))
    assert proof_holds(key, nonce, await link.prove(nonce))
    pulled = [SignedMinute.from_bytes(raw).record.sequence async for raw in link.pull(3)]
    assert pulled == [3, 4, 5]
    assert [raw async for raw in link.pull(6)] == []
    await link.acknowledge(5)
    assert (await link.state()).acknowledged == 5
    assert (await read_boot_clock(link, lambda: NOON_MS + 300_000)).began_at_ms == NOON_MS
    assert wipe_holds(key, nonce, await link.wipe(nonce))
    assert [raw async for raw in link.pull(1)] == []
