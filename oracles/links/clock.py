"""When a shoe's minutes happened: its clock counts milliseconds since boot and knows no date."""

from collections.abc import Callable
from dataclasses import dataclass

from oracles.errors import LinkError
from oracles.links.link import ShoeLink
from protocol.quantities import Seconds

READINGS = 5
SLOWEST_ROUND_TRIP_MS = 5_000


@dataclass(frozen=True, slots=True)
class BootClock:
    """When one boot of a shoe began, by the oracle's clock."""

    boot: int
    began_at_ms: int
    """UTC milliseconds since 1970-01-01."""
    uncertainty_ms: int
    """Half the round trip of the reading it rests on."""

    def at(self, since_boot_ms: int) -> Seconds:
        """The UTC second of a moment in this boot."""
        return Seconds((self.began_at_ms + since_boot_ms) // 1_000)


async def read_boot_clock(link: ShoeLink, now_ms: Callable[[], int]) -> BootClock:
    """Pair the shoe's clock with the oracle's (UTC milliseconds), by the shortest of five round trips.

    A shoe's own idea of the date is never asked for. Raises `CLOCK_UNREADABLE` if every reading takes over five
    seconds or the shoe keeps restarting in between.
    """
    best: BootClock | None = None
    for _ in range(READINGS):
        asked = now_ms()
        state = await link.state()
        answered = now_ms()
        if not 0 <= answered - asked <= SLOWEST_ROUND_TRIP_MS:
            continue
        half = (answered - asked) // 2
        reading = BootClock(state.boot, asked + half - state.since_boot_ms, half)
        if best is None or reading.boot > best.boot or reading.uncertainty_ms < best.uncertainty_ms:
            best = reading
    if best is None:
        raise LinkError("CLOCK_UNREADABLE", "the shoe answers too slowly to read its clock", "bring the shoe nearer")
    return best
