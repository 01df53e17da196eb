"""Ways from a shoe to the oracle: Bluetooth LE (`links.ble`), and files that nothing vouches for (`links.files`)."""

from oracles.links.clock import BootClock, read_boot_clock
from oracles.links.link import ShoeLink
from oracles.links.statements import (
    ShoeIdentity,
    ShoeProof,
    ShoeState,
    StateFlag,
    certified,
    proof_holds,
    wipe_holds,
)

__all__ = [
    "BootClock",
    "ShoeIdentity",
    "ShoeLink",
    "ShoeProof",
    "ShoeState",
    "StateFlag",
    "certified",
    "proof_holds",
    "read_boot_clock",
    "wipe_holds",
]
