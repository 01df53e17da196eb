"""A message bus of one's own: nobody else is on it, no service is started by it, nothing is left of it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

from oracles.errors import EmulationError

ADDRESS_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
"""D-Bus clients, bleak's BlueZ backend among them, take the system bus from here."""
START_SECONDS = 10
STOP_SECONDS = 5

_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@asynccontextmanager
async def private_bus() -> AsyncIterator[str]:
    """Run a message bus and make it this process's system bus while inside. Yields its address.

    Raises `DBUS_DAEMON_MISSING` or `DBUS_DAEMON_FAILED`.
    """
    program = shutil.which("dbus-daemon")
    if program is None:
        raise EmulationError(
            "DBUS_DAEMON_MISSING", "the message bus is not installed", "install Debian's package dbus-daemon"
        )
    with tempfile.TemporaryDirectory(prefix="tideprint-bus-") as folder:
        configuration = Path(folder) / "bus.conf"
        configuration.write_text(_CONFIGURATION.format(socket=escape(str(Path(folder) / "socket"))))
        daemon = await asyncio.create_subprocess_exec(
            program,
            f"--config-file={configuration}",
            "--nofork",
            "--nopidfile",
            "--nosyslog",
            "--print-address=1",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            address = await _address(daemon)
            with _system_bus(address):
                yield address
        finally:
            await _stop(daemon)


async def _address(daemon: asyncio.subprocess.Process) -> str:
    line = b""
    if daemon.stdout is not None:
        try:
            line = await asyncio.wait_for(daemon.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
    if not line:
        raise EmulationError("DBUS_DAEMON_FAILED", "the message bus did not start", "run dbus-daemon --version")
    return line.decode().strip()


@contextmanager
def _system_bus(address: str) -> Iterator[None]:
    before = os.environ.get(ADDRESS_VARIABLE)
    os.environ[ADDRESS_VARIABLE] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[ADDRESS_VARIABLE]
        else:
            os.environ[ADDRESS_VARIABLE] = before


async def _stop(daemon: asyncio.subprocess.Process) -> None:
    if daemon.returncode is not None:
        return
    daemon.terminate()
    try:
        await asyncio.wait_for(daemon.wait(), STOP_SECONDS)
    except TimeoutError:
        daemon.kill()
        await daemon.wait()
