"""The tree of objects that a Bluetooth daemon shows on D-Bus, and the signals that keep its readers up to date."""

from collections.abc import Callable
from typing import Any

from dbus_fast import Message, Variant

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
AGENT_MANAGER = "org.bluez.AgentManager1"
AGENT = "org.bluez.Agent1"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"

SIGNATURES = {
    "Adapter": "o",
    "Address": "s",
    "AddressType": "s",
    "Alias": "s",
    "Blocked": "b",
    "Bonded": "b",
    "Characteristic": "o",
    "Class": "u",
    "Connected": "b",
    "Device": "o",
    "Discoverable": "b",
    "Discovering": "b",
    "Flags": "as",
    "Handle": "q",
    "Includes": "ao",
    "LegacyPairing": "b",
    "MTU": "q",
    "Name": "s",
    "Notifying": "b",
    "Pairable": "b",
    "Paired": "b",
    "Powered": "b",
    "Primary": "b",
    "RSSI": "n",
    "Roles": "as",
    "Service": "o",
    "ServicesResolved": "b",
    "Trusted": "b",
    "UUID": "s",
    "UUIDs": "as",
    "Value": "ay",
}
"""D-Bus types of the properties in use, as BlueZ's interface descriptions give them."""

Properties = dict[str, Any]


class BluezError(Exception):
    """An error a method call is answered with; `name` is the D-Bus error name."""

    def __init__(self, name: str, text: str = "") -> None:
        super().__init__(text)
        self.name = name if "." in name else f"org.bluez.Error.{name}"
        self.text = text


class ObjectTree:
    """Objects by path, each with the properties of its interfaces."""

    def __init__(self, send: Callable[[Any], Any]) -> None:
        self._send = send
        self._objects: dict[str, dict[str, Properties]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._objects

    def add(self, path: str, interface: str, properties: Properties) -> None:
        """Show an object and say so."""
        self._objects[path] = {interface: properties}
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, {interface: _variants(properties)}])

    def remove(self, path: str) -> None:
        """Take an object away and say so."""
        interfaces = self._objects.pop(path, None)
        if interfaces is not None:
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def below(self, path: str) -> list[str]:
        """The paths under a path, the deepest first."""
        return sorted((other for other in self._objects if other.startswith(path + "/")), reverse=True)

    def update(self, path: str, interface: str, **properties: Any) -> None:
        """Change properties and say so; nothing if the object has gone."""
        if path in self._objects:
            self._objects[path][interface].update(properties)
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, _variants(properties), []])

    def properties(self, path: str, interface: str) -> Properties:
        """The properties of an object. Raises `BluezError` as D-Bus does for unknown objects."""
        try:
            return self._objects[path][interface]
        except KeyError:
            raise unknown_object(path) from None

    def variants(self, path: str, interface: str) -> dict[str, Any]:
        """The properties of an object as D-Bus variants."""
        return _variants(self.properties(path, interface))

    def managed(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every object, as `GetManagedObjects` returns them."""
        return {
            path: {interface: _variants(properties) for interface, properties in interfaces.items()}
            for path, interfaces in self._objects.items()
        }

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self._send(Message.new_signal(path, interface, member, signature, body))


def unknown_object(path: str) -> BluezError:
    """The error of a call to an object that is not there."""
    return BluezError("org.freedesktop.DBus.Error.UnknownObject", f"no object {path}")


def _variants(properties: Properties) -> dict[str, Any]:
    return {name: Variant(SIGNATURES[name], value) for name, value in properties.items()}
