"""Telling systemd: what is sent, where, and nothing when nobody listens."""

import asyncio
import socket
from pathlib import Path

import pytest

from node.notify import keep_watch, notify, watchdog_seconds


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(str(path))
    made.settimeout(2)
    return made


def test_states_are_sent(tmp_path: Path) -> None:
    with listening(tmp_path / "s") as heard:
        assert notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "s")})
        assert heard.recv(64) == b"READY=1"
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not notify("READY=1", {})


@pytest.mark.parametrize(("text", "seconds"), [("", 0.0), ("x", 0.0), ("60000000", 30.0)])
def test_how_often(text: str, seconds: float) -> None:
    assert watchdog_seconds({"WATCHDOG_USEC": text}) == seconds


async def test_the_watchdog_hears_while_the_loop_turns(tmp_path: Path) -> None:
    with listening(tmp_path / "s") as heard:
        task = asyncio.create_task(keep_watch({"NOTIFY_SOCKET": str(tmp_path / "s"), "WATCHDOG_USEC": "20000"}))
        await asyncio.sleep(0.1)
        task.cancel()
        assert heard.recv(64) == b"WATCHDOG=1"
        assert heard.recv(64) == b"WATCHDOG=1"
    await keep_watch({})
