import asyncio
import os
import sys

import pytest
from bleak import BleakClient

from oracles.emulation import emulated_radio
from oracles.emulation.dbus import ADDRESS_VARIABLE, private_bus
from oracles.errors import EmulationError
from oracles.links.agent import pairing_agent
from oracles.links.scan import find_shoes
from tests.oracles.links.support import meeting
from tests.oracles.shoes.support import walked_pair

BATTERY, MODEL, RUNNING = (f"0000{uuid}-0000-1000-8000-00805f9b34fb" for uuid in ("2a19", "2a24", "2a53"))


async def test_a_missing_daemon_is_said_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EmulationError, match=r"DBUS_DAEMON_MISSING.*dbus-daemon"):
        async with emulated_radio():
            pass


async def test_a_daemon_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("oracles.emulation.dbus.shutil.which", lambda _: "/bin/false")
    with pytest.raises(EmulationError, match="DBUS_DAEMON_FAILED"):
        async with emulated_radio():
            pass


async def test_a_missing_emulator_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bumble.link", None)
    with pytest.raises(EmulationError, match="BUMBLE_MISSING"):
        async with emulated_radio():
            pass


async def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADDRESS_VARIABLE, "unix:path=/before")
    async with emulated_radio(walked_pair(0).left) as radio:
        socket = radio.bus_address.split("path=")[1].split(",")[0]
        assert os.environ[ADDRESS_VARIABLE] == radio.bus_address
        assert os.path.exists(socket)
        assert os.stat(os.path.dirname(socket)).st_mode & 0o777 == 0o700
    assert os.environ[ADDRESS_VARIABLE] == "unix:path=/before"
    assert not os.path.exists(os.path.dirname(socket))
    assert len(asyncio.all_tasks()) == 1


async def test_the_bus_ends_when_its_user_fails() -> None:
    with pytest.raises(RuntimeError, match="user"):
        async with private_bus() as address:
            raise RuntimeError("user")
    assert not os.path.exists(address.split("path=")[1].split(",")[0])


async def test_radios_follow_each_other_in_one_loop() -> None:
    for _ in range(2):
        async with emulated_radio(walked_pair(0).left), pairing_agent():
            assert [device.name for device in await find_shoes(expected=1)] == ["Shoe L"]


async def test_a_shoe_offers_what_the_market_reads() -> None:
    shoe = walked_pair(1).right
    shoe.battery_percent = 42
    async with meeting(shoe) as met, BleakClient(met.devices[0]) as client:
        assert met.devices[0].name == "Shoe R"
        assert await client.read_gatt_char(BATTERY) == b"\x2a"
        assert bytes(await client.read_gatt_char(MODEL)).decode() == "TIDE-1"
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await client.start_notify(RUNNING, lambda _, value: heard.put_nowait(bytes(value)))
        assert await asyncio.wait_for(heard.get(), 5) == bytes((0, 0, 0, 104))
