"""Smart shoes as they are built: keys, firmware, flash, and the walks of real people they record."""

from oracles.shoes.device import MINUTE_MS, Shoe
from oracles.shoes.direct import DirectLink
from oracles.shoes.keys import DeviceKey, certify
from oracles.shoes.log import ShoeLog
from oracles.shoes.measures import MinuteMeasures
from oracles.shoes.pair import ShoePair, make_pair
from oracles.shoes.walkers import Walker, record_minutes
from oracles.shoes.walks import WalkedMinute, record_walk, walked_minutes

__all__ = [
    "MINUTE_MS",
    "DeviceKey",
    "DirectLink",
    "MinuteMeasures",
    "Shoe",
    "ShoeLog",
    "ShoePair",
    "WalkedMinute",
    "Walker",
    "certify",
    "make_pair",
    "record_minutes",
    "record_walk",
    "walked_minutes",
]
