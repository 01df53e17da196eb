"""Shoes for tests: a fixed clock, pairs with some minutes in their logs."""

from oracles.shoes import DeviceKey, MinuteMeasures, ShoePair, make_pair
from protocol.minutes import Algorithm

NOON_MS = 1_460_516_400_000
"""13 April 2016, noon in Seoul."""

STEADY = MinuteMeasures(
    steps=52,
    strides_used=48,
    stride_mean_ms=1_100,
    stride_sd_tenth_ms=200,
    stance_mean_ms=700,
    peak_force_n=950,
    peak_force_sd_tenth_n=330,
    first_contact_ms=120,
    last_contact_ms=59_300,
)


def walked_pair(minutes: int, factory: DeviceKey | None = None, algorithm: Algorithm = Algorithm.P256) -> ShoePair:
    """A pair, on since noon, that closed this many minutes from then on."""
    pair = make_pair(factory or DeviceKey.generate(), algorithm)
    pair.boot(NOON_MS)
    for minute in range(minutes):
        for shoe in (pair.left, pair.right):
            shoe.close_minute(STEADY, NOON_MS + minute * 60_000)
    return pair
