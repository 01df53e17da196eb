"""A shoe on the (virtual) air: its firmware behind the vendor GATT profile.

Beside the vendor service it offers what the market's applications read: Running Speed and Cadence, Battery, Device
Information. These are neither signed nor counted and the oracle does not use them.
"""

import asyncio
import logging
import struct
from collections.abc import Callable, Coroutine
from typing import Any

from bumble import data_types
from bumble.core import UUID, AdvertisingData, BaseBumbleError
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.link import LocalLink

from oracles.emulation.central import virtual_host
from oracles.emulation.faults import Faults
from oracles.errors import DeviceError
from oracles.links import profile
from oracles.links.profile import Operation, Result
from oracles.shoes.device import Shoe
from protocol.minutes import MinuteRecord, Side, SignedMinute

PULL = struct.Struct("<II")
ACK = struct.Struct("<I")
BATTERY_SERVICE, BATTERY_LEVEL = 0x180F, 0x2A19
INFORMATION_SERVICE, MAKER_NAME, MODEL_NUMBER, FIRMWARE_REVISION = 0x180A, 0x2A29, 0x2A24, 0x2A26
RUNNING_SERVICE, RUNNING_MEASUREMENT, RUNNING_FEATURE, SENSOR_LOCATION = 0x1814, 0x2A53, 0x2A54, 0x2A5D
IN_SHOE = 2
ANNOUNCE_SECONDS = 1.0

logger = logging.getLogger(__name__)
_Property = Characteristic.Properties


class EmulatedShoe:
    """A shoe that advertises, pairs and answers. `now_ms`: UTC milliseconds; `faults` may be changed at any time."""

    def __init__(self, shoe: Shoe, link: LocalLink, address: str, now_ms: Callable[[], int]) -> None:
        self.shoe = shoe
        self.address = address
        self.faults = Faults()
        self._now_ms = now_ms
        self._name = "Shoe L" if shoe.identity.side is Side.LEFT else "Shoe R"
        self._device = virtual_host(self._name, address, link)
        self._tasks: set[asyncio.Task[None]] = set()
        self._pull: asyncio.Task[None] | None = None
        self._control = _encrypted(profile.CONTROL, _Property.WRITE | _Property.INDICATE, write=self._on_control)
        self._records = _encrypted(profile.RECORDS, _Property.NOTIFY)
        self._proof = _encrypted(profile.PROOF, _Property.NOTIFY)
        self._running = Characteristic(UUID.from_16_bits(RUNNING_MEASUREMENT), _Property.NOTIFY, 0, b"")
        self._device.add_services([self._vendor_service(), *self._common_services()])
        self._device.advertising_data = bytes(self._advertisement())

    async def start(self) -> None:
        """Switch the radio on and advertise until stopped, also after every link."""
        self._device.gatt_server.max_mtu = self.faults.largest_mtu
        await self._device.power_on()
        await self._device.start_advertising(auto_restart=True)
        self._spawn(self._announce())

    async def stop(self) -> None:
        """Switch the radio off; a second time changes nothing."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for advertiser in (self._device.legacy_advertising_set, self._device.legacy_advertiser):
            if advertiser is not None:
                advertiser.auto_restart = False
        await self.drop_link()
        await self._device.stop_advertising()
        await self._device.power_off()

    async def drop_link(self) -> None:
        """Lose the link to whoever is connected."""
        for connection in list(self._device.connections.values()):
            try:
                await connection.disconnect()
            except BaseBumbleError:
                logger.debug("the link was lost already", exc_info=True)

    def limit_mtu(self, largest: int) -> None:
        """Agree to no larger ATT MTU than this from the next link on."""
        self.faults.largest_mtu = self._device.gatt_server.max_mtu = largest

    def _vendor_service(self) -> Any:
        identity = _encrypted(profile.IDENTITY, _Property.READ, read=lambda _: self.shoe.identity.pack())
        state = _encrypted(
            profile.STATE, _Property.READ | _Property.NOTIFY, read=lambda _: self.shoe.state(self._now_ms()).pack()
        )
        return Service(UUID(profile.SERVICE), [identity, state, self._control, self._records, self._proof])

    def _common_services(self) -> list[Any]:
        identity = self.shoe.identity
        battery = CharacteristicValue(read=lambda _: bytes((self.shoe.battery_percent,)))
        texts = ((MAKER_NAME, b"Tideprint"), (MODEL_NUMBER, identity.model.encode()), (FIRMWARE_REVISION, b"1"))
        return [
            Service(UUID.from_16_bits(BATTERY_SERVICE), [_open(BATTERY_LEVEL, battery)]),
            Service(UUID.from_16_bits(INFORMATION_SERVICE), [_open(uuid, text) for uuid, text in texts]),
            Service(
                UUID.from_16_bits(RUNNING_SERVICE),
                [self._running, _open(RUNNING_FEATURE, bytes(2)), _open(SENSOR_LOCATION, bytes((IN_SHOE,)))],
            ),
        ]

    def _advertisement(self) -> Any:
        """31 bytes: flags, the vendor service, a name that says the side only."""
        flags = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
        return AdvertisingData(
            [
                data_types.Flags(flags),
                data_types.CompleteListOf128BitServiceUUIDs([UUID(profile.SERVICE)]),
                data_types.CompleteLocalName(self._name),
            ]
        )

    async def _announce(self) -> None:
        while True:
            await asyncio.sleep(ANNOUNCE_SECONDS)
            await self._device.notify_subscribers(self._running, self._running_value())

    def _running_value(self) -> bytes:
        """Flags u8, speed u16 (unknown: 0), cadence u8 of both feet, from the newest minute (0x2A53)."""
        log = self.shoe.log
        cadence = 0
        if log.oldest <= log.newest:
            record: MinuteRecord = SignedMinute.from_bytes(next(iter(log.records(log.newest, log.newest)))).record
            cadence = min(255, 2 * record.steps)
        return struct.pack("<BHB", 0, 0, cadence)

    def _on_control(self, connection: Any, value: bytes) -> None:
        self._spawn(self._perform(connection, bytes(value)))

    async def _perform(self, connection: Any, request: bytes) -> None:
        """Carry out one operation and answer it."""
        operation, operand = request[0] if request else 0, request[1:]
        if operation == Operation.PULL and len(operand) == PULL.size:
            await self._start_pull(connection, *PULL.unpack(operand))
            return
        await self._indicate(connection, profile.answer(operation, await self._result(connection, operation, operand)))

    async def _result(self, connection: Any, operation: int, operand: bytes) -> Result:
        try:
            match operation:
                case Operation.ACK if len(operand) == ACK.size:
                    self.shoe.acknowledge(*ACK.unpack(operand))
                case Operation.STOP if not operand:
                    if self._pull is not None:
                        self._pull.cancel()
                case Operation.PROVE:
                    await self._notify(connection, self._proof, self.shoe.prove(operand, self._now_ms()).pack())
                case Operation.WIPE:
                    await self._notify(connection, self._proof, self.shoe.wipe(operand, self._now_ms()).pack())
                case Operation.PULL | Operation.ACK | Operation.STOP:
                    return Result.OPERAND
                case _:
                    return Result.UNKNOWN
        except DeviceError:
            return Result.OPERAND
        return Result.OK

    async def _start_pull(self, connection: Any, first: int, last: int) -> None:
        result = Result.OK
        if connection.att_mtu < profile.MTU_REQUIRED or (self._pull is not None and not self._pull.done()):
            result = Result.NOT_ALLOWED
        elif not self.shoe.log.oldest <= first <= last <= self.shoe.log.newest:
            result = Result.RANGE_NOT_HELD
        await self._indicate(connection, profile.answer(Operation.PULL, result))
        if result is Result.OK:
            self._pull = self._spawn(self._send(connection, first, last))

    async def _send(self, connection: Any, first: int, last: int) -> None:
        sent = 0
        for sequence, record in enumerate(self.shoe.records(first, last), start=first):
            value = self.faults.on_air(sequence, record)
            if value is not None:
                await self._notify(connection, self._records, value)
                sent = sequence
            await asyncio.sleep(0)
            if self.faults.cuts_now():
                await self.drop_link()
                return
        await self._indicate(connection, profile.pull_ended(sent))

    async def _notify(self, connection: Any, characteristic: Any, value: bytes) -> None:
        await self._device.notify_subscriber(connection, characteristic, value)

    async def _indicate(self, connection: Any, value: bytes) -> None:
        await self._device.indicate_subscriber(connection, self._control, value)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_until_lost(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _until_lost(work: Coroutine[Any, Any, None]) -> None:
    """Do something for a peer; when the link is lost meanwhile there is nobody left to tell."""
    try:
        await work
    except (BaseBumbleError, TimeoutError):
        logger.debug("the link was lost", exc_info=True)


def _encrypted(uuid: str, properties: Any, read: Any = None, write: Any = None) -> Any:
    permissions = 0
    if properties & _Property.READ:
        permissions |= Characteristic.READABLE | Characteristic.READ_REQUIRES_ENCRYPTION
    if properties & _Property.WRITE:
        permissions |= Characteristic.WRITEABLE | Characteristic.WRITE_REQUIRES_ENCRYPTION
    value = CharacteristicValue(read=read, write=write) if read or write else b""
    return Characteristic(UUID(uuid), properties, permissions, value)


def _open(uuid: int, value: Any) -> Any:
    return Characteristic(UUID.from_16_bits(uuid), _Property.READ, Characteristic.READABLE, value)
