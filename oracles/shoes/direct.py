"""A link without a radio: the shoe's firmware on the bench, its records handed over as they are."""

from collections.abc import AsyncIterator, Callable

from oracles.links.statements import ShoeIdentity, ShoeProof, ShoeState
from oracles.shoes.device import Shoe


class DirectLink:
    """A `ShoeLink` to a `Shoe` in the same process; `now_ms` gives UTC milliseconds."""

    def __init__(self, shoe: Shoe, now_ms: Callable[[], int]) -> None:
        self._shoe = shoe
        self._now_ms = now_ms

    async def identity(self) -> ShoeIdentity:
        """Who the shoe is."""
        return self._shoe.identity

    async def state(self) -> ShoeState:
        """How the shoe stands now."""
        return self._shoe.state(self._now_ms())

    async def prove(self, nonce: bytes) -> ShoeProof:
        """The shoe's signature over a nonce of 32 bytes."""
        return self._shoe.prove(nonce, self._now_ms())

    async def pull(self, first: int) -> AsyncIterator[bytes]:
        """Every record held from `first` on, in order."""
        start = max(first, self._shoe.log.oldest)
        if start <= self._shoe.log.newest:
            for record in self._shoe.records(start, self._shoe.log.newest):
                yield record

    async def acknowledge(self, sequence: int) -> None:
        """Let the shoe overwrite everything up to here."""
        self._shoe.acknowledge(sequence)

    async def wipe(self, nonce: bytes) -> ShoeProof:
        """Erase the shoe's log."""
        return self._shoe.wipe(nonce, self._now_ms())
