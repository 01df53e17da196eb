from collections.abc import Callable, Iterator

import pytest

from oracles.errors import LinkError
from oracles.links import ShoeState, read_boot_clock
from oracles.shoes import DirectLink, Shoe
from tests.oracles.shoes.support import NOON_MS, walked_pair


class SlowLink(DirectLink):
    """A link whose readings take a while, there and back."""

    def __init__(self, shoe: Shoe, trips: Iterator[tuple[int, int]]) -> None:
        self.now = NOON_MS + 5_000
        super().__init__(shoe, self.read)
        self.trips = trips

    def read(self) -> int:
        return self.now

    async def state(self) -> ShoeState:
        there, back = next(self.trips)
        self.now += there
        state = await super().state()
        self.now += back
        return state


def clock_of(link: SlowLink) -> Callable[[], int]:
    return link.read


async def test_the_shortest_round_trip_wins() -> None:
    link = SlowLink(walked_pair(0).left, iter([(300, 40), (80, 900), (10, 12), (50, 50), (400, 0)]))
    clock = await read_boot_clock(link, clock_of(link))
    assert abs(clock.began_at_ms - NOON_MS) <= clock.uncertainty_ms == 11
    assert clock.at(60_000) == (clock.began_at_ms + 60_000) // 1_000
    assert clock.boot == 1


async def test_a_restart_in_between_counts() -> None:
    shoe = walked_pair(0).left
    link = SlowLink(shoe, iter([(1, 1), (9, 9), (9, 9), (9, 9), (9, 9)]))
    state = link.state

    async def restarting() -> ShoeState:
        reading = await state()
        if reading.boot == 1:
            shoe.boot(link.now)
        return reading

    link.state = restarting  # type: ignore[method-assign]
    assert (await read_boot_clock(link, clock_of(link))).boot == 2


async def test_a_clock_that_cannot_be_read_is_refused() -> None:
    link = SlowLink(walked_pair(0).left, iter([(5_000, 1)] * 5))
    with pytest.raises(LinkError, match="CLOCK_UNREADABLE"):
        await read_boot_clock(link, clock_of(link))
