"""A visit to a shoe: proved, durable, then acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracles.errors import LinkError
from oracles.refusals import Reason
from oracles.shoes.direct import DirectLink
from oracles.shoes.log import ShoeLog
from oracles.shoes.measures import MinuteMeasures
from tests.oracles.core_support import MORNING_MS, House, Wearer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    house.now_ms = MORNING_MS + 3_600_000
    yield house
    house.close()


def enrolled(house: House) -> Wearer:
    wearer = Wearer.new()
    house.register.update({device.device: device for device in wearer.enrolled()})
    return wearer


async def test_a_visit_takes_what_is_new_and_acknowledges_it(house: House) -> None:
    wearer = enrolled(house)
    left = wearer.shoes.left
    link, device = DirectLink(left, lambda: house.now_ms), house.register[left.key.device]
    wearer.walk()
    assert (await house.oracle.pull(link, device)).accepted == 10
    assert left.log.acknowledged == 10
    assert (await house.oracle.pull(link, device)).accepted == 0
    wearer.walk(at_ms=MORNING_MS + 1_200_000)
    assert (await house.oracle.pull(link, device)).accepted == 10
    assert house.spool.waiting(wearer.subject, house.spool.days()[0])[0].start_utc_ms == MORNING_MS


async def test_another_shoe_in_its_place_is_not_pulled(house: House) -> None:
    wearer = enrolled(house)
    wearer.walk()
    link = DirectLink(wearer.shoes.right, lambda: house.now_ms)
    with pytest.raises(LinkError, match="SHOE_UNPROVEN"):
        await house.oracle.pull(link, house.register[wearer.shoes.left.key.device])
    assert wearer.shoes.right.log.acknowledged == 0


async def test_a_shoe_that_overwrote_unfetched_minutes_goes_on(house: House) -> None:
    wearer = enrolled(house)
    left = wearer.shoes.left
    left.log = ShoeLog(capacity=4)
    link, device = DirectLink(left, lambda: house.now_ms), house.register[left.key.device]
    for index in range(20):
        left.close_minute(MinuteMeasures(steps=3), MORNING_MS + index * 60_000)
        if index == 1:
            await house.oracle.pull(link, device)
    report = await house.oracle.pull(link, device)
    assert (report.accepted, report.refused) == (4, {})
    assert house.intake.next_sequence(device) == 21


async def test_minutes_arriving_without_a_visit_need_a_clock(house: House) -> None:
    wearer = enrolled(house)
    minute = wearer.walk()[0]
    assert house.oracle.accept([minute]).refused == {Reason.TIME_UNKNOWN: 1}
    wearer = enrolled(house)
    device = house.register[wearer.shoes.left.key.device]
    booted = wearer.shoes.left._booted_at_ms
    assert house.oracle.synchronise(device, 1, 0, booted)
    assert house.oracle.accept([wearer.walk()[0]]).accepted == 1
