"""Shoes met over the emulated radio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bleak.backends.device import BLEDevice

from oracles.emulation import EmulatedRadio, emulated_radio
from oracles.links.agent import PairingAgent, pairing_agent
from oracles.links.ble import BleShoeLink, Patience
from oracles.links.scan import find_shoes
from oracles.shoes import Shoe
from protocol.minutes import SignedMinute

HASTY = Patience(connect=10.0, silence=0.5, pause=0.01, attempts=3, window=64)


@dataclass(frozen=True, slots=True)
class Meeting:
    """Shoes on the air and what the oracle found of them, in the same order."""

    radio: EmulatedRadio
    agent: PairingAgent
    devices: list[BLEDevice]

    def link(self, number: int = 0, patience: Patience = HASTY) -> BleShoeLink:
        """A link to a shoe, not yet made."""
        return BleShoeLink(self.devices[number], self.agent, patience)


@asynccontextmanager
async def meeting(*shoes: Shoe) -> AsyncIterator[Meeting]:
    """Put shoes on the air, scan, and stand ready to pair."""
    async with emulated_radio(*shoes) as radio, pairing_agent() as agent:
        yield Meeting(radio, agent, await find_shoes(expected=len(shoes)))


async def pulled(link: BleShoeLink, first: int = 1) -> list[bytes]:
    """Everything a pull yields."""
    return [record async for record in link.pull(first)]


def sequences(records: list[bytes]) -> list[int]:
    """The sequences that records carry."""
    return [SignedMinute.from_bytes(record).record.sequence for record in records]
