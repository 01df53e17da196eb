"""A stand-in for bluetoothd: it owns `org.bluez` on a message bus and answers with a real Bluetooth host.

It knows the calls that bleak makes: scanning, connecting, pairing with an agent, GATT reads, writes and notifications.
Signals come in BlueZ's order: Connected, the GATT objects, ServicesResolved; the reverse when a link is lost. It does
not have AcquireNotify, passive scanning or attribute caches. Interface: BlueZ's doc/org.bluez.*.rst.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bumble.core import BaseBumbleError, ProtocolError
from bumble.device import Peer
from bumble.link import LocalLink
from dbus_fast import Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from oracles.emulation import objects
from oracles.emulation.central import att_error, flags_of, heard, long_uuid, random_address, virtual_host
from oracles.emulation.objects import BluezError, ObjectTree

ADAPTER_PATH = "/org/bluez/hci0"
ADDRESS = "F0:F1:F2:F3:F4:F5"
CONNECT_SECONDS = 10
MTU = 247

logger = logging.getLogger(__name__)
Answer = tuple[str, list[Any]]
NOTHING: Answer = ("", [])


class Bluezd:
    """The daemon. `start` and `stop` bracket its life; `bus` is its own connection."""

    def __init__(self, bus: MessageBus, link: LocalLink) -> None:
        self._bus = bus
        self._tree = ObjectTree(bus.send)
        self._host = virtual_host("bluezd", ADDRESS, link)
        self._connecting = asyncio.Lock()
        """An adapter makes one link at a time; others wait, as in BlueZ."""
        self._awaited = ""
        self._scanners: set[str] = set()
        self._links: dict[str, tuple[Any, Any]] = {}
        self._attributes: dict[str, Any] = {}
        self._subscriptions: dict[str, Callable[[bytes], None]] = {}
        self._agent: tuple[str, str] | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._methods: dict[tuple[str, str], Callable[[Any], Awaitable[Answer]]] = {
            (objects.OBJECT_MANAGER, "GetManagedObjects"): self._managed_objects,
            (objects.PROPERTIES, "Get"): self._get,
            (objects.PROPERTIES, "GetAll"): self._get_all,
            (objects.PROPERTIES, "Set"): self._set,
            (objects.AGENT_MANAGER, "RegisterAgent"): self._register_agent,
            (objects.AGENT_MANAGER, "RequestDefaultAgent"): self._accept,
            (objects.AGENT_MANAGER, "UnregisterAgent"): self._unregister_agent,
            (objects.ADAPTER, "SetDiscoveryFilter"): self._accept,
            (objects.ADAPTER, "StartDiscovery"): self._start_discovery,
            (objects.ADAPTER, "StopDiscovery"): self._stop_discovery,
            (objects.ADAPTER, "RemoveDevice"): self._remove_device,
            (objects.DEVICE, "Connect"): self._connect,
            (objects.DEVICE, "Disconnect"): self._disconnect,
            (objects.DEVICE, "Pair"): self._pair,
            (objects.CHARACTERISTIC, "ReadValue"): self._read,
            (objects.CHARACTERISTIC, "WriteValue"): self._write,
            (objects.CHARACTERISTIC, "StartNotify"): self._start_notify,
            (objects.CHARACTERISTIC, "StopNotify"): self._stop_notify,
            (objects.DESCRIPTOR, "ReadValue"): self._read,
        }

    async def start(self) -> None:
        """Switch the adapter on and own the name."""
        await self._host.power_on()
        self._host.on("advertisement", self._on_advertisement)
        self._tree.add("/org/bluez", objects.AGENT_MANAGER, {})
        adapter = {"Address": ADDRESS, "AddressType": "random", "Name": "bluezd", "Alias": "bluezd", "Class": 0}
        states = {"Powered": True, "Discovering": False, "Discoverable": False, "Pairable": True}
        self._tree.add(ADAPTER_PATH, objects.ADAPTER, {**adapter, **states, "UUIDs": [], "Roles": ["central"]})
        self._bus.add_message_handler(self._on_message)
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """Drop links, finish or cancel calls, switch off."""
        self._bus.remove_message_handler(self._on_message)
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        for connection, _ in list(self._links.values()):
            await _quietly(connection.disconnect())
        await _quietly(self._host.power_off())

    def _on_message(self, message: Any) -> bool | None:
        if message.message_type != MessageType.METHOD_CALL or message.interface == "org.freedesktop.DBus.Peer":
            return None
        call = asyncio.create_task(self._answer(message))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return True

    async def _answer(self, message: Any) -> None:
        try:
            signature, body = await self._dispatch(message)
            reply = Message.new_method_return(message, signature, body)
        except BluezError as error:
            reply = Message.new_error(message, error.name, error.text)
        except ProtocolError as error:
            known = att_error(error.error_code)
            reply = Message.new_error(message, known.name, known.text)
        except (BaseBumbleError, TimeoutError) as error:
            logger.debug("%s failed", message.member, exc_info=True)
            reply = Message.new_error(message, "org.bluez.Error.Failed", str(error) or type(error).__name__)
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._bus.send(reply)

    async def _dispatch(self, message: Any) -> Answer:
        if message.interface != objects.OBJECT_MANAGER and message.path not in self._tree:
            raise objects.unknown_object(message.path)
        method = self._methods.get((message.interface, message.member))
        if method is None:
            raise BluezError("org.freedesktop.DBus.Error.UnknownMethod", f"no method {message.member}")
        return await method(message)

    # objects and properties

    async def _managed_objects(self, _: Any) -> Answer:
        return "a{oa{sa{sv}}}", [self._tree.managed()]

    async def _get(self, message: Any) -> Answer:
        interface, name = message.body
        return "v", [self._tree.variants(message.path, interface)[name]]

    async def _get_all(self, message: Any) -> Answer:
        return "a{sv}", [self._tree.variants(message.path, message.body[0])]

    async def _set(self, message: Any) -> Answer:
        interface, name, value = message.body
        self._tree.update(message.path, interface, **{name: value.value})
        return NOTHING

    async def _accept(self, _: Any) -> Answer:
        return NOTHING

    # agents and pairing

    async def _register_agent(self, message: Any) -> Answer:
        self._agent = (message.sender, message.body[0])
        return NOTHING

    async def _unregister_agent(self, _: Any) -> Answer:
        self._agent = None
        return NOTHING

    async def _pair(self, message: Any) -> Answer:
        if self._tree.properties(message.path, objects.DEVICE)["Paired"]:
            raise BluezError("AlreadyExists", "Already Exists")
        await self._authorize(message.path)
        if message.path not in self._links:
            await self._connect(message)
        await self._links[message.path][0].pair()
        self._tree.update(message.path, objects.DEVICE, Paired=True, Bonded=True)
        return NOTHING

    async def _authorize(self, path: str) -> None:
        if self._agent is None:
            raise BluezError("AuthenticationFailed", "No agent available")
        sender, agent = self._agent
        reply = await self._bus.call(
            Message(
                destination=sender,
                path=agent,
                interface=objects.AGENT,
                member="RequestAuthorization",
                signature="o",
                body=[path],
            )
        )
        if reply is None or reply.message_type != MessageType.METHOD_RETURN:
            raise BluezError("AuthenticationRejected", "Authentication Rejected")

    # scanning

    async def _start_discovery(self, message: Any) -> Answer:
        self._scanners.add(message.sender)
        if not self._host.is_scanning:
            await self._host.start_scanning(legacy=True, filter_duplicates=False)
        self._tree.update(ADAPTER_PATH, objects.ADAPTER, Discovering=True)
        return NOTHING

    async def _stop_discovery(self, message: Any) -> Answer:
        self._scanners.discard(message.sender)
        if not self._scanners:
            if self._host.is_scanning:
                await self._host.stop_scanning(legacy=True)
            self._tree.update(ADAPTER_PATH, objects.ADAPTER, Discovering=False)
        return NOTHING

    def _on_advertisement(self, advertisement: Any) -> None:
        if not self._scanners:
            return
        address = advertisement.address.to_string(False)
        path = f"{ADAPTER_PATH}/dev_{address.replace(':', '_')}"
        properties = heard(advertisement)
        if path in self._tree:
            self._tree.update(path, objects.DEVICE, **properties)
            return
        named = {"Address": address, "AddressType": "random", "Alias": address.replace(":", "-")}
        states = dict.fromkeys(
            ("Paired", "Bonded", "Connected", "Trusted", "Blocked", "LegacyPairing", "ServicesResolved"), False
        )
        self._tree.add(path, objects.DEVICE, {**named, "Adapter": ADAPTER_PATH, "UUIDs": [], **states, **properties})

    async def _remove_device(self, message: Any) -> Answer:
        path = message.body[0]
        address = self._tree.properties(path, objects.DEVICE)["Address"]
        if path in self._links:
            await self._links[path][0].disconnect()
        await self._host.keystore.delete(str(random_address(address)))
        self._tree.remove(path)
        return NOTHING

    # links

    async def _connect(self, message: Any) -> Answer:
        path = message.path
        device = self._tree.properties(path, objects.DEVICE)
        if path in self._links:
            raise BluezError("AlreadyConnected", "Already Connected")
        async with self._connecting:
            self._awaited = path
            connection = await self._host.connect(random_address(device["Address"]), timeout=CONNECT_SECONDS)
        peer = Peer(connection)
        self._links[path] = connection, peer
        connection.on("disconnection", lambda _: self._on_lost(path))
        self._tree.update(path, objects.DEVICE, Connected=True)
        if device["Bonded"]:
            await connection.encrypt()
        await peer.request_mtu(MTU)
        await peer.discover_all()
        for service in peer.services:
            self._show(path, service, peer.gatt_client.mtu)
        uuids = [long_uuid(service.uuid) for service in peer.services]
        self._tree.update(path, objects.DEVICE, ServicesResolved=True, UUIDs=uuids)
        return NOTHING

    def _show(self, device: str, service: Any, mtu: int) -> None:
        """Show a service's GATT objects; BlueZ names a characteristic by the handle of its declaration."""
        path = f"{device}/service{service.handle:04x}"
        shown = {"UUID": long_uuid(service.uuid), "Primary": True, "Device": device, "Includes": []}
        self._tree.add(path, objects.SERVICE, {**shown, "Handle": service.handle})
        for part in service.characteristics:
            at = f"{path}/char{part.handle - 1:04x}"
            self._attributes[at] = part
            shown = {"UUID": long_uuid(part.uuid), "Service": path, "Value": b"", "Flags": flags_of(part)}
            self._tree.add(
                at, objects.CHARACTERISTIC, {**shown, "Notifying": False, "Handle": part.handle - 1, "MTU": mtu}
            )
            for descriptor in part.descriptors:
                below = f"{at}/desc{descriptor.handle:04x}"
                self._attributes[below] = descriptor
                shown = {"UUID": long_uuid(descriptor.type), "Characteristic": at, "Value": b""}
                self._tree.add(below, objects.DESCRIPTOR, {**shown, "Handle": descriptor.handle})

    def _on_lost(self, path: str) -> None:
        self._links.pop(path, None)
        self._tree.update(path, objects.DEVICE, ServicesResolved=False)
        self._tree.update(path, objects.DEVICE, Connected=False)
        for below in self._tree.below(path):
            self._attributes.pop(below, None)
            self._subscriptions.pop(below, None)
            self._tree.remove(below)

    async def _disconnect(self, message: Any) -> Answer:
        if message.path in self._links:
            await self._links[message.path][0].disconnect()
        elif self._host.is_le_connecting and self._awaited == message.path:
            await self._host.cancel_connection()
        return NOTHING

    # attributes

    def _attribute(self, path: str) -> Any:
        attribute = self._attributes.get(path)
        if attribute is None:
            raise BluezError("NotConnected", "Not Connected")
        return attribute

    async def _read(self, message: Any) -> Answer:
        value = bytes(await self._attribute(message.path).read_value())
        self._tree.update(message.path, message.interface, Value=value)
        return "ay", [value]

    async def _write(self, message: Any) -> Answer:
        value, options = message.body
        kind = options.get("type", Variant("s", "request")).value
        await self._attribute(message.path).write_value(bytes(value), with_response=kind == "request")
        return NOTHING

    async def _start_notify(self, message: Any) -> Answer:
        path = message.path
        if not {"notify", "indicate"} & set(self._tree.properties(path, objects.CHARACTERISTIC)["Flags"]):
            raise BluezError("NotSupported", "Operation is not supported")

        def changed(value: bytes) -> None:
            self._tree.update(path, objects.CHARACTERISTIC, Value=bytes(value))

        self._subscriptions[path] = changed
        await self._attribute(path).subscribe(changed)
        self._tree.update(path, objects.CHARACTERISTIC, Notifying=True)
        return NOTHING

    async def _stop_notify(self, message: Any) -> Answer:
        changed = self._subscriptions.pop(message.path, None)
        if changed is not None:
            await self._attribute(message.path).unsubscribe(changed)
        self._tree.update(message.path, objects.CHARACTERISTIC, Notifying=False)
        return NOTHING


async def _quietly(closing: Awaitable[Any]) -> None:
    """Close what may be closed already."""
    try:
        await asyncio.wait_for(closing, CONNECT_SECONDS)
    except (BaseBumbleError, TimeoutError):
        logger.debug("already closed", exc_info=True)
