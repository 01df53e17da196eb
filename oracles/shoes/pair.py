"""A pair of shoes as it leaves the factory: two keys, one pair id, two certificates."""

import secrets
from dataclasses import dataclass

from oracles.links.statements import PAIR_SIZE
from oracles.shoes.device import MODEL, Shoe
from oracles.shoes.keys import DeviceKey, certify
from protocol.minutes import Algorithm, Side


@dataclass(frozen=True, slots=True)
class ShoePair:
    """The two shoes of one wearer."""

    left: Shoe
    right: Shoe

    @property
    def pair(self) -> bytes:
        """The pair id, 8 bytes: both shoes' records carry it."""
        return self.left.identity.pair

    def boot(self, now_ms: int) -> None:
        """Switch both shoes on, at this UTC millisecond."""
        self.left.boot(now_ms)
        self.right.boot(now_ms)


def make_pair(factory: DeviceKey, algorithm: Algorithm = Algorithm.P256) -> ShoePair:
    """A new pair with fresh keys, certified by the factory, switched off."""
    pair = secrets.token_bytes(PAIR_SIZE)
    left, right = (_make(factory, side, pair, algorithm) for side in (Side.LEFT, Side.RIGHT))
    return ShoePair(left, right)


def _make(factory: DeviceKey, side: Side, pair: bytes, algorithm: Algorithm) -> Shoe:
    key = DeviceKey.generate(algorithm)
    return Shoe(key, side, pair, certify(factory, key, side, pair, MODEL))
