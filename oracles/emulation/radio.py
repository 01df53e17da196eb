"""Everything a program needs to meet emulated shoes over Bluetooth: one context, cleaned up behind."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from oracles.emulation.dbus import private_bus
from oracles.errors import EmulationError
from oracles.shoes.device import Shoe

if TYPE_CHECKING:
    from oracles.emulation.peripheral import EmulatedShoe


def system_ms() -> int:
    """The system's clock: UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class EmulatedRadio:
    """Shoes on the air, in the order they were given."""

    shoes: "tuple[EmulatedShoe, ...]"
    bus_address: str


@asynccontextmanager
async def emulated_radio(*shoes: Shoe, now_ms: Callable[[], int] = system_ms) -> AsyncIterator[EmulatedRadio]:
    """Put shoes on a virtual air that bleak, in the same event loop, sees as BlueZ's.

    While inside, the environment's system bus is a private one. Close every link before leaving. `now_ms` is the shoes'
    clock, UTC milliseconds. Raises `EmulationError`: DBUS_DAEMON_MISSING, DBUS_DAEMON_FAILED or BUMBLE_MISSING.
    """
    try:
        from bumble.link import LocalLink

        from oracles.emulation.bluezd import Bluezd
        from oracles.emulation.peripheral import EmulatedShoe
    except ImportError:
        hint = "install the dependency group `emulation`"
        raise EmulationError("BUMBLE_MISSING", "the emulated Bluetooth host is not installed", hint) from None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_forget_bus, _expected_on_a_private_bus())
        address = await stack.enter_async_context(private_bus())
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        stack.push_async_callback(_disconnect, bus)
        link = LocalLink()
        daemon = Bluezd(bus, link)
        stack.push_async_callback(daemon.stop)
        await daemon.start()
        on_air = []
        for number, shoe in enumerate(shoes, start=1):
            peripheral = EmulatedShoe(shoe, link, f"C0:FF:EE:00:{number >> 8:02X}:{number & 255:02X}", now_ms)
            stack.push_async_callback(peripheral.stop)
            await peripheral.start()
            on_air.append(peripheral)
        yield EmulatedRadio(tuple(on_air), address)


def _expected_on_a_private_bus() -> list[tuple[logging.Logger, int]]:
    """Silence two warnings of bleak: that there is no `bluetoothctl`, and that the bus goes away at the end."""
    before = []
    for name in ("version", "manager"):
        logger = logging.getLogger(f"bleak.backends.bluezdbus.{name}")
        before.append((logger, logger.level))
        logger.setLevel(logging.ERROR)
    return before


async def _forget_bus(levels: list[tuple[logging.Logger, int]]) -> None:
    """Let bleak see the end of the bus, then let it speak again."""
    await asyncio.sleep(0.02)
    for logger, level in levels:
        logger.setLevel(level)


async def _disconnect(bus: MessageBus) -> None:
    bus.disconnect()
    await bus.wait_for_disconnect()
