"""From a shoe's milliseconds since boot to UTC: a line per boot through the syncs of its link.

Shoes have no calendar and crystals drift by 20 to 50 ppm. At every connection the link pairs the shoe's clock with its
own; the first and the latest pair of a boot give offset and drift. A shoe's own word on wall-clock time is never used.
"""

from dataclasses import dataclass, replace

MAX_DRIFT_PPM = 200
JITTER_MS = 2_000
"""What a slow radio round trip may add to a sync."""
MIN_SPAN_MS = 3_600_000
"""Below an hour between syncs jitter outweighs drift, so only the offset is used."""


@dataclass(frozen=True, slots=True)
class ClockFit:
    """Two pairs (ms since boot, UTC ms) of one boot; equal after the first sync."""

    boot: int
    shoe_ms: int
    utc_ms: int
    first_shoe_ms: int
    first_utc_ms: int
    trusted: bool = True
    """False while the latest sync contradicts the first by more than a crystal can drift."""

    @classmethod
    def at(cls, boot: int, shoe_ms: int, utc_ms: int) -> "ClockFit":
        """The fit of a first sync."""
        return cls(boot, shoe_ms, utc_ms, shoe_ms, utc_ms)

    def synchronised(self, shoe_ms: int, utc_ms: int) -> "ClockFit":
        """The fit after another sync of the same boot; untrusted if the clocks ran apart or backwards."""
        span, elapsed = shoe_ms - self.first_shoe_ms, utc_ms - self.first_utc_ms
        allowed = JITTER_MS + abs(span) * MAX_DRIFT_PPM // 1_000_000
        if span < 0 or abs(elapsed - span) > allowed:
            return replace(self, trusted=False)
        return replace(self, shoe_ms=shoe_ms, utc_ms=utc_ms, trusted=True)

    def utc_of(self, shoe_ms: int) -> int:
        """UTC milliseconds of a moment of this boot."""
        span = self.shoe_ms - self.first_shoe_ms
        if span < MIN_SPAN_MS:
            return self.utc_ms + shoe_ms - self.shoe_ms
        return self.first_utc_ms + (shoe_ms - self.first_shoe_ms) * (self.utc_ms - self.first_utc_ms) // span
