"""Taking turns on the event loop."""

import asyncio

from node.rpc.turns import A_ROUND, Turns


async def test_few_go_on_in_a_round_and_all_in_their_order() -> None:
    turns, done, rounds = Turns(), list[int](), list[int]()

    async def one(number: int) -> None:
        await turns.take()
        done.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(6 * A_ROUND)]
    while len(done) < len(tasks):
        before = len(done)
        await asyncio.sleep(0)
        rounds.append(len(done) - before)
    assert done == list(range(len(tasks)))
    assert max(rounds) <= A_ROUND
    await asyncio.gather(*tasks)


async def test_who_gave_up_takes_no_turn() -> None:
    turns = Turns()
    *_, gone, waiting = [asyncio.create_task(turns.take()) for _ in range(A_ROUND + 2)]
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(waiting, 1)
    assert gone.cancelled()
