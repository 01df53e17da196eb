import pytest

from oracles.emulation.dbus import private_bus
from oracles.errors import LinkError
from oracles.links.agent import PairingAgent, pairing_agent

PATH = "/org/bluez/hci0/dev_C0_FF_EE_00_00_01"


def test_the_agent_agrees_only_to_devices_it_was_told_of() -> None:
    agent = PairingAgent()
    assert not agent.agrees(PATH)
    agent.allow("c0:ff:ee:00:00:01")
    assert agent.agrees(PATH)
    assert not agent.agrees(PATH[:-1] + "2")
    assert not agent.agrees("/org/bluez/hci0")


async def test_a_bus_without_bluetooth_is_said() -> None:
    async with private_bus():
        with pytest.raises(LinkError, match="BLUETOOTH_UNAVAILABLE"):
            async with pairing_agent():
                pass
