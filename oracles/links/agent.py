"""The agent that BlueZ asks before it pairs: without one it refuses, and bleak brings none.

Shoes have no screen, so pairing is "just works": it protects from listeners, not from an active attacker at the first
meeting. That the shoe is the right one is shown by its signature, not by the pairing. The agent agrees only to devices
it was told of, so nobody can pair with the oracle on his own account.
"""

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from oracles.errors import LinkError

PATH = "/tideprint/agent"
MANAGER = "org.bluez.AgentManager1"
REJECTED = "org.bluez.Error.Rejected"


class PairingAgent:
    """The devices that may pair with us now."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()

    def allow(self, address: str) -> None:
        """Agree when the device with this address asks."""
        self._allowed.add(address.upper())

    def agrees(self, device_path: str) -> bool:
        """May the device behind this D-Bus path pair?"""
        match = re.fullmatch(r".*/dev_([0-9A-Fa-f_]{17})", device_path)
        return match is not None and match[1].replace("_", ":").upper() in self._allowed


@asynccontextmanager
async def pairing_agent() -> AsyncIterator[PairingAgent]:
    """Register the agent while inside. Does nothing where the system pairs by itself (not Linux).

    Raises `BLUETOOTH_UNAVAILABLE`.
    """
    agent = PairingAgent()
    if sys.platform != "linux":
        yield agent
        return
    from dbus_fast import BusType, DBusError
    from dbus_fast.aio import MessageBus

    try:
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    except (OSError, DBusError):
        raise _unavailable() from None
    try:
        bus.add_message_handler(_handler(bus, agent))
        await _register(bus)
        yield agent
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()


def _handler(bus: Any, agent: PairingAgent) -> Any:
    from dbus_fast import Message, MessageType

    def on_message(message: Any) -> bool | None:
        if message.message_type != MessageType.METHOD_CALL or message.interface != "org.bluez.Agent1":
            return None
        asks = message.member in ("RequestAuthorization", "AuthorizeService")
        if message.member in ("Release", "Cancel") or (asks and agent.agrees(message.body[0])):
            bus.send(Message.new_method_return(message))
        else:
            bus.send(Message.new_error(message, REJECTED, "not a shoe we asked for"))
        return True

    return on_message


async def _register(bus: Any) -> None:
    from dbus_fast import Message, MessageType

    calls = (("RegisterAgent", "os", [PATH, "NoInputNoOutput"]), ("RequestDefaultAgent", "o", [PATH]))
    for member, signature, body in calls:
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/org/bluez",
                interface=MANAGER,
                member=member,
                signature=signature,
                body=body,
            )
        )
        if reply.message_type != MessageType.METHOD_RETURN:
            raise _unavailable()


def _unavailable() -> LinkError:
    return LinkError(
        "BLUETOOTH_UNAVAILABLE", "there is no Bluetooth service on the system bus", "start bluetoothd and try again"
    )
