"""Waiting in line: places go by turns of who waits, and nobody holds all of them."""

import asyncio

import pytest

from node.processes.line import Line


def line(places: int, each: int) -> Line:
    made = Line(each)
    for _ in range(places):
        made.add()
    return made


async def take(made: Line, who: str, served: list[str]) -> None:
    await made.take(who, 5)
    served.append(who)


async def test_callers_are_served_by_turns_however_much_one_asks() -> None:
    made, served = line(0, 10), list[str]()
    tasks = [asyncio.create_task(take(made, who, served)) for who in ("hog",) * 5 + ("ann", "ben")]
    await asyncio.sleep(0)
    for _ in tasks:
        made.add()
    await asyncio.gather(*tasks)
    assert served[:3] == ["hog", "ann", "ben"]
    assert served.count("hog") == 5


async def test_one_caller_leaves_a_place_to_others() -> None:
    made, served = line(2, 1), list[str]()
    hogs = [asyncio.create_task(take(made, "hog", served)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert served == ["hog"]
    await made.take("ann", 5)
    made.leave("hog")
    made.add()
    await asyncio.sleep(0.01)
    assert served == ["hog", "hog"]
    hogs[2].cancel()


async def test_who_waits_too_long_or_goes_away_takes_no_place_with_him() -> None:
    made = line(1, 1)
    await made.take("ann", 5)
    with pytest.raises(TimeoutError):
        await made.take("ben", 0.01)
    gone = asyncio.create_task(made.take("eve", 5))
    await asyncio.sleep(0)
    gone.cancel()
    made.leave("ann")
    made.add()
    await made.take("dan", 0.5)


async def test_who_goes_away_in_the_moment_of_his_turn_gives_it_back() -> None:
    made = line(0, 1)
    eve = asyncio.create_task(made.take("eve", 5))
    await asyncio.sleep(0)
    made.add()
    eve.cancel()
    with pytest.raises(asyncio.CancelledError):
        await eve
    await made.take("dan", 0.5)
