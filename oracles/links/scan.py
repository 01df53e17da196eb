"""Which shoes are near."""

import asyncio
import contextlib

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from oracles.errors import LinkError
from oracles.links import profile


async def find_shoes(expected: int | None = None, seconds: float = 5.0) -> list[BLEDevice]:
    """Devices that advertise the vendor service, by address; ends early once `expected` are found.

    Addresses change and say nothing: a shoe is known by its key, after connecting. Raises `BLUETOOTH_UNAVAILABLE`, or
    `SHOE_NOT_FOUND` if fewer than `expected` were seen.
    """
    found: dict[str, BLEDevice] = {}
    enough = asyncio.Event()

    def seen(device: BLEDevice, advertisement: AdvertisementData) -> None:
        if profile.SERVICE in advertisement.service_uuids:
            found[device.address] = device
        if expected is not None and len(found) >= expected:
            enough.set()

    try:
        async with BleakScanner(seen, service_uuids=[profile.SERVICE]):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(enough.wait(), seconds)
    except (BleakError, OSError) as error:
        raise LinkError(
            "BLUETOOTH_UNAVAILABLE", f"cannot scan: {type(error).__name__}", "is the adapter on and bluetoothd running?"
        ) from error
    if expected is not None and len(found) < expected:
        raise LinkError("SHOE_NOT_FOUND", f"{len(found)} of {expected} shoes are near", "wake the shoes by walking")
    return [found[address] for address in sorted(found)]
