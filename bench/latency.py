"""Timing one read after the other from a process of its own, so that the load's client does not stand in the way.

`python -m bench.latency URL TO DATA`: reads until its input closes, then prints the milliseconds each took, as JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

import aiohttp

PAUSE = 0.02
"""Seconds between two reads."""


async def timed(url: str, to: str, data: str, over: asyncio.Event) -> list[float]:
    """Milliseconds of each `eth_call` until told to stop; at least one."""
    request: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "eth_call"}
    request["params"] = [{"to": to, "data": data}, "latest"]
    waits: list[float] = []
    async with aiohttp.ClientSession() as http:
        while not (waits and over.is_set()):
            begin = time.perf_counter()
            async with http.post(url, json=request) as reply:
                assert "result" in await reply.json()
            waits.append((time.perf_counter() - begin) * 1_000)
            await asyncio.sleep(PAUSE)
    return waits


class Reading:
    """A process that reads; `stop` ends it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, url: str, to: str, data: bytes) -> "Reading":
        """Returns when the first read was answered."""
        command = [sys.executable, "-m", "bench.latency", url, to, "0x" + data.hex()]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"reading\n"
        return cls(process)

    async def stop(self) -> list[float]:
        """The milliseconds of each read."""
        output, _ = await self._process.communicate(b"over")
        waits: list[float] = json.loads(output)
        return waits


async def main(url: str, to: str, data: str) -> None:
    over, first = asyncio.Event(), asyncio.Event()
    first.set()
    await timed(url, to, data, first)
    sys.stdout.write("reading\n")
    sys.stdout.flush()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), over.set)
    sys.stdout.write(json.dumps(await timed(url, to, data, over)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
