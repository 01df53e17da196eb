"""The Bluetooth host behind the stand-in daemon: scanning, links, pairing; and how it names what it hears."""

from typing import Any

from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, DeviceConfiguration
from bumble.gatt import Characteristic
from bumble.hci import Address
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.link import LocalLink
from bumble.pairing import PairingConfig, PairingDelegate

from oracles.emulation.objects import BluezError, Properties

_Property = Characteristic.Properties
FLAGS = (
    (_Property.READ, "read"),
    (_Property.WRITE_WITHOUT_RESPONSE, "write-without-response"),
    (_Property.WRITE, "write"),
    (_Property.NOTIFY, "notify"),
    (_Property.INDICATE, "indicate"),
)
ATT_ERRORS = {
    0x02: ("NotPermitted", "Read not permitted"),
    0x03: ("NotPermitted", "Write not permitted"),
    0x05: ("NotPermitted", "Not paired"),
    0x06: ("NotSupported", "Operation is not supported"),
    0x0C: ("NotPermitted", "Not paired"),
    0x0D: ("InvalidArguments", "Invalid Length"),
    0x0F: ("NotPermitted", "Not paired"),
}
"""ATT error codes that BlueZ answers with an error of its own."""


def virtual_host(name: str, address: str, link: LocalLink) -> Any:
    """A Bluetooth device on the virtual link; it pairs by Secure Connections, "just works", and bonds."""
    host = Host()
    host.controller = Controller(name, link=link)
    configuration = DeviceConfiguration(
        name=name, address=Address(address), advertising_interval_min=50, advertising_interval_max=50
    )
    device = Device(config=configuration, host=host)
    device.keystore = MemoryKeyStore()
    device.pairing_config_factory = lambda _: PairingConfig(
        sc=True, mitm=False, bonding=True, delegate=PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT)
    )
    return device


def random_address(text: str) -> Any:
    """A device's address as bumble wants it."""
    return Address(text, Address.RANDOM_DEVICE_ADDRESS)


def long_uuid(uuid: Any) -> str:
    """A UUID in 36 characters."""
    text = bytes(reversed(uuid.to_bytes(force_128=True))).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def heard(advertisement: Any) -> Properties:
    """What an advertisement says, as properties of a BlueZ device."""
    properties: Properties = {"RSSI": advertisement.rssi}
    uuids: list[str] = []
    for kind, value in advertisement.data.ad_structures:
        if kind in (AdvertisingData.COMPLETE_LOCAL_NAME, AdvertisingData.SHORTENED_LOCAL_NAME):
            properties["Name"] = properties["Alias"] = value.decode("utf-8", "replace")
        elif kind in (0x02, 0x03, 0x06, 0x07):
            width = 2 if kind in (0x02, 0x03) else 16
            uuids += [long_uuid(UUID.from_bytes(value[at : at + width])) for at in range(0, len(value), width)]
    if uuids:
        properties["UUIDs"] = uuids
    return properties


def flags_of(characteristic: Any) -> list[str]:
    """BlueZ's names of what a characteristic allows."""
    return [name for flag, name in FLAGS if characteristic.properties & flag]


def att_error(code: int) -> BluezError:
    """BlueZ's error for an ATT error code."""
    name, text = ATT_ERRORS.get(code, ("Failed", f"Operation failed with ATT error: 0x{code:02x}"))
    return BluezError(name, text)
