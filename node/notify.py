"""Telling systemd how it goes (sd_notify): ready, reloading, stopping, and that the loop still turns."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping


def notify(state: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send a state such as READY=1 to $NOTIFY_SOCKET; False when nobody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        out.sendall(state.encode())
        return True
    return False


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float:
    """How often systemd wants to hear from this process, halved; 0 if it does not."""
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 2_000_000 if text.isascii() and text.isdecimal() else 0.0


async def keep_watch(environment: Mapping[str, str] = os.environ) -> None:
    """Tell systemd again and again that the event loop turns; returns at once if it does not ask."""
    seconds = watchdog_seconds(environment)
    while seconds and notify("WATCHDOG=1", environment):
        await asyncio.sleep(seconds)
